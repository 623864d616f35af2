from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.resampling import (
    DailySeries,
    divide_by_baseline,
    lines_per_engineer,
    percentile_interval,
    resample_lines_per_engineer,
)
from tests.kernels import naive

if TYPE_CHECKING:
    from numpy.typing import NDArray

ENGINEERS, DAYS, PERIODS = 4, 9, 3
DAY, ENGINEER = st.integers(0, DAYS - 1), st.integers(0, ENGINEERS - 1)
LINES = st.lists(st.tuples(DAY, ENGINEER, st.integers(0, 10**9)), max_size=12)
SPANS = st.lists(
    st.tuples(ENGINEER, DAY, DAY).map(lambda span: (span[0], min(span[1:]), max(span[1:]))),
    max_size=4,
    unique_by=lambda span: span[0],
)
PERIOD_OF_DAY = st.lists(st.integers(0, PERIODS - 1), min_size=DAYS, max_size=DAYS)
VALUES = st.lists(
    st.lists(st.floats(0, 1e9) | st.just(float("nan")), min_size=3, max_size=3), min_size=1, max_size=9
).map(np.array)


def series_of(
    period_of_day: list[int], lines: list[tuple[int, int, int]], spans: list[tuple[int, int, int]]
) -> DailySeries:
    arrays = [np.array(period_of_day, np.int64)]
    for rows in (lines, spans):
        table = np.array(rows, np.int64).reshape(-1, 3)
        arrays += [table[:, column] for column in range(3)]
    return DailySeries(*arrays)


@given(PERIOD_OF_DAY, LINES, SPANS)
def test_ratios_agree_with_their_naive_twin(
    period_of_day: list[int], lines: list[tuple[int, int, int]], spans: list[tuple[int, int, int]]
):
    found = lines_per_engineer(series_of(period_of_day, lines, spans), ENGINEERS, PERIODS)
    expected = naive.lines_per_engineer(period_of_day, lines, spans, list(range(ENGINEERS)), PERIODS)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@settings(max_examples=30)
@given(PERIOD_OF_DAY, LINES, SPANS, st.integers(0, 2**64 - 1))
def test_resamples_agree_with_their_naive_twin(
    period_of_day: list[int], lines: list[tuple[int, int, int]], spans: list[tuple[int, int, int]], seed: int
):
    found = resample_lines_per_engineer(
        series_of(period_of_day, lines, spans), ENGINEERS, PERIODS, resamples=3, seed=seed
    )
    numbers = naive.splitmix64(seed, 3 * ENGINEERS)
    for row in range(3):
        drawn = [(number >> 32) * ENGINEERS >> 32 for number in numbers[row * ENGINEERS : (row + 1) * ENGINEERS]]
        expected = naive.lines_per_engineer(period_of_day, lines, spans, drawn, PERIODS)
        np.testing.assert_allclose(found[row], expected, rtol=1e-12)


def test_generator_is_the_published_one():
    # The first outputs for seed 1234567, as the reference implementation in C prints them.
    assert naive.splitmix64(1234567, 3) == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_same_seed_same_bits_and_another_seed_others():
    series = series_of(
        [0] * DAYS, [(day, day % ENGINEERS, day * 7) for day in range(DAYS)], [(e, 0, 8) for e in range(4)]
    )
    first, again, other = (
        resample_lines_per_engineer(series, ENGINEERS, 1, resamples=100, seed=seed) for seed in (1, 1, 2)
    )
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()
    assert abs(first.mean() - lines_per_engineer(series, ENGINEERS, 1)[0]) < 1


def test_empty_one_and_read_only():
    nothing = series_of([], [], [])
    assert np.isnan(lines_per_engineer(nothing, 0, 2)).all()
    assert resample_lines_per_engineer(nothing, 0, 0, resamples=5, seed=0).shape == (5, 0)
    one = series_of([0], [(0, 0, 10)], [(0, 0, 0)])
    for values in one:
        values.flags.writeable = False
    assert resample_lines_per_engineer(one, 1, 1, resamples=2, seed=0).tolist() == [[10.0], [10.0]]


def test_extremes_do_not_overflow():
    series = series_of([0], [(0, 0, 2**40)], [(0, 0, 0)])
    assert lines_per_engineer(series, 1, 1)[0] == 2**40


@pytest.mark.parametrize(
    ("lines", "spans", "named"),
    [
        ([(9, 0, 1)], [], "line_day"),
        ([(0, 4, 1)], [], "line_engineer"),
        ([], [(0, 0, 9)], "span_last"),
        ([], [(0, 3, 2)], "span"),
    ],
)
def test_refuses_numbers_out_of_range(lines: list[tuple[int, int, int]], spans: list[tuple[int, int, int]], named: str):
    with pytest.raises(ValueError, match=named):
        lines_per_engineer(series_of([0] * DAYS, lines, spans), ENGINEERS, 1)
    with pytest.raises(ValueError, match="seed"):
        resample_lines_per_engineer(series_of([0], [], []), 1, 1, resamples=1, seed=-1)


@given(VALUES, st.floats(0.01, 0.99))
def test_percentiles_are_numpys(values: NDArray[np.float64], confidence: float):
    lower, upper = percentile_interval(values, confidence)
    for column in range(values.shape[1]):
        known = values[~np.isnan(values[:, column]), column]
        if known.size == 0:
            assert np.isnan(lower[column])
            continue
        tail = (1 - confidence) / 2
        np.testing.assert_allclose(
            [lower[column], upper[column]], np.quantile(known, [tail, 1 - tail]), rtol=1e-9, atol=1e-9
        )


def test_percentiles_of_nothing_and_of_a_wrong_shape():
    lower, upper = percentile_interval(np.empty((0, 2)))
    assert np.isnan([*lower, *upper]).all()
    with pytest.raises(ValueError, match="shape"):
        percentile_interval(np.empty(3))
    with pytest.raises(ValueError, match="confidence"):
        percentile_interval(np.empty((1, 1)), 1.0)


@given(VALUES, st.lists(st.booleans(), min_size=3, max_size=3))
def test_baseline_agrees_with_its_naive_twin(values: NDArray[np.float64], is_baseline: list[bool]):
    found = divide_by_baseline(values, np.array(is_baseline))
    expected = [naive.divide_by_baseline(row, is_baseline) for row in values.tolist()]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_baseline_of_a_wrong_shape():
    with pytest.raises(ValueError, match="is_baseline"):
        divide_by_baseline(np.empty((1, 2)), np.array([True]))
