"""Finding session files and reading them line by line.

Belongs here: which files of a source are candidates, opening them safely, splitting them into lines within the caps
below. Does not belong here: what a line means (`records.py` and the readers of each format).
"""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol, cast

import zstandard

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE_BYTES = 8 << 30
LINE_BYTES = 64 << 20
UNPACKED_BYTES = 4 << 30
UNPACKED_RATIO = 200
UNPACKED_FREE_BYTES = 64 << 20
"""Below this size a ratio says nothing: short files of one repeated record pack very well."""
WINDOW_BYTES = 128 << 20
DEPTH = 32
CHUNK_BYTES = 1 << 20

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
CANDIDATE = re.compile(r"\.jsonl(\.\d{3})?(\.zst)?$|\.json(\.zst)?$", re.IGNORECASE)
SIDECAR = re.compile(
    r"^(metadata|sessions?[-_]index|stats-cache|settings(\.local)?|config|package|history|session_index)\.jsonl?$"
    r"|\.meta\.jsonl?$",
    re.IGNORECASE,
)
SIDECAR_FOLDERS = frozenset(
    {
        "todos",
        "statsig",
        "usage-data",
        "file-history",
        "tool-results",
        "shell-snapshots",
        "plugins",
        "memory",
        "node_modules",
    }
)
"""Folders of an agent's home that hold JSON but no session."""


class FileProblemError(Exception):
    """A file that cannot be read; `reason` is a short code and the message says what was expected."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, order=True)
class Stamp:
    """What tells whether a file changed without reading it. Times in nanoseconds."""

    size: int
    mtime: int
    ctime: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """The stamp of what `stat` said."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


@dataclass
class Found:
    """Candidates below one source: path to stamp; `problems` are folders and files that could not be listed."""

    files: dict[Path, Stamp] = field(default_factory=dict[Path, Stamp])
    problems: list[tuple[Path, FileProblemError]] = field(default_factory=list[tuple[Path, FileProblemError]])


def has_magic(path: Path) -> bool:
    """Whether a path is to be read as a glob: it does not exist and has `*`, `?` or `[`."""
    return glob.has_magic(str(path)) and not path.exists()


def find_files(source: Path) -> Found:
    """Every candidate below a file, folder or glob; links below it are not followed, hard links count once.

    Raises `FileProblemError` (`source_missing`, `source_unreadable`) where there is nothing to look into.
    """
    found = Found()
    if has_magic(source):
        roots = [Path(match) for match in sorted(glob.glob(str(source), recursive=True))]  # noqa: PTH207 - Path.glob wants a relative pattern
        if not roots:
            raise FileProblemError(
                "source_missing", "expected at least one file to match the glob; mend the path or remove the source"
            )
    else:
        roots = [source]
    for root in roots:
        try:
            _find_below(root.resolve(strict=True), found, is_named=not has_magic(source))
        except OSError as error:
            if root == source:
                raise _source_problem(error) from None
            found.problems.append((root, _source_problem(error)))
    _drop_hard_links(found)
    for path in [path for path in found.files if path.suffix == ".zst" and path.with_suffix("") in found.files]:
        del found.files[path]  # the agent is packing it: the plain file is the whole one
    return found


def _source_problem(error: OSError) -> FileProblemError:
    if isinstance(error, FileNotFoundError):
        return FileProblemError("source_missing", "expected a file or folder here; mend the path or remove the source")
    return FileProblemError("source_unreadable", f"could not be opened ({errno_name(error)}); check its permissions")


def errno_name(error: OSError) -> str:
    """The error's symbolic name; its text could quote a path."""
    return errno.errorcode.get(error.errno or 0, "unknown error")


def _find_below(root: Path, found: Found, *, is_named: bool) -> None:
    status = root.stat()
    if not stat.S_ISDIR(status.st_mode):
        if is_named or is_candidate(root.name):
            found.files[root] = Stamp.of(status)
        return
    os.scandir(root).close()  # an unreadable source is an error of the source, not of a folder in it
    pending = [(root, 0)]
    while pending:
        folder, depth = pending.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            found.problems.append((folder, _source_problem(error)))
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if depth < DEPTH and entry.name not in SIDECAR_FOLDERS:
                    pending.append((Path(entry.path), depth + 1))
            elif entry.is_file(follow_symlinks=False) and is_candidate(entry.name):
                found.files[Path(entry.path)] = Stamp.of(entry.stat(follow_symlinks=False))


def is_candidate(name: str) -> bool:
    """Whether a file of this name may be a session."""
    return CANDIDATE.search(name) is not None and SIDECAR.search(name) is None


def _drop_hard_links(found: Found) -> None:
    seen: set[Stamp] = set()
    for path in sorted(found.files):
        stamp = found.files[path]
        if stamp in seen and path.stat().st_nlink > 1:
            del found.files[path]
        seen.add(stamp)


class _Source(Protocol):
    def read(self, size: int = ..., /) -> bytes: ...


class _Hashing:
    """A file descriptor that hashes what is read from it."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.digest = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1, /) -> bytes:
        chunk = os.read(self.descriptor, size if size > 0 else CHUNK_BYTES)
        self.digest.update(chunk)
        self.size += len(chunk)
        return chunk


@dataclass(frozen=True)
class Line:
    """One line without its newline. `data` is None where it is longer than `LINE_BYTES`."""

    offset: int
    data: bytes | None
    is_terminated: bool


class LineReader:
    """The lines of one file, streamed: at most one line is in memory.

    Iterating raises `FileProblemError` for what is no regular file, cannot be opened, is too large or unpacks badly.
    Afterwards `sha256` is that of the bytes as stored.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sha256 = ""
        self.stamp = Stamp(0, 0, 0, 0)

    def __iter__(self) -> Iterator[Line]:
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            raise FileProblemError("unreadable", f"could not be opened ({errno_name(error)})") from None
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise FileProblemError("not_a_file", "expected a regular file")
            if status.st_size > FILE_BYTES:
                raise FileProblemError("file_too_large", f"expected at most {FILE_BYTES} bytes")
            self.stamp = Stamp.of(status)
            hashing = _Hashing(descriptor)
            yield from _split(_unpack(hashing))
            self.sha256 = hashing.digest.hexdigest()
        except (OSError, zstandard.ZstdError) as error:
            name = errno_name(error) if isinstance(error, OSError) else "damaged zstd stream"
            raise FileProblemError("unreadable", f"reading stopped before the end ({name})") from None
        finally:
            os.close(descriptor)


def _unpack(source: _Hashing) -> Iterator[bytes]:
    """Chunks of the content, unpacked where it begins as zstd does."""
    first = source.read(CHUNK_BYTES)
    if not first.startswith(ZSTD_MAGIC):
        while first:
            yield first
            first = source.read(CHUNK_BYTES)
        return
    unpacked = 0
    packed = cast("IO[bytes]", _Prefixed(first, source))
    unpacker = zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES).stream_reader(packed, read_across_frames=True)
    while chunk := unpacker.read(CHUNK_BYTES):
        unpacked += len(chunk)
        if unpacked > UNPACKED_BYTES or unpacked > max(UNPACKED_FREE_BYTES, source.size * UNPACKED_RATIO):
            expected = f"expected at most {UNPACKED_BYTES} bytes and {UNPACKED_RATIO} times its size"
            raise FileProblemError("unpacks_too_large", expected)
        yield chunk


class _Prefixed:
    """A source whose first bytes were already taken."""

    def __init__(self, first: bytes, source: _Source) -> None:
        self.first = first
        self.source = source

    def read(self, size: int = -1, /) -> bytes:
        first, self.first = self.first, b""
        return first or self.source.read(size)


def _split(chunks: Iterator[bytes]) -> Iterator[Line]:
    offset = 0
    parts: list[bytes] = []
    held = 0
    for chunk in chunks:
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            piece = chunk[start:end]
            held += len(piece)
            yield Line(offset, b"".join([*parts, piece]) if held <= LINE_BYTES else None, True)
            offset += held + 1
            parts, held, start = [], 0, end + 1
        rest = chunk[start:]
        held += len(rest)
        if held <= LINE_BYTES:
            parts.append(rest)
        else:
            parts = []
    if held:
        yield Line(offset, b"".join(parts) if held <= LINE_BYTES else None, False)
