"""What the reader remembers from one run to the next, so that unchanged files are not read again.

Belongs here: the state file and the private list of where each file is. Does not belong here: rows; those are in
the lake.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import orjson

from pipelines.sources.sessions.files import Stamp

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

READER_VERSION = 1
"""Raised whenever the same file would give other rows: every file is then read again."""


@dataclass(frozen=True)
class KnownFile:
    """A file as it was when its rows were written. `options` are what its source said about it."""

    path: str
    stamp: Stamp
    sha256: str
    options: str


def load_state(state: Path, book: Path) -> dict[str, KnownFile]:
    """Known files by file id; empty where there is no state, or one that cannot be used."""
    try:
        stored = orjson.loads((state / "sessions.json").read_bytes())
        paths = orjson.loads(book.read_bytes())
        if stored["reader_version"] != READER_VERSION:
            return {}
        return {
            file_id: KnownFile(paths[file_id], Stamp(**entry["stamp"]), entry["sha256"], entry["options"])
            for file_id, entry in stored["files"].items()
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # nothing is lost: files are read again


def save_state(state: Path, book: Path, files: Mapping[str, KnownFile]) -> None:
    """Write the state, and beside the identities, mode 0600, which path each file id stands for."""
    entries = {
        file_id: {"stamp": asdict(known.stamp), "sha256": known.sha256, "options": known.options}
        for file_id, known in sorted(files.items())
    }
    _replace(book, orjson.dumps({file_id: known.path for file_id, known in sorted(files.items())}))
    _replace(state / "sessions.json", orjson.dumps({"reader_version": READER_VERSION, "files": entries}))


def _replace(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.parent / f".tmp-{os.getpid()}-{target.name}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(target)
