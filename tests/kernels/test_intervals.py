from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from kernels.intervals import NORMAL_QUANTILE_975, wilson_interval
from tests.kernels import naive

PAIRS = st.lists(st.integers(0, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), max_size=20)


def columns(pairs: list[tuple[int, int]]):
    table = np.array(pairs, np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


@given(PAIRS, st.floats(0.1, 5))
def test_agrees_with_its_naive_twin(pairs: list[tuple[int, int]], z: float):
    lower, upper = wilson_interval(*columns(pairs), z)
    expected = naive.wilson_interval([x for x, _ in pairs], [n for _, n in pairs], z)
    # Subtracting nearly equal roots costs the twin half its digits.
    np.testing.assert_allclose(lower, [low for low, _ in expected], rtol=0, atol=1e-7)
    np.testing.assert_allclose(upper, [high for _, high in expected], rtol=0, atol=1e-7)


@given(PAIRS)
def test_contains_the_share_and_stays_between_0_and_1(pairs: list[tuple[int, int]]):
    successes, trials = columns(pairs)
    lower, upper = wilson_interval(successes, trials)
    known = trials > 0
    share = successes[known] / trials[known]
    assert np.all((lower[known] >= 0) & (lower[known] <= share) & (share <= upper[known]) & (upper[known] <= 1))


@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (1, 1), (1, 2), (7, 9), (480, 1000), (999_999, 1_000_000)])
def test_agrees_with_scipy(successes: int, trials: int):
    lower, upper = wilson_interval(np.array([successes]), np.array([trials]))
    expected = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    assert lower[0] == pytest.approx(expected.low, abs=1e-12)
    assert upper[0] == pytest.approx(expected.high, abs=1e-12)


def test_edges():
    lower, upper = wilson_interval(np.array([0, 5, 0]), np.array([5, 5, 0]), NORMAL_QUANTILE_975)
    assert lower[0] == 0.0
    assert upper[1] == 1.0
    assert math.isnan(lower[2])
    assert math.isnan(upper[2])
    huge = 2**62
    lower, upper = wilson_interval(np.array([huge // 2]), np.array([huge]))
    assert lower[0] == pytest.approx(0.5)
    assert upper[0] == pytest.approx(0.5)


def test_empty_and_read_only():
    empty = np.empty(0, np.int64)
    assert wilson_interval(empty, empty)[0].shape == (0,)
    counts = np.array([1, 2])
    counts.flags.writeable = False
    assert wilson_interval(counts, counts)[1].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(("successes", "trials"), [([2], [1]), ([-1], [1]), ([1, 1], [1])])
def test_refuses_what_are_no_counts(successes: list[int], trials: list[int]):
    with pytest.raises(ValueError, match="must"):
        wilson_interval(np.array(successes), np.array(trials))
