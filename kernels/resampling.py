"""Bootstrap by clusters: what a series would have been with other engineers.

Belongs here: resampling with replacement, its generator, and intervals of resampled values. Does not belong here:
what the lines of a day are or who is active (`pipelines/stages/metrics.py`).

The generator is splitmix64, written out here, so that a seed gives the same numbers under every version of numpy.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numba
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_LOW_32 = np.uint64(0xFFFFFFFF)
_30, _27, _31, _32 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32)


class DailySeries(NamedTuple):
    """Lines and activity of engineers by day, as arrays. Days, engineers and periods are numbered from 0."""

    period_of_day: NDArray[np.int64]
    """Shape (days,): the period that each day belongs to."""
    line_day: NDArray[np.int64]
    """Shape (entries,), with the next two: on this day ..."""
    line_engineer: NDArray[np.int64]
    """... this engineer ..."""
    line_count: NDArray[np.int64]
    """... merged this many lines."""
    span_engineer: NDArray[np.int64]
    """Shape (spans,), with the next two: this engineer counts as active ..."""
    span_first: NDArray[np.int64]
    """... from this day ..."""
    span_last: NDArray[np.int64]
    """... to this one, both included. Spans of one engineer do not overlap."""


def lines_per_engineer(series: DailySeries, engineers: int, periods: int) -> NDArray[np.float64]:
    """Mean over the days of each period of the day's lines divided by the day's active engineers.

    Returns float64 of shape (periods,), lines per engineer-day. Days without an active engineer are left out; a
    period without any other day is NaN. Raises `ValueError` for numbers outside their range.
    """
    series = _checked(series, engineers, periods)
    return _ratios(*series, np.ones(engineers, np.int64), periods)


def resample_lines_per_engineer(
    series: DailySeries, engineers: int, periods: int, *, resamples: int, seed: int
) -> NDArray[np.float64]:
    """The same means for `resamples` draws of engineers with replacement, each with all their days.

    Returns float64 of shape (resamples, periods); NaN where nobody drawn was active in the period. The same
    arguments give the same bits. Raises `ValueError` for numbers outside their range.

    Source: A. C. Davison and D. V. Hinkley, "Bootstrap Methods and their Application" (1997), section 3.8.
    """
    series = _checked(series, engineers, periods)
    if resamples < 0 or not 0 <= seed < 2**64:
        raise ValueError(f"resamples {resamples} and seed {seed} must be 0 or more, the seed below 2**64")
    return _resample(*series, engineers, periods, resamples, np.uint64(seed))


def divide_by_baseline(values: NDArray[np.float64], is_baseline: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Each row of `values`, shape (rows, periods), divided by the mean of its baseline periods, `is_baseline` (periods,).

    Baseline periods that are NaN in a row are left out of its mean. Returns float64 of the same shape, a ratio; a row
    is NaN where no baseline period has a value or their mean is 0. Raises `ValueError` for shapes that differ.
    """
    if values.ndim != 2 or is_baseline.shape != values.shape[1:]:
        raise ValueError(f"values {values.shape} and is_baseline {is_baseline.shape} must be (rows, n) and (n,)")
    return _divide_by_baseline(values.astype(np.float64), is_baseline.astype(np.bool_))


def percentile_interval(
    values: NDArray[np.float64], confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Percentile interval of each column of `values`, shape (resamples, n), NaN left out.

    Returns the lower and upper ends, float64 of shape (n,), interpolated linearly between order statistics (numpy's
    default method); NaN for a column without values. Raises `ValueError` for a confidence outside 0 to 1.
    """
    if values.ndim != 2:
        raise ValueError(f"values must be of shape (resamples, n), not {values.shape}")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence {confidence} must lie between 0 and 1")
    ordered = np.sort(values, axis=0)  # NaN last
    counts = np.count_nonzero(~np.isnan(values), axis=0)
    tail = (1.0 - confidence) / 2.0
    return _interpolate(ordered, counts, tail), _interpolate(ordered, counts, 1.0 - tail)


def _interpolate(ordered: NDArray[np.float64], counts: NDArray[np.int64], share: float) -> NDArray[np.float64]:
    result = np.full(counts.size, np.nan)
    (columns,) = np.nonzero(counts)
    place = (counts[columns] - 1) * share
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, counts[columns] - 1)
    low = ordered[below, columns]
    result[columns] = low + (ordered[above, columns] - low) * (place - below)
    return result


def _checked(series: DailySeries, engineers: int, periods: int) -> DailySeries:
    days = series.period_of_day.size
    entries = {series.line_day.size, series.line_engineer.size, series.line_count.size}
    spans = {series.span_engineer.size, series.span_first.size, series.span_last.size}
    if len(entries) > 1 or len(spans) > 1:
        raise ValueError("the arrays of lines, and those of spans, must be of one length each")
    limits = (
        ("period_of_day", series.period_of_day, periods),
        ("line_day", series.line_day, days),
        ("line_engineer", series.line_engineer, engineers),
        ("span_engineer", series.span_engineer, engineers),
        ("span_first", series.span_first, days),
        ("span_last", series.span_last, days),
    )
    for name, values, limit in limits:
        if values.size and (values.min() < 0 or values.max() >= limit):
            raise ValueError(f"{name} must lie in 0 to {limit - 1}, found {values.min()} to {values.max()}")
    if np.any(series.span_first > series.span_last):
        raise ValueError("a span must not end before it begins")
    # Copies, so that read-only and writable arrays do not make numba compile one variant for each mixture.
    return DailySeries(*(values.astype(np.int64) for values in series))


@numba.njit(cache=True, nogil=True)
def _ratios(
    period_of_day: NDArray[np.int64],
    line_day: NDArray[np.int64],
    line_engineer: NDArray[np.int64],
    line_count: NDArray[np.int64],
    span_engineer: NDArray[np.int64],
    span_first: NDArray[np.int64],
    span_last: NDArray[np.int64],
    weight: NDArray[np.int64],
    periods: int,
) -> NDArray[np.float64]:
    days = period_of_day.size
    lines = np.zeros(days, np.int64)
    change = np.zeros(days + 1, np.int64)
    for i in range(line_day.size):
        lines[line_day[i]] += weight[line_engineer[i]] * line_count[i]
    for i in range(span_engineer.size):
        change[span_first[i]] += weight[span_engineer[i]]
        change[span_last[i] + 1] -= weight[span_engineer[i]]
    total = np.zeros(periods, np.float64)
    observed = np.zeros(periods, np.int64)
    active = 0
    for day in range(days):
        active += change[day]
        if active > 0:
            total[period_of_day[day]] += lines[day] / active
            observed[period_of_day[day]] += 1
    for period in range(periods):
        total[period] = total[period] / observed[period] if observed[period] > 0 else np.nan
    return total


@numba.njit(cache=True, nogil=True)
def _resample(
    period_of_day: NDArray[np.int64],
    line_day: NDArray[np.int64],
    line_engineer: NDArray[np.int64],
    line_count: NDArray[np.int64],
    span_engineer: NDArray[np.int64],
    span_first: NDArray[np.int64],
    span_last: NDArray[np.int64],
    engineers: int,
    periods: int,
    resamples: int,
    seed: np.uint64,
) -> NDArray[np.float64]:
    result = np.empty((resamples, periods), np.float64)
    weight = np.empty(engineers, np.int64)
    state = seed
    for row in range(resamples):
        weight[:] = 0
        for _ in range(engineers):
            state = state + _STEP
            mixed = (state ^ (state >> _30)) * _MIX_1
            mixed = (mixed ^ (mixed >> _27)) * _MIX_2
            mixed = mixed ^ (mixed >> _31)
            # The top 32 bits times n, shifted back: a bias of n / 2**32, without a division or a float.
            drawn = ((mixed >> _32) & _LOW_32) * np.uint64(engineers) >> _32
            weight[np.int64(drawn)] += 1
        result[row] = _ratios(
            period_of_day,
            line_day,
            line_engineer,
            line_count,
            span_engineer,
            span_first,
            span_last,
            weight,
            periods,
        )
    return result


@numba.njit(cache=True, nogil=True)
def _divide_by_baseline(values: NDArray[np.float64], is_baseline: NDArray[np.bool_]) -> NDArray[np.float64]:
    result = np.full(values.shape, np.nan)
    for row in range(values.shape[0]):
        total = 0.0
        count = 0
        for period in range(values.shape[1]):
            if is_baseline[period] and not math.isnan(values[row, period]):
                total += values[row, period]
                count += 1
        if total > 0.0:
            for period in range(values.shape[1]):
                result[row, period] = values[row, period] / (total / count)
    return result
