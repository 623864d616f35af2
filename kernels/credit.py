"""Which written line a merged line came from, by equality of hash within a group.

Belongs here: joining two sets of hashed lines, best candidate first. Does not belong here: what a group is, or who
wrote the winner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Hashes = NDArray[np.uint64]


@njit(cache=True, nogil=True)
def _slot(group: int, value: int, mask: int) -> np.int64:
    mixed = (value ^ (np.uint64(group) * np.uint64(0x9E3779B97F4A7C15))) * np.uint64(0xFF51AFD7ED558CCD)
    return np.int64((mixed ^ (mixed >> np.uint64(32))) & np.uint64(mask))


@njit(cache=True, nogil=True)
def last_writer(
    written_groups: Ints, written_hashes: Hashes, written_priorities: Ints, merged_groups: Ints, merged_hashes: Hashes
) -> Ints:
    """For each merged line, the written line of its group and hash with the highest priority.

    `written_*` (w): groups int64, hashes uint64, priorities int64; ties go to the later row. `merged_*` (m): groups
    int64, hashes uint64. Returns int64 (m): index of a written line, -1 where there is none.
    """
    capacity = 16
    while capacity < 2 * written_groups.size:
        capacity *= 2
    mask = capacity - 1
    table = np.full(capacity, -1, np.int64)
    for row in range(written_groups.size):
        slot = _slot(written_groups[row], written_hashes[row], mask)
        while True:
            other = table[slot]
            if other < 0:
                table[slot] = row
                break
            if written_groups[other] == written_groups[row] and written_hashes[other] == written_hashes[row]:
                if written_priorities[row] >= written_priorities[other]:
                    table[slot] = row
                break
            slot = (slot + 1) & mask
    found = np.full(merged_groups.size, -1, np.int64)
    for row in range(merged_groups.size):
        slot = _slot(merged_groups[row], merged_hashes[row], mask)
        while table[slot] >= 0:
            other = table[slot]
            if written_groups[other] == merged_groups[row] and written_hashes[other] == merged_hashes[row]:
                found[row] = other
                break
            slot = (slot + 1) & mask
    return found
