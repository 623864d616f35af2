from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kernels.moves import moved_lines
from tests.kernels import naive_history as naive


@st.composite
def sides(draw):
    """Ascending lines of some files: (file, line, hash), hashes few so that blocks repeat."""
    lines = []
    for file in range(draw(st.integers(0, 3))):
        numbers = draw(st.sets(st.integers(1, 14), max_size=10))
        lines += [(file, number, draw(st.sampled_from([7, 8, 2**64 - 1]))) for number in sorted(numbers)]
    return lines


def found(change_sets):
    """Moved flags of each change set's added lines; change sets are (added, deleted)."""
    rows, offsets = [], [0]
    for added, gone in change_sets:
        # As in a diff: file by file, both sides mixed.
        rows += sorted([(*line, True) for line in added] + [(*line, False) for line in gone], key=lambda row: row[:2])
        offsets.append(len(rows))
    columns = [
        np.array([row[i] for row in rows], kind) for i, kind in enumerate((np.int64, np.int64, np.uint64, np.bool_))
    ]
    for column in columns:
        column.flags.writeable = False
    moved = moved_lines(np.array(offsets, np.int64), *columns)
    assert moved.dtype == np.bool_
    assert not moved[~columns[3]].any()
    return [moved[start:end][columns[3][start:end]].tolist() for start, end in pairwise(offsets)]


@given(st.lists(st.tuples(sides(), sides()), max_size=4))
def test_moves_agree_with_their_naive_twin(change_sets):
    flags = found(change_sets)
    assert flags == [naive.moved_lines(added, gone) for added, gone in change_sets]
    for (added, gone), moved in zip(change_sets, flags, strict=True):
        hashes = [line[2] for line, flag in zip(added, moved, strict=True) if flag]
        assert not naive.exceeds(hashes, [line[2] for line in gone])


def run(*hashes, file=0, first=1):
    return [(file, first + i, value) for i, value in enumerate(hashes)]


def test_a_block_moves_and_two_lines_do_not():
    assert found([(run(1, 2, 3), run(1, 2, 3, file=1))]) == [[True] * 3]
    assert found([(run(1, 2), run(1, 2, file=1))]) == [[False] * 2]
    assert found([(run(1, 2, 3), [*run(1, 2), (0, 9, 3)])]) == [[False] * 3]


def test_each_deleted_line_is_spent_once():
    copies = [*run(1, 2, 3), *run(1, 2, 3, first=10)]
    assert found([(copies, run(1, 2, 3))]) == [[True] * 3 + [False] * 3]


def test_a_block_does_not_cross_files_or_change_sets():
    assert found([(run(1, 2, 3), [*run(1, 2), *run(3, file=1, first=3)])]) == [[False] * 3]
    assert found([(run(1, 2, 3), []), ([], run(1, 2, 3))]) == [[False] * 3, []]


def test_empty_one_and_a_block_that_repeats_thousands_of_times():
    assert found([]) == []
    assert found([([], [])]) == [[]]
    assert found([(run(1), run(1))]) == [[False]]
    many = run(*[5] * 30_000)
    assert found([(many, many[:20_000])]) == [[True] * 20_000 + [False] * 10_000]
    # Blocks that begin alike.
    gone = [line for i in range(3000) for line in run(1, 2, 3, i + 10, first=10 * i + 1)]
    assert sum(found([(gone, gone)])[0]) == len(gone)
