"""Match merged lines to lines that agents wrote, each written line spent once; and line attestations.

Belongs here: joins of hashed lines under a time window, neighbours, ranges of line numbers. Does not belong here:
paths, repositories, what a match proves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from kernels.lines import EFFECTIVE, LONG

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Hashes = NDArray[np.uint64]
    Bytes = NDArray[np.uint8]


@njit(cache=True, nogil=True)
def _latest_free(free: Ints, i: int, first: int) -> int:
    """Greatest unspent index at or below `i`, or a value below `first`; compresses its path."""
    root = i
    while root >= first and free[root] != root:
        root = free[root]
    while i >= first and free[i] != i:
        following = free[i]
        free[i] = root
        i = following
    return root


@njit(cache=True, nogil=True)
def match_lines(
    written_groups: Ints,
    written_hashes: Hashes,
    written_at: Ints,
    merged_groups: Ints,
    merged_hashes: Hashes,
    merged_shapes: Bytes,
    merged_at: Ints,
    before: int,
    after: int,
) -> Ints:
    """For each merged line, a written line of its group and hash inside the window, each spent at most once.

    `written_*` (w), sorted by group, hash, time: groups int64, hashes uint64, times int64 seconds. `merged_*` (m), in
    the order in which they may spend: groups int64, hashes uint64, shapes uint8, times int64 seconds. A written line
    fits if `merged_at - before <= written_at <= merged_at + after`; the latest wins. Only lines of shape EFFECTIVE or
    LONG are matched. Returns int64 (m): index of a written line, -1 where there is none.
    """
    n = written_groups.size
    free = np.arange(n)
    found = np.full(merged_groups.size, -1, np.int64)
    for row in range(merged_groups.size):
        if merged_shapes[row] != EFFECTIVE and merged_shapes[row] != LONG:
            continue
        group, value = merged_groups[row], merged_hashes[row]
        low, high = 0, n
        while low < high:  # first written line of this group and hash
            middle = (low + high) >> 1
            if written_groups[middle] < group or (written_groups[middle] == group and written_hashes[middle] < value):
                low = middle + 1
            else:
                high = middle
        first = low
        if first == n or written_groups[first] != group or written_hashes[first] != value:
            continue
        limit = merged_at[row] + after
        high = n
        while low < high:  # behind the last one that is not too late
            middle = (low + high) >> 1
            is_same = written_groups[middle] == group and written_hashes[middle] == value
            if is_same and written_at[middle] <= limit:
                low = middle + 1
            else:
                high = middle
        chosen = _latest_free(free, low - 1, first)
        if chosen >= first and written_at[chosen] >= merged_at[row] - before:
            found[row] = chosen
            free[chosen] = chosen - 1
    return found


@njit(cache=True, nogil=True)
def fill_neighbours(files: Ints, lines: Ints, shapes: Bytes, owners: Ints) -> Ints:
    """Give short, blank and punctuation lines the owner of their neighbours in the same run of lines.

    `files` int64, `lines` int64, `shapes` uint8, `owners` int64 (l), -1 for none; lines of one file ascending. Such a
    line gets an owner where the nearest lines with content on both sides have the same one, or on its only side
    where the run begins or ends with it. Returns int64 (l).
    """
    n = files.size
    filled = owners.copy()
    i = 0
    while i < n:
        if shapes[i] == EFFECTIVE or shapes[i] == LONG:
            i += 1
            continue
        j = i
        while (
            j + 1 < n
            and files[j + 1] == files[i]
            and lines[j + 1] == lines[j] + 1
            and shapes[j + 1] != EFFECTIVE
            and shapes[j + 1] != LONG
        ):
            j += 1
        has_left = i > 0 and files[i - 1] == files[i] and lines[i - 1] + 1 == lines[i]
        has_right = j + 1 < n and files[j + 1] == files[i] and lines[j + 1] == lines[j] + 1
        left = owners[i - 1] if has_left else -1
        right = owners[j + 1] if has_right else -1
        owner = -1
        if has_left and has_right:
            owner = left if left == right else -1
        elif has_left:
            owner = left
        elif has_right:
            owner = right
        for k in range(i, j + 1):
            filled[k] = owner
        i = j + 1
    return filled


@njit(cache=True, nogil=True)
def attest(file_offsets: Ints, lines: Ints, entry_files: Ints, entry_firsts: Ints, entry_lasts: Ints) -> Ints:
    """Last entry whose range holds each line.

    `file_offsets` int64 (f + 1): the added lines of file k are `lines[file_offsets[k]:file_offsets[k + 1]]`, ascending.
    `entry_*` int64 (e), in order of precedence, the last one winning. Returns int64 (l): index of an entry, -1 for none.
    """
    owner = np.full(lines.size, -1, np.int64)
    for entry in range(entry_files.size):
        low, high = file_offsets[entry_files[entry]], file_offsets[entry_files[entry] + 1]
        end = high
        while low < high:
            middle = (low + high) >> 1
            if lines[middle] < entry_firsts[entry]:
                low = middle + 1
            else:
                high = middle
        while low < end and lines[low] <= entry_lasts[entry]:
            owner[low] = entry
            low += 1
    return owner
