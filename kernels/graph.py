"""Order and landings over the commit graph, held as compressed sparse rows.

Belongs here: what follows from parents alone. Does not belong here: times, authors, files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


@njit(cache=True, nogil=True)
def topological_rank(offsets: Ints, parents: Ints) -> Ints:
    """Rank of every commit such that each parent's is lower than its children's.

    `offsets` int64 (n + 1) and `parents` int64 (m): the parents of commit i are `parents[offsets[i]:offsets[i + 1]]`;
    a parent that is not in the graph is -1. Depth-first from commit 0 on, so the same input gives the same ranks.
    Returns int64 (n).
    """
    n = offsets.size - 1
    rank = np.full(n, -1, np.int64)
    cursor = offsets[:n].copy()
    state = np.zeros(n, np.uint8)
    stack = np.empty(n, np.int64)
    following = 0
    for start in range(n):
        if state[start] != 0:
            continue
        depth = 0
        stack[0] = start
        state[start] = 1
        while depth >= 0:
            commit = stack[depth]
            if cursor[commit] < offsets[commit + 1]:
                parent = parents[cursor[commit]]
                cursor[commit] += 1
                if parent >= 0 and state[parent] == 0:
                    state[parent] = 1
                    depth += 1
                    stack[depth] = parent
            else:
                rank[commit] = following
                following += 1
                depth -= 1
    return rank


@njit(cache=True, nogil=True)
def mainline_of(offsets: Ints, parents: Ints, head: int) -> Ints:
    """First-parent chain from `head` down, oldest first. Arrays as in `topological_rank`; returns int64 (k)."""
    n = offsets.size - 1
    chain = np.empty(n, np.int64)
    length = 0
    commit = head
    while commit >= 0 and length < n:
        chain[length] = commit
        length += 1
        commit = parents[offsets[commit]] if offsets[commit] < offsets[commit + 1] else -1
    return chain[:length][::-1].copy()


@njit(cache=True, nogil=True)
def landing_of(offsets: Ints, parents: Ints, mainline: Ints) -> Ints:
    """Landing of every commit: the oldest mainline commit that reaches it, itself for a mainline commit.

    `mainline` int64 (k), oldest first. Returns int64 (n), -1 for a commit that no mainline commit reaches. Linear:
    each walk stops at what has landed.
    """
    n = offsets.size - 1
    landing = np.full(n, -1, np.int64)
    for commit in mainline:
        landing[commit] = commit
    stack = np.empty(n, np.int64)
    for commit in mainline:
        depth = 0
        stack[0] = commit
        while depth >= 0:
            current = stack[depth]
            depth -= 1
            for i in range(offsets[current], offsets[current + 1]):
                parent = parents[i]
                if parent >= 0 and landing[parent] < 0:
                    landing[parent] = commit
                    depth += 1
                    stack[depth] = parent
    return landing
