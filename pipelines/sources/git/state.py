"""What the last reading of a repository left behind: the point from which the next one goes on.

Belongs here: the state file of a repository and its rows of `repositories`. Does not belong here: reading.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from pipelines.lake import slug_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipelines.config import Repository


Failure = tuple[str, str, str]
"""Position, reason and detail of something that could not be read."""


@dataclass(frozen=True)
class RepositoryRead:
    """A repository as last read.

    `head_sha`, `notes_sha` and `boundary` say what the lake holds of it; `failed` what could not be read, to be tried
    again when `objects`, a stamp of its object store, changes.
    """

    repo: str
    path: str
    mainline: str
    head_sha: str | None = None
    status: str = "ok"
    error: str | None = None
    reader_version: str = ""
    notes_sha: str | None = None
    objects: str = ""
    boundary: tuple[str, ...] = ()
    failed: tuple[Failure, ...] = ()
    commits: int = 0
    commits_new: int = 0
    lines_new: int = 0
    is_partway: bool = False
    """Whether a reading was begun and not ended: the lake may then hold some of its commits, each whole."""


def _file_of(state: Path, repo: str) -> Path:
    return state / "git" / f"{slug_of(repo)}.json"


def load_read(state: Path, repository: Repository) -> RepositoryRead:
    """What the last run knew of a repository; an empty record on the first run."""
    fresh = RepositoryRead(repository.name, str(repository.path), repository.mainline)
    path = _file_of(state, repository.name)
    if not path.exists():
        return fresh
    record = json.loads(path.read_text())
    record["boundary"] = tuple(record["boundary"])
    record["failed"] = tuple(tuple(failure) for failure in record["failed"])
    return replace(RepositoryRead(**record), path=fresh.path, mainline=fresh.mainline)


def save_read(state: Path, read: RepositoryRead) -> None:
    """Replace the state file of a repository by one rename."""
    path = _file_of(state, read.repo)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    temporary.write_text(json.dumps(asdict(read), sort_keys=True, indent=1) + "\n")
    temporary.replace(path)


def load_reads(state: Path, repositories: Sequence[Repository]) -> list[RepositoryRead]:
    """The last readings of the repositories that the configuration names, by name."""
    return sorted((load_read(state, repository) for repository in repositories), key=lambda read: read.repo)
