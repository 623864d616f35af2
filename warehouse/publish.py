"""Publish a candidate: write down its checks and its run, then put it in place by one rename.

Belongs here: the last writes to a candidate and the swap. Does not belong here: deciding whether it may be published
(`pipelines`), or building it (`build.py`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import polars as pl

from schemas import TABLES
from warehouse.build import open_candidate

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path


class Check(Protocol):
    """What is kept of a quality check; `quality.engine.CheckOutcome` is one."""

    @property
    def asset(self) -> str:
        """Table that was checked."""
        ...

    @property
    def check(self) -> str:
        """Name of the check."""
        ...

    @property
    def severity(self) -> str:
        """`error` or `warning`."""
        ...

    @property
    def passed(self) -> bool:
        """Whether it held."""
        ...

    @property
    def observed(self) -> str | None:
        """What was found."""
        ...

    @property
    def expected(self) -> str:
        """What was expected."""
        ...


@dataclass(frozen=True)
class Run:
    """A row of `runs`; times are aware and kept in UTC."""

    run_id: str
    started_at: datetime
    finished_at: datetime
    code_version: str
    config_hash: str
    input_hash: str
    published_at: datetime


def store_checks(candidate: Path, checks: Iterable[Check]) -> None:
    """Replace the candidate's `quality_checks` by these, ordered by table and name."""
    names = TABLES["quality_checks"].columns
    rows = [{name: getattr(check, name) for name in names} for check in checks]
    _replace(candidate, "quality_checks", rows, "DELETE FROM quality_checks", {})


def store_run(candidate: Path, run: Run) -> None:
    """Add the run to the candidate's `runs`, in place of one with the same id."""
    row = {name: getattr(run, name) for name in TABLES["runs"].columns}
    _replace(candidate, "runs", [row], "DELETE FROM runs WHERE run_id = $run_id", {"run_id": run.run_id})


def publish(candidate: Path, target: Path) -> None:
    """Put `candidate` in the place of `target` by one rename that survives a power cut.

    Readers of the old file keep it until they close it; new readers get the new one; none ever waits. Both must stand
    in one folder. The published file is read-only (0444). A log that somebody left beside the old file is removed,
    since nobody could open the new one next to it. Raises `ValueError` for two folders, `RuntimeError` when the
    candidate could not be written out, and `OSError` from the file system; the old file is untouched then.
    """
    if candidate.parent.resolve() != target.parent.resolve():
        raise ValueError(f"{candidate.name} and {target.name} must stand in one folder to be swapped by a rename")
    with open_candidate(candidate) as connection:
        connection.execute("CHECKPOINT")
    log = candidate.with_name(candidate.name + ".wal")
    if log.exists():
        raise RuntimeError(f"{log.name} is still there after a checkpoint; is the candidate open elsewhere?")
    candidate.chmod(0o444)
    _sync(candidate)
    target.with_name(target.name + ".wal").unlink(missing_ok=True)
    candidate.replace(target)
    _sync(target.parent)


def _replace(
    candidate: Path, table: str, rows: list[dict[str, object]], delete: str, parameters: dict[str, object]
) -> None:
    added = pl.DataFrame(rows, schema=TABLES[table].polars_schema, orient="row").sort(TABLES[table].key)
    with open_candidate(candidate) as connection:
        connection.register("added", added)
        connection.execute("BEGIN")
        connection.execute(delete, parameters)
        connection.execute(f'INSERT INTO "{table}" BY NAME SELECT * FROM added')  # noqa: S608 - a name of schemas/
        connection.execute("COMMIT")
        connection.unregister("added")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
