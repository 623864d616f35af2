"""The slow, obvious twin of every kernel: plain Python, one loop per sentence of the definition."""

from __future__ import annotations

import math
from fractions import Fraction

# intervals


def wilson_interval(successes: list[int], trials: list[int], z: float) -> list[tuple[float, float]]:
    """The two shares p at which the observed one lies z standard errors away: roots of a quadratic equation."""
    intervals: list[tuple[float, float]] = []
    for x, n in zip(successes, trials, strict=True):
        if n == 0:
            intervals.append((math.nan, math.nan))
            continue
        # (x/n - p)^2 = z^2 p (1 - p) / n
        a, b, c = n + z * z, -(2 * x + z * z), x * x / n
        root = math.sqrt(max(0.0, b * b - 4 * a * c))
        intervals.append(((-b - root) / (2 * a), (-b + root) / (2 * a)))
    return intervals


# resampling


def splitmix64(seed: int, count: int) -> list[int]:
    """The first numbers of Vigna's reference generator."""
    mask = 2**64 - 1
    numbers: list[int] = []
    for _ in range(count):
        seed = (seed + 0x9E3779B97F4A7C15) & mask
        z = seed
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        numbers.append(z ^ (z >> 31))
    return numbers


def lines_per_engineer(
    period_of_day: list[int],
    lines: list[tuple[int, int, int]],
    spans: list[tuple[int, int, int]],
    drawn: list[int],
    periods: int,
) -> list[float]:
    """`lines` are (day, engineer, count), `spans` (engineer, first, last), `drawn` the engineers, repeats included."""
    ratios: dict[int, list[float]] = {period: [] for period in range(periods)}
    for day, period in enumerate(period_of_day):
        merged = sum(count for who in drawn for on, by, count in lines if on == day and by == who)
        active = sum(1 for who in drawn for by, first, last in spans if by == who and first <= day <= last)
        if active:
            ratios[period].append(merged / active)
    return [sum(found) / len(found) if found else math.nan for found in ratios.values()]


def divide_by_baseline(row: list[float], is_baseline: list[bool]) -> list[float]:
    known = [value for value, counts in zip(row, is_baseline, strict=True) if counts and not math.isnan(value)]
    if not known or sum(known) == 0:
        return [math.nan] * len(row)
    return [value / (sum(known) / len(known)) for value in row]


# caps


def nearest_rank(values: list[int], percent: int) -> int:
    """The smallest value with at least `percent` % of the values at or below it."""
    return min(v for v in values if 100 * sum(1 for other in values if other <= v) >= percent * len(values))


def capped_shares(lines: list[int], cap: int) -> list[int]:
    """One group's lines, scaled down to the cap."""
    total = sum(lines)
    if total <= cap:
        return lines
    reached = [math.floor(Fraction(sum(lines[: i + 1]) * cap, total)) for i in range(len(lines))]
    return [after - before for after, before in zip(reached, [0, *reached], strict=False)]
