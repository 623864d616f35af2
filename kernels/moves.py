"""Lines that only moved: added lines that the same change set also deleted, in blocks.

Belongs here: the multiset match of blocks. Does not belong here: which lines form a change set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Hashes = NDArray[np.uint64]
    Bools = NDArray[np.bool_]

BLOCK = 3
"""Shortest run of lines that counts as moved."""
_TRIES = 64
"""Deleted blocks that are tried for one added block: bounds the work where one block repeats thousands of times."""


@njit(cache=True, nogil=True)
def _triple(hashes: Hashes, i: int) -> np.uint64:
    value = hashes[i] * np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ hashes[i + 1]) * np.uint64(0xFF51AFD7ED558CCD)
    value = (value ^ (value >> np.uint64(29)) ^ hashes[i + 2]) * np.uint64(0xC4CEB9FE1A85EC53)
    return value ^ (value >> np.uint64(32))


@njit(cache=True, nogil=True)
def _is_run(files: Ints, lines: Ints, i: int, size: int) -> bool:
    return (
        i + 2 < size
        and files[i] == files[i + 1]
        and files[i] == files[i + 2]
        and lines[i + 1] == lines[i] + 1
        and lines[i + 2] == lines[i] + 2
    )


@njit(cache=True, nogil=True)
def _match(  # noqa: C901 - one loop nest; parts of it would be called per line
    added_files: Ints,
    added_lines: Ints,
    added_hashes: Hashes,
    gone_files: Ints,
    gone_lines: Ints,
    gone_hashes: Hashes,
    is_moved: Bools,
) -> None:
    """Mark added lines of one change set that are part of a deleted block; each deleted line is spent once."""
    n_gone = gone_hashes.size
    n_added = added_hashes.size
    capacity = 16
    while capacity < 2 * n_gone:
        capacity *= 2
    mask = np.uint64(capacity - 1)
    head = np.full(capacity, -1, np.int64)
    following = np.full(n_gone, -1, np.int64)
    for j in range(n_gone - 1, -1, -1):
        if _is_run(gone_files, gone_lines, j, n_gone):
            slot = np.int64(_triple(gone_hashes, j) & mask)
            following[j] = head[slot]
            head[slot] = j
    is_spent = np.zeros(n_gone, np.bool_)
    i = 0
    while i < n_added:
        length = 0
        if _is_run(added_files, added_lines, i, n_added):
            slot = np.int64(_triple(added_hashes, i) & mask)
            while head[slot] >= 0 and is_spent[head[slot]]:  # spent for good
                head[slot] = following[head[slot]]
            j = head[slot]
            tries = 0
            while j >= 0 and tries < _TRIES:
                length = 0
                while (
                    i + length < n_added
                    and j + length < n_gone
                    and not is_spent[j + length]
                    and added_hashes[i + length] == gone_hashes[j + length]
                    and added_files[i + length] == added_files[i]
                    and gone_files[j + length] == gone_files[j]
                    and added_lines[i + length] == added_lines[i] + length
                    and gone_lines[j + length] == gone_lines[j] + length
                ):
                    length += 1
                if length >= BLOCK:
                    break
                length = 0
                j = following[j]
                tries += 1
            for k in range(length):
                is_spent[j + k] = True
                is_moved[i + k] = True
        i += max(length, 1)


@njit(cache=True, nogil=True)
def moved_lines(offsets: Ints, files: Ints, lines: Ints, hashes: Hashes, is_added: Bools) -> Bools:
    """Whether each line only moved inside its change set.

    `offsets` int64 (s + 1): lines of change set k are `offsets[k]:offsets[k + 1]`; `files` int64, `lines` int64,
    `hashes` uint64, `is_added` bool (l), lines of one file and side ascending. A block is 3 or more consecutive lines
    of one file, equal to as many consecutive deleted ones. Returns bool (l), false for deleted lines.
    """
    moved = np.zeros(hashes.size, np.bool_)
    for k in range(offsets.size - 1):
        start, end = offsets[k], offsets[k + 1]
        gone = start + np.nonzero(~is_added[start:end])[0]
        added = start + np.nonzero(is_added[start:end])[0]
        if gone.size < BLOCK or added.size < BLOCK:
            continue
        is_moved = np.zeros(added.size, np.bool_)
        _match(files[added], lines[added], hashes[added], files[gone], lines[gone], hashes[gone], is_moved)
        moved[added] = is_moved
    return moved
