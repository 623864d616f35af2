"""What was read of commits as rows of the lake's tables.

Belongs here: from parsed commits and changes to frames with the columns of `schemas/lake.py`. Does not belong here:
when they are read and which partition they go to (`reader.py`).
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from pipelines.sources.git.subjects import is_forge_commit, pull_request_of
from schemas import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipelines.identities import Identities
    from pipelines.sources.git.changes import Changes
    from pipelines.sources.git.marks import Rules
    from pipelines.sources.git.objects import Commit

    Remember = Callable[[str, str], str]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STATUS = {"A": "added", "M": "modified", "D": "deleted", "R": "renamed", "C": "copied", "T": "type_changed"}
_KIND = {0o120000: "symlink", 0o160000: "submodule"}


def commit_rows(repo: str, commits: Sequence[Commit], boundary: frozenset[str], remember: Remember) -> pl.DataFrame:
    """Rows of git_commits. `remember(name, email)` gives the id of an identity."""
    rows = [
        {
            "repo": repo,
            "commit_sha": commit.sha,
            "parents": list(commit.parents),
            "author_id": remember(commit.author.name, commit.author.email),
            "committer_id": remember(commit.committer.name, commit.committer.email),
            "authored_at": _time_of(commit.authored_at),
            "committed_at": _time_of(commit.committed_at),
            "pull_request": pull_request_of(commit.message),
            "is_forge_commit": is_forge_commit(commit.committer.email),
            "is_boundary": commit.sha in boundary,
        }
        for commit in commits
    ]
    return pl.DataFrame(rows, schema=TABLES["git_commits"].polars_schema)


def mark_rows(
    repo: str, commits: Sequence[Commit], rules: Rules, identities: Identities, remember: Remember
) -> pl.DataFrame:
    """Rows of git_marks: what the identity table finds in each commit."""
    rows = [
        {
            "repo": repo,
            "commit_sha": commit.sha,
            "kind": mark.kind,
            "tool": mark.tool,
            "model": mark.model or None,
            "identity_id": remember(*mark.person) if mark.person else None,
            "reference": identities.pseudonym("session", mark.reference) if mark.reference else None,
            "rules_version": rules.version,
        }
        for commit in commits
        for mark in rules.find_marks(commit)
    ]
    return pl.DataFrame(rows, schema=TABLES["git_marks"].polars_schema)


def change_rows(repo: str, shas: Sequence[str], found: Changes) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of git_changes and of git_lines. `shas` are the commits that the pairs of `found` stand for."""
    pairs: list[int] = found.pair.tolist()
    commits = [shas[pair] for pair in pairs]
    ids = np.fromiter(
        (_change_id(sha, path) for sha, path in zip(commits, found.path, strict=True)), np.uint64, len(commits)
    )
    added = np.bincount(found.line_change[found.is_added], minlength=ids.size)
    deleted = np.bincount(found.line_change[~found.is_added], minlength=ids.size)
    modes = np.where(found.status == ord("D"), found.old_mode, found.new_mode)
    changes = {
        "repo": [repo] * ids.size,
        "commit_sha": commits,
        "change_id": ids,
        "path": [name_path(path) for path in found.path],
        "old_path": [name_path(path) or None for path in found.old_path],
        "status": [_STATUS.get(chr(letter), "modified") for letter in found.status.tolist()],
        "file_kind": [_KIND.get(mode, "file") for mode in modes.tolist()],
        "is_binary": found.is_binary,
        "lines_raw": added.astype(np.int64),
        "lines_deleted": deleted.astype(np.int64),
    }
    lines = {
        "change_id": ids[found.line_change],
        "is_added": found.is_added,
        "line": found.line,
        "hash": found.hash,
        "shape": found.shape,
    }
    return (
        pl.DataFrame(changes, schema=TABLES["git_changes"].polars_schema),
        pl.DataFrame(lines, schema=TABLES["git_lines"].polars_schema),
    )


def name_path(path: bytes) -> str:
    """A path as text: bytes that are not UTF-8 are written as \\xNN."""
    return path.decode("utf-8", "backslashreplace")


def _time_of(seconds: int | None) -> datetime | None:
    return None if seconds is None else EPOCH + timedelta(seconds=seconds)


def _change_id(sha: str, path: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(sha.encode() + b"\0" + path, digest_size=8).digest(), "little")
