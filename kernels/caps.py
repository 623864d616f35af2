"""Caps: cutting a few huge totals down without losing a line to rounding.

Belongs here: percentiles of integer totals and the division of a capped total among its parts. Does not belong here:
what a total is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST_TOTAL = 3_037_000_499
"""Largest total whose square fits an int64: above it the shares could not be computed exactly."""


def nearest_rank(values: NDArray[np.int64], percent: int) -> int:
    """The percentile of `values`, shape (n,), by nearest rank: the smallest value with `percent` % at or below it.

    Always one of the values, so it stays an integer. Raises `ValueError` without values or for a percentage
    outside 1 to 100.
    """
    if values.size == 0 or not 1 <= percent <= 100:
        raise ValueError(f"nearest rank needs values and a percentage of 1 to 100, not {values.size} and {percent}")
    rank = -(-percent * values.size // 100)
    return int(np.partition(values, rank - 1)[rank - 1])


def capped_shares(group: NDArray[np.int64], lines: NDArray[np.int64], cap: int) -> NDArray[np.int64]:
    """Scale the lines of each group down to `cap` where they exceed it, in proportion, in whole lines.

    `group` and `lines` have shape (n,); rows of one group stand together. Returns int64 of shape (n,): the rows of a
    group add up to min(total, cap) exactly, and each is within one line of its exact share (the difference of
    cumulated shares rounded down). Raises `ValueError` for shapes that differ, lines or cap below 0, or a group above
    `LARGEST_TOTAL` lines.
    """
    if group.shape != lines.shape or group.ndim != 1:
        raise ValueError(f"group {group.shape} and lines {lines.shape} must be of one shape (n,)")
    if cap < 0 or (lines.size and lines.min() < 0):
        raise ValueError("lines and cap must be 0 or more")
    # Copies, so that read-only and writable arrays do not make numba compile one variant for each mixture.
    shares, largest = _capped_shares(group.astype(np.int64), lines.astype(np.int64), cap)
    if largest > LARGEST_TOTAL:
        raise ValueError(f"a group of {largest} lines is above the {LARGEST_TOTAL} that can be divided exactly")
    return shares


@numba.njit(cache=True, nogil=True)
def _capped_shares(group: NDArray[np.int64], lines: NDArray[np.int64], cap: int) -> tuple[NDArray[np.int64], int]:
    shares = np.empty(lines.size, np.int64)
    largest = 0
    first = 0
    while first < lines.size:
        last = first
        total = 0
        while last < lines.size and group[last] == group[first]:
            total += lines[last]
            last += 1
        largest = max(largest, total)
        cumulated = 0
        given = 0
        for i in range(first, last):
            if total <= cap:
                shares[i] = lines[i]
                continue
            cumulated += lines[i]
            reached = cumulated * cap // total
            shares[i] = reached - given
            given = reached
        first = last
    return shares, largest
