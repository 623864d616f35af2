"""Confidence intervals in closed form: arrays of counts in, arrays of bounds out.

Belongs here: intervals that need nothing but counts. Does not belong here: intervals by resampling
(`resampling.py`), nor what a success or a trial is.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numba
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NORMAL_QUANTILE_975 = 1.959963984540054
"""Quantile of the standard normal distribution that gives a two-sided interval of 95 %."""


def wilson_interval(
    successes: NDArray[np.int64], trials: NDArray[np.int64], z: float = NORMAL_QUANTILE_975
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wilson's score interval of a proportion, without continuity correction.

    `successes` and `trials` are counts of shape (n,). Returns the lower and the upper bounds, float64 of shape (n,),
    shares from 0 to 1; both are NaN where there are no trials. The lower bound is exactly 0 without successes and
    the upper exactly 1 without failures. Raises `ValueError` for shapes that differ, for counts below 0 and for more
    successes than trials.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    if successes.shape != trials.shape or successes.ndim != 1:
        raise ValueError(f"successes {successes.shape} and trials {trials.shape} must be of one shape (n,)")
    if successes.size and (successes.min() < 0 or np.any(successes > trials)):
        raise ValueError("counts must satisfy 0 <= successes <= trials")
    # Copies, so that read-only and writable arrays do not make numba compile one variant for each mixture.
    return _wilson(successes.astype(np.int64), trials.astype(np.int64), float(z))


@numba.njit(cache=True, nogil=True)
def _wilson(
    successes: NDArray[np.int64], trials: NDArray[np.int64], z: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    lower = np.empty(trials.size, np.float64)
    upper = np.empty(trials.size, np.float64)
    square = z * z
    for i in range(trials.size):
        n = float(trials[i])
        if n == 0.0:
            lower[i] = np.nan
            upper[i] = np.nan
            continue
        share = successes[i] / n
        scale = 1.0 + square / n
        centre = (share + square / (2.0 * n)) / scale
        half = z * math.sqrt(share * (1.0 - share) / n + square / (4.0 * n * n)) / scale
        # The formula gives these ends exactly; its rounding does not.
        lower[i] = 0.0 if successes[i] == 0 else max(0.0, centre - half)
        upper[i] = 1.0 if successes[i] == trials[i] else min(1.0, centre + half)
    return lower, upper
