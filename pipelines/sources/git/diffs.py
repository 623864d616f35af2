"""Diffs of many commits against their first parents, as arrays: changes and hashed lines.

Belongs here: running `git diff-tree` on pairs of trees. This is the seam for a faster reader: whatever yields the
same `Changes` for the same pairs can stand here. Does not belong here: which pairs are wanted, or what a change
means.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pipelines.sources.git.changes import Changes, join_changes
from pipelines.sources.git.entries import read_entries
from pipelines.sources.git.isolation import GitError
from pipelines.sources.git.stream import StreamParser

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipelines.sources.git.isolation import Git

_DIFF = (
    "diff-tree",
    "--stdin",
    "-r",
    "-z",
    "--raw",
    "-p",
    # One line of context, not none: without context git trims equal tails before it compares, which changes counts.
    "-U1",
    "--no-abbrev",
    "-M50%",
    "-l1000",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--no-relative",
    "--ignore-submodules=none",
    "--diff-algorithm=myers",
)
_TYPE_CHANGED = ord("T")


@dataclass
class Diffs:
    """What was found, and what was not: pairs that git could not compare, and paths of pairs without content."""

    changes: Changes
    failed: list[int] = field(default_factory=list)
    missing: list[tuple[int, bytes]] = field(default_factory=list)


def read_diffs(git: Git, pairs: Sequence[tuple[str, str]], jobs: int, advance: Callable[[int], None]) -> Diffs:
    """Diff each pair of trees (old, new) in `jobs` children. `advance` is told how many pairs are done since its last call."""
    size = max(1, -(-len(pairs) // max(jobs, 1)))
    segments = [(pairs[start : start + size], start) for start in range(0, len(pairs), size)]
    with ThreadPoolExecutor(max(jobs, 1)) as pool:
        read = list(pool.map(lambda segment: _read_segment(git, segment[0], segment[1], advance), segments))
    return Diffs(
        join_changes([part.changes for part in read]),
        [pair for part in read for pair in part.failed],
        [miss for part in read for miss in part.missing],
    )


def _read_segment(git: Git, pairs: Sequence[tuple[str, str]], first_pair: int, advance: Callable[[int], None]) -> Diffs:
    """Every pair of a segment. A pair that git cannot compare whole is read file by file, and the rest goes on."""
    parts: list[Changes] = []
    by_entry: list[int] = []
    done = 0
    while done < len(pairs):
        changes, whole = _run(git, pairs[done:], first_pair + done, advance)
        odd = np.unique(changes.pair[changes.status == _TYPE_CHANGED])
        parts.append(changes.without(odd) if odd.size else changes)
        by_entry.extend(odd.tolist())
        done += whole
        if done < len(pairs):
            by_entry.append(first_pair + done)
            done += 1
    diffs = Diffs(Changes.none())
    for pair in by_entry:
        try:
            changes, missing = read_entries(git, pairs[pair - first_pair], pair)
        except GitError:
            diffs.failed.append(pair)
            continue
        parts.append(changes)
        diffs.missing.extend((pair, path) for path in missing)
    diffs.changes = join_changes(parts)
    return diffs


def _run(
    git: Git, pairs: Sequence[tuple[str, str]], first_pair: int, advance: Callable[[int], None]
) -> tuple[Changes, int]:
    """One child over the pairs. Returns what it gave and how many pairs of it are whole."""
    child = git.start(*_DIFF, lines=(" ".join(pair) for pair in pairs))
    parser = StreamParser(git.hex_length, pairs, first_pair)
    parser.consume(child, advance)
    ended_well = child.wait() == 0
    # The last pair of a child that died may be cut short.
    whole = parser.pairs_seen if ended_well and parser.pairs_seen == len(pairs) else max(parser.pairs_seen - 1, 0)
    return parser.result(whole), whole
