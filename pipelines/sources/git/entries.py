"""Read a change set file by file: where git cannot diff it whole, or where its patch is not its count.

Belongs here: commits of which an object is missing, so that their other files still count, and files that became
links (or the reverse), which git's patch shows as a deletion and a creation but its numstat compares. Does not
belong here: the common case (`diffs.py`); this costs a git child for each file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kernels.lines import hash_text
from pipelines.sources.git.changes import Changes, join_changes
from pipelines.sources.git.isolation import GitError
from pipelines.sources.git.stream import StreamParser

if TYPE_CHECKING:
    from pipelines.sources.git.isolation import Git

_RAW = ("diff-tree", "-r", "-z", "--raw", "--no-abbrev", "-l1000", "--ignore-submodules=none", "--stdin")
_DIFF = (
    "diff",
    "-z",
    "--raw",
    "-p",
    "-U1",
    "--no-abbrev",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--diff-algorithm=myers",
    "--end-of-options",
)
_SUBMODULE = 0o160000


@dataclass(frozen=True, slots=True)
class _Entry:
    status: int
    old_mode: int
    new_mode: int
    old_id: str
    new_id: str
    path: bytes
    old_path: bytes


def read_entries(git: Git, pair: tuple[str, str], index: int) -> tuple[Changes, list[bytes]]:
    """Changes of one pair of trees, and the paths whose content cannot be read.

    Raises `GitError` where even the trees cannot be read.
    """
    entries = _list_entries(git, pair)
    present = _find_present(
        git, {sha for entry in entries for sha in (entry.old_id, entry.new_id) if set(sha) != {"0"}}
    )
    parts: list[Changes] = []
    missing: list[bytes] = []
    for entry in entries:
        sides = [
            sha
            for sha, mode in ((entry.old_id, entry.old_mode), (entry.new_id, entry.new_mode))
            if mode not in (0, _SUBMODULE)
        ]
        if all(sha in present for sha in sides):
            parts.append(_read_entry(git, entry, index))
        else:
            missing.append(entry.path)
    return join_changes(parts), missing


def _list_entries(git: Git, pair: tuple[str, str]) -> list[_Entry]:
    try:
        output = git.run(*_RAW, "-M50%", lines=[" ".join(pair)])
    except GitError:  # a similarity needs content: without it, renames are known by equal ids alone
        output = git.run(*_RAW, "-M100%", lines=[" ".join(pair)])
    echo, _, listed = output.partition(b"\n")
    if echo.decode("ascii", "replace") != " ".join(pair):  # git leaves out what it cannot read, and ends well
        raise GitError("git diff-tree left out a pair of trees")
    words = iter(listed.split(b"\0"))
    entries: list[_Entry] = []
    for word in words:
        if not word.startswith(b":"):
            continue
        old_mode, new_mode, old_id, new_id, status = word[1:].decode("ascii").split(" ")
        first = next(words)
        old_path, path = (first, next(words)) if status[0] in "RC" else (b"", first)
        entries.append(_Entry(ord(status[0]), int(old_mode, 8), int(new_mode, 8), old_id, new_id, path, old_path))
    return entries


def _find_present(git: Git, shas: set[str]) -> set[str]:
    answers = git.run("cat-file", "--batch-check", lines=sorted(shas)).decode("ascii").splitlines()
    return {answer.split()[0] for answer in answers if not answer.endswith("missing")}


def _read_entry(git: Git, entry: _Entry, index: int) -> Changes:
    if _SUBMODULE in (entry.old_mode, entry.new_mode):
        return _read_submodule(git, entry, index)
    empty = git.write_blob(b"")
    old = entry.old_id if entry.old_mode else empty
    new = entry.new_id if entry.new_mode else empty
    parser = StreamParser(git.hex_length, [], index)
    if old != new:
        child = git.start(*_DIFF, old, new)
        parser.consume(child, lambda _: None)
        if child.wait() != 0:
            raise GitError(f"git diff ended with status {child.returncode}")
    found = parser.result(1)
    return _as_entry(entry, index, found, is_binary=bool(found.is_binary.any()))


def _read_submodule(git: Git, entry: _Entry, index: int) -> Changes:
    """A submodule counts as the one line that git diffs for it; a file on the other side counts whole.

    Where that file is binary nothing counts, as in git: it looks for a NUL in the first 8,000 bytes.
    """
    parts: list[Changes] = []
    for sha, mode, is_added in ((entry.old_id, entry.old_mode, False), (entry.new_id, entry.new_mode, True)):
        text = (
            b""
            if mode == 0
            else f"Subproject commit {sha}\n".encode()
            if mode == _SUBMODULE
            else git.run("cat-file", "blob", sha)
        )
        if b"\0" in text[:8000]:
            return _as_entry(entry, index, Changes.none(), is_binary=True)
        hashes, shapes = hash_text(text)
        parts.append(
            Changes.of_lines(
                is_added=np.full(hashes.size, is_added),
                line=np.arange(1, hashes.size + 1, dtype=np.uint32),
                hashes=hashes,
                shapes=shapes,
            )
        )
    return _as_entry(entry, index, join_changes(parts), is_binary=False)


def _as_entry(entry: _Entry, index: int, found: Changes, *, is_binary: bool) -> Changes:
    """The lines of `found` under one change that carries the entry's own names."""
    return Changes(
        pair=np.array([index], np.int64),
        status=np.array([entry.status], np.uint8),
        old_mode=np.array([entry.old_mode], np.int32),
        new_mode=np.array([entry.new_mode], np.int32),
        path=[entry.path],
        old_path=[entry.old_path],
        is_binary=np.array([is_binary]),
        line_change=np.zeros(found.hash.size, np.int64),
        is_added=found.is_added,
        line=found.line,
        hash=found.hash,
        shape=found.shape,
    )
