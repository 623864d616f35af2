from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kernels.credit import last_writer
from tests.kernels import naive_history as naive

GROUPS = st.sampled_from([0, 1, 2**40, 2**63 - 1])
HASHES = st.sampled_from([0, 1, 2**63, 2**64 - 1])
LINES = st.tuples(GROUPS, HASHES)


def found(written, merged):
    columns = [
        np.array([row[0] for row in written], np.int64),
        np.array([row[1] for row in written], np.uint64),
        np.array([row[2] for row in written], np.int64),
        np.array([row[0] for row in merged], np.int64),
        np.array([row[1] for row in merged], np.uint64),
    ]
    for column in columns:
        column.flags.writeable = False
    return last_writer(*columns).tolist()


@given(st.lists(st.tuples(GROUPS, HASHES, st.integers(-2, 2)), max_size=40), st.lists(LINES, max_size=20))
def test_the_last_writer_agrees_with_its_naive_twin(written, merged):
    assert found(written, merged) == naive.last_writer(written, merged)


def test_empty_one_and_extremes():
    assert found([], []) == []
    assert found([], [(0, 0)]) == [-1]
    assert found([(0, 0, 0)], []) == []
    low, high = -(2**63), 2**63 - 1
    assert found([(1, 5, high), (1, 5, low)], [(1, 5), (1, 6), (0, 5)]) == [0, -1, -1]


def test_ties_go_to_the_later_row_and_every_copy_is_found():
    assert found([(0, 9, 1), (0, 9, 1)], [(0, 9)] * 3) == [1, 1, 1]


def test_many_equal_hashes_in_many_groups():
    written = [(group, 42, group) for group in range(3000)]
    assert found(written, [(group, 42) for group in range(3001)]) == [*range(3000), -1]
