"""Session sources to the lake: what is new is read, what is unchanged is skipped, what is out of scope is dropped.

Belongs here: sources, buckets, incremental state. Does not belong here: formats (`claude_code.py`, `codex.py`) and how
copies are counted (`pipelines/stages/ledger.py`).

Files are written in buckets, by the first two digits of their id: thousands of small files would make a lake of
thousands of smaller ones. A bucket is rewritten as a whole when one of its files changed. A file that its agent
deleted keeps its rows; a file that no source covers any more loses them.
"""

from __future__ import annotations

import fnmatch
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from pipelines.sources.sessions.files import FileProblemError, LineReader, Stamp, find_files, has_magic
from pipelines.sources.sessions.reading import FileReading
from pipelines.sources.sessions.rows import Columns
from pipelines.sources.sessions.state import KnownFile, load_state, save_state
from schemas import TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipelines.config import SessionSource
    from pipelines.identities import Identities
    from pipelines.lake import Lake
    from pipelines.progress import Progress
    from pipelines.sources.sessions.reading import Format

FILE_TABLES = ("session_files", "session_events", "session_edits", "session_lines", "quarantine")
_TASK = "sessions"


@dataclass(frozen=True)
class SessionsRead:
    """What one ingestion did. `missing` names the sources that could not be read, as the configuration writes them.

    `records` and `quarantined` are those of the files that were read this time.
    """

    files: int
    files_read: int
    files_skipped: int
    records: int
    quarantined: int
    missing: list[str]


@dataclass(frozen=True)
class _Wanted:
    """A file to have in the lake, and what its source says about it."""

    file_id: str
    path: Path
    stamp: Stamp
    format: Format
    engineer_id: str | None

    @property
    def options(self) -> str:
        """What, beside its content, its rows depend on."""
        return f"{self.format} {self.engineer_id or '-'}"


@dataclass
class _Tally:
    read: int = 0
    skipped: int = 0
    records: int = 0
    quarantined: int = 0
    known: dict[str, KnownFile] = field(default_factory=dict[str, KnownFile])


def ingest_sessions(
    sources: Sequence[SessionSource], lake: Lake, identities: Identities, *, state: Path, progress: Progress
) -> SessionsRead:
    """Read every new or changed session file of the sources into the lake.

    Writes session_files, session_events, session_edits, session_lines and quarantine in partitions
    `{"bucket": first two digits of file_id}` (quarantine: `{"source": "sessions", "bucket": ...}`), rows sorted by
    their table's key. Broken records and files are quarantined, never raised; a source that is not there is named in
    `missing` and in quarantine.
    """
    book = identities.folder / "session_files.json"
    known = load_state(state, book)
    wanted, problems, missing = _find_wanted(sources, identities, progress)
    tally = _Tally()
    changed: dict[str, list[_Wanted]] = defaultdict(list)
    progress.start(_TASK, len(wanted))
    for file in wanted.values():
        before = known.get(file.file_id)
        if (
            before
            and before.options == file.options
            and _is_in_lake(lake, file.file_id)
            and _is_unchanged(file, before)
        ):
            tally.known[file.file_id] = replace(before, stamp=file.stamp)
            tally.skipped += 1
            progress.advance(_TASK)
        else:
            changed[file.file_id[:2]].append(file)
    dropped: dict[str, set[str]] = defaultdict(set)
    for file_id, before in known.items():
        if file_id in wanted:
            continue
        if any(_covers(source.path, Path(before.path)) for source in sources):
            tally.known[file_id] = before  # deleted by its agent, or its disk is not there today
        else:
            dropped[file_id[:2]].add(file_id)
    for bucket in sorted({*changed, *dropped}):
        _rewrite(bucket, changed.get(bucket, []), dropped.get(bucket, set()), lake, identities, tally, progress)
    _write_source_problems(lake, problems)
    save_state(state, book, tally.known)
    progress.finish(_TASK)
    return SessionsRead(len(wanted), tally.read, tally.skipped, tally.records, tally.quarantined, missing)


def _find_wanted(
    sources: Sequence[SessionSource], identities: Identities, progress: Progress
) -> tuple[dict[str, _Wanted], list[tuple[str, FileProblemError]], list[str]]:
    """Files by id; of a file below several sources the most specific one speaks."""
    wanted: dict[str, _Wanted] = {}
    problems: list[tuple[str, FileProblemError]] = []
    missing: list[str] = []
    for source in sorted(sources, key=lambda source: (len(str(source.path)), str(source.path), source.format)):
        try:
            found = find_files(source.path)
        except FileProblemError as problem:
            missing.append(source.label)
            problems.append((source.label, problem))
            progress.warn(f"sessions: {source.label}: {problem.detail}")
            continue
        engineer_id = identities.pseudonym("engineer", source.engineer.lower()) if source.engineer else None
        for path, stamp in found.files.items():
            file_id = identities.pseudonym("session-file", str(path))
            wanted[file_id] = _Wanted(file_id, path, stamp, source.format, engineer_id)
        problems.extend((identities.pseudonym("session-file", str(path)), problem) for path, problem in found.problems)
    return dict(sorted(wanted.items())), problems, missing


def _is_in_lake(lake: Lake, file_id: str) -> bool:
    return lake.file_of("session_files", {"bucket": file_id[:2]}).exists()


def _is_unchanged(file: _Wanted, before: KnownFile) -> bool:
    """By its stamp; where that differs, by its content."""
    if file.stamp == before.stamp:
        return True
    if not before.sha256 or file.stamp.size != before.stamp.size:
        return False
    reader = LineReader(file.path)
    try:
        for _ in reader:
            pass
    except FileProblemError:
        return False
    return reader.sha256 == before.sha256


def _covers(source: Path, path: Path) -> bool:
    """Whether a file lies below a source, judged by the paths alone: neither need exist."""
    if has_magic(source):
        return fnmatch.fnmatchcase(str(path), str(source)) or any(
            fnmatch.fnmatchcase(str(parent), str(source)) for parent in path.parents
        )
    return path.is_relative_to(source.resolve())


def _write_source_problems(lake: Lake, problems: list[tuple[str, FileProblemError]]) -> None:
    partition = {"source": "sessions", "bucket": "sources"}
    table = TABLES["quarantine"]
    rows = [
        {"source": "sessions", "path": path, "position": "", "reason": problem.reason, "detail": problem.detail}
        for path, problem in problems
    ]
    if rows:
        frame = pl.DataFrame(rows, schema=table.polars_schema)
        lake.write("quarantine", frame.unique(maintain_order=True).sort(table.key), partition)
    else:
        lake.remove("quarantine", partition)


def _rewrite(
    bucket: str,
    files: list[_Wanted],
    dropped: set[str],
    lake: Lake,
    identities: Identities,
    tally: _Tally,
    progress: Progress,
) -> None:
    columns = Columns(identities)
    replaced = set(dropped)
    unread: set[str] = set()
    for file in files:
        (replaced if _read_file(file, columns, tally) else unread).add(file.file_id)
        progress.advance(_TASK)
    kept_edits: pl.DataFrame | None = None
    for name, new in columns.frames().items():
        partition = {"source": "sessions", "bucket": bucket} if name == "quarantine" else {"bucket": bucket}
        names = TABLES[name].columns
        old = lake.read(name, partition)
        if name == "session_lines":
            assert kept_edits is not None  # noqa: S101 - session_edits stands before session_lines
            old = old.filter(pl.col("edit_id").is_in(kept_edits["edit_id"].implode()))
        else:
            # A file that cannot be read today keeps its events and edits; its own row and quarantine say so.
            gone = replaced if name in {"session_events", "session_edits"} else replaced | unread
            old = old.filter(~pl.col("path" if name == "quarantine" else "file_id").is_in(list(gone)))
        if name == "session_edits":
            kept_edits = old
        frame = pl.concat([old.select(names), new.select(names)])
        if name in {"session_lines", "quarantine"}:
            frame = frame.unique(TABLES[name].key, maintain_order=True)
        if frame.is_empty():
            lake.remove(name, partition)
        else:
            lake.write(name, frame.sort(TABLES[name].key), partition)


def _read_file(file: _Wanted, columns: Columns, tally: _Tally) -> bool:
    """Add one file's rows and say how it was read; False where it could not be read and its rows stay as they are."""
    columns.begin_file()
    mark = columns.mark()
    reading = FileReading(file.path, file.format)
    for item in reading:
        columns.add(file.file_id, reading.tool, item)
    if reading.failure:
        columns.drop_file(mark)
    problems = reading.problems
    columns.add_file(file.file_id, reading.tool, reading.stamp.size, reading.records, len(problems), file.engineer_id)
    columns.add_problems(file.file_id, reading.tool if reading.records else "sessions", problems)
    tally.read += 1
    tally.records += reading.records
    tally.quarantined += len(problems)
    # A file that could not be read is tried again next time: no stamp of it is remembered.
    stamp = Stamp(0, 0, 0, 0) if reading.failure else reading.stamp
    tally.known[file.file_id] = KnownFile(str(file.path), stamp, reading.sha256, file.options)
    return reading.failure is None
