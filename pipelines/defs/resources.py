"""The resource that every asset takes: the configuration of the run, its folders, and the lock of its output."""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field, PrivateAttr

from pipelines.config import Config
from pipelines.defs.stamp import is_published
from pipelines.identities import Identities
from pipelines.inputs import Inputs, recall_inputs
from pipelines.lake import Lake
from pipelines.lock import RunLock
from pipelines.sources.people import read_people

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipelines.sources.git import RepositoryRead
    from pipelines.stages.histories import Rules
    from pipelines.stages.ledger import Ledger
    from quality.engine import CheckOutcome


class Workspace(dg.ConfigurableResource):
    """What a run reads and where it writes.

    Left empty, as in a run started from the UI or by the schedule: MERGELINE_OUT (else `data`) names the output, and
    MERGELINE_CONFIG, else the last `mergeline run` into that output, says what to read.
    """

    out: str = ""
    folder: str = ""
    config: str = ""
    repositories: list[str] = Field(default_factory=list)
    sessions: list[str] = Field(default_factory=list)
    jobs: int = 0

    # What the steps of one run, which share a process, hand to each other.
    _inputs: Inputs | None = PrivateAttr(default=None)
    _settings: Config | None = PrivateAttr(default=None)
    _identities: Identities | None = PrivateAttr(default=None)
    _ledger: Any = PrivateAttr(default=None)
    _candidate: Path | None = PrivateAttr(default=None)
    _outcomes: Any = PrivateAttr(default=())
    _stamp: str = PrivateAttr(default="")
    _is_published: bool = PrivateAttr(default=False)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Workspace]:
        """Hold the lock from the first step to the last. Raises `LockHeld` and `ConfigError`."""
        del context
        inputs = self.resolve()
        settings = inputs.load()
        with RunLock(settings.out):
            self._inputs, self._settings = inputs, settings
            self._identities = Identities(settings.out / "identities")
            yield self

    def resolve(self) -> Inputs:
        """The arguments of this run: its own, else those of the environment, else those of the last run."""
        if self.out:
            return Inputs(
                out=self.out,
                folder=self.folder or str(Path.cwd()),
                config=self.config,
                repositories=tuple(self.repositories),
                sessions=tuple(self.sessions),
                jobs=self.jobs,
            )
        out = Path(os.environ.get("MERGELINE_OUT") or "data")
        if config := os.environ.get("MERGELINE_CONFIG"):
            return Inputs(out=str(out.absolute()), folder=str(Path.cwd()), config=config, jobs=self.jobs)
        return recall_inputs(out, Path.cwd())

    @property
    def settings(self) -> Config:
        """The effective configuration."""
        if self._settings is None:
            raise RuntimeError("the workspace is open during a run only")
        return self._settings

    @property
    def identities(self) -> Identities:
        """The organisation's key and its book of identities."""
        if self._identities is None:
            raise RuntimeError("the workspace is open during a run only")
        return self._identities

    @property
    def workers(self) -> int:
        """Processes that may read at once."""
        return self._inputs.workers() if self._inputs else 1

    @property
    def lake(self) -> Lake:
        """The lake below the output folder."""
        return Lake(self.settings.out / "lake")

    @property
    def state(self) -> Path:
        """Where readers keep what they have read."""
        return self.settings.out / "state"

    @property
    def warehouse(self) -> Path:
        """The published warehouse."""
        return self.settings.out / "mergeline.duckdb"

    @property
    def ledger(self) -> Ledger:
        """Session records counted once; computed for the first step that asks."""
        if self._ledger is None:
            from pipelines.stages.ledger import build_ledger

            self._ledger = build_ledger(self.lake)
        return self._ledger

    @property
    def candidate(self) -> Path | None:
        """The candidate that this run built; `None` before."""
        return self._candidate

    def keep_candidate(self, candidate: Path) -> None:
        """Hand the candidate to the steps that check and publish it."""
        self._candidate = candidate

    @property
    def outcomes(self) -> tuple[CheckOutcome, ...]:
        """What the checks of this run found."""
        return self._outcomes

    def keep_outcomes(self, outcomes: Iterable[CheckOutcome]) -> None:
        """Hand what the checks found to the step that publishes."""
        self._outcomes = tuple(outcomes)

    @property
    def stamp(self) -> str:
        """What the tables of this run are made of; empty before the step that would publish them."""
        return self._stamp

    @property
    def is_published(self) -> bool:
        """Whether the published warehouse is made of the very same tables, so that nothing is left to do."""
        return self._is_published

    def keep_stamp(self, stamp: str) -> None:
        """Hand the stamp of this run's tables to the steps that check and publish them."""
        self._stamp = stamp
        self._is_published = is_published(self.state, self.warehouse, stamp)

    @property
    def rules(self) -> Rules:
        """What of the configuration decides about lines and engineers."""
        from pipelines.stages.histories import Rules

        people = self.settings.people
        return Rules(
            aliases=read_people(people.roster, people.aliases),
            assume_unmarked_is_human=self.settings.metrics.assume_unmarked_is_human,
            pseudonyms=self.settings.privacy.pseudonyms,
        )

    @property
    def reads(self) -> list[RepositoryRead]:
        """What the last reading of every configured repository said."""
        from pipelines.sources.git import load_reads

        return load_reads(self.state, self.settings.repositories)

    def hash_inputs(self) -> str:
        """SHA-256 of every input that the numbers rest on: tips and notes of repositories, rows of sessions, settings."""
        digest = hashlib.sha256(self.settings.digest.encode())
        for read in self.reads:
            digest.update(f"{read.repo}\0{read.head_sha}\0{read.notes_sha}\0{read.reader_version}\n".encode())
        for table in ("session_events", "session_edits", "session_lines"):
            for file in self.lake.files(table):
                digest.update(
                    f"{file.relative_to(self.lake.root).as_posix()}\n".encode()
                    + hashlib.sha256(file.read_bytes()).digest()
                )
        return digest.hexdigest()

    def files_of(self, table: str) -> list[Path]:
        """Files of a table to publish, in sorted order: of quarantine, those of the sources that are configured now."""
        if table != "quarantine":
            return self.lake.files(table)
        files = self.lake.files(table, {"source": "sessions"})
        for repository in self.settings.repositories:
            files += self.lake.files(table, {"source": "git", "repo": repository.name})
        return sorted(files)
