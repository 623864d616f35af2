from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.caps import LARGEST_TOTAL, capped_shares, nearest_rank
from tests.kernels import naive

COUNTS = st.lists(st.integers(0, 10**6), min_size=1, max_size=30)


@given(COUNTS, st.integers(1, 100))
def test_nearest_rank_agrees_with_its_naive_twin(values: list[int], percent: int):
    assert nearest_rank(np.array(values), percent) == naive.nearest_rank(values, percent)


@given(st.lists(COUNTS, max_size=6), st.integers(0, 10**6))
def test_shares_agree_with_their_naive_twin(groups: list[list[int]], cap: int):
    numbers = [number for number, group in enumerate(groups) for _ in group]
    lines = [count for group in groups for count in group]
    found = capped_shares(np.array(numbers, np.int64), np.array(lines, np.int64), cap)
    assert found.tolist() == [share for group in groups for share in naive.capped_shares(group, cap)]
    for number, group in enumerate(groups):
        assert found[np.array(numbers) == number].sum() == min(sum(group), cap)


def test_empty_one_read_only_and_extremes():
    empty = np.empty(0, np.int64)
    assert capped_shares(empty, empty, 5).size == 0
    one = np.array([LARGEST_TOTAL])
    one.flags.writeable = False
    assert nearest_rank(one, 99) == LARGEST_TOTAL
    assert capped_shares(one, one, LARGEST_TOTAL - 1).tolist() == [LARGEST_TOTAL - 1]
    with pytest.raises(ValueError, match="divided exactly"):
        capped_shares(one, one + 1, 1)


def test_refuses_wrong_arguments():
    with pytest.raises(ValueError, match="nearest rank"):
        nearest_rank(np.empty(0, np.int64), 99)
    with pytest.raises(ValueError, match="shape"):
        capped_shares(np.zeros(2, np.int64), np.zeros(1, np.int64), 1)
    with pytest.raises(ValueError, match="0 or more"):
        capped_shares(np.zeros(1, np.int64), np.array([-1]), 1)
