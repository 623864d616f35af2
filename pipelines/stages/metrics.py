"""The published figures: lines per engineer by quarter, session success and session friction.

Belongs here: what is counted, over which days and sessions, and how counts become rates. Does not belong here: the
statistics themselves (`kernels`), nor who wrote a line or how a session went (the stages before).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from kernels.caps import capped_shares, nearest_rank
from kernels.intervals import wilson_interval
from kernels.resampling import (
    DailySeries,
    divide_by_baseline,
    lines_per_engineer,
    percentile_interval,
    resample_lines_per_engineer,
)
from schemas import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from numpy.typing import NDArray

TRAILING_DAYS = 365
CAP_PERCENT = 99
RESAMPLES = 1_000
SEED = 20_260_604
NUMERATORS = ("raw", "distinct", "effective", "authored")
HEADLINE = "raw"
ALL = "all"
UNKNOWN = "unknown"
TIER_JUDGE = "heuristic"
_LANDING = ("repo", "landing_sha")
_SLICES = ("tier", "model", "tool")
_TRUNCATIONS = {"day": "1d", "week": "1w", "month": "1mo", "quarter": "1q"}
_TURNS = ("response", "tool_call", "interruption", "rejection")
_STOPS = ("interruption", "rejection")


def describe_specification(numerator: str, baseline: tuple[date, date]) -> str:
    """The choices behind a row of `lines_per_engineer_quarter`, in the order in which they are made."""
    return (
        f"numerator={numerator}; cap=p{CAP_PERCENT}; denominator={TRAILING_DAYS}d; days=calendar; aggregate=mean; "
        f"baseline={baseline[0].isoformat()}..{baseline[1].isoformat()}"
    )


def build_quarters(
    landings: pl.DataFrame,
    merged_lines: pl.DataFrame,
    engineers: pl.DataFrame,
    *,
    baseline: tuple[date, date],
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> pl.DataFrame:
    """`lines_per_engineer_quarter` over all repositories: the essay's series, once per numerator.

    Takes frames of the tables of the same names, in any order. Choices that the definition leaves open:

    - An engineer has a landing where lines of it are credited to them; where it adds none, its own engineer has. So
      activity, like lines, does not depend on how a team merges. Lines and landings of bots are left out.
    - The cap is the 99th percentile by nearest rank over the landings with such an engineer, those without an added
      line among them and those at the edge of a shallow clone not. A landing above it is scaled down to it, each
      engineer keeping their share in whole lines.
    - Observed days run from the first landing to the last, bots' included, without days on which nobody had landed
      anything in the 365 days up to and including them. Landings without a date are left out.
    - A quarter is partial when it has days that were not observed.
    - Baseline quarters lie wholly inside `baseline`, both ends included, and may be partial; their mean is unweighted.
    - Intervals are 95 % percentile intervals over resamples of engineers, null where fewer than two were active.
    """
    credited = _credit_engineers(landings, merged_lines, engineers)
    if credited.is_empty():
        return TABLES["lines_per_engineer_quarter"].empty()
    window = _observe_days(landings, credited)
    frames: list[pl.DataFrame] = []
    for numerator in NUMERATORS:
        series = window.series_of(_cap_lines(credited, f"lines_{numerator}"))
        frames.append(
            _estimate(window, series, baseline, resamples, seed).with_columns(
                specification=pl.lit(describe_specification(numerator, baseline)),
                is_headline=pl.lit(numerator == HEADLINE),
            )
        )
    return _conform("lines_per_engineer_quarter", pl.concat(frames))


def build_success(sessions: pl.DataFrame, outcomes: pl.DataFrame) -> pl.DataFrame:
    """`session_success` from frames of `sessions` and `session_outcomes`.

    A session belongs to the period in which it started (UTC); sessions without a start, automated ones and those
    without a verdict are left out. Every combination of one value or `all` of tier, model and tool is a row; a model
    that is not known is `unknown`.
    """
    judged = _people_sessions(sessions).join(outcomes, on="session_id", how="inner")
    counts = _count_slices(
        judged,
        ("judge",),
        [
            pl.len().cast(pl.Int64).alias("sessions"),
            (pl.col("outcome") == "success").sum().cast(pl.Int64).alias("successes"),
            (pl.col("outcome") == "unclear").sum().cast(pl.Int64).alias("unclear"),
            pl.col("verified").sum().cast(pl.Int64).alias("verified"),
        ],
    )
    lower, upper = wilson_interval(counts["successes"].to_numpy(), counts["sessions"].to_numpy())
    successes, trials = pl.col("successes"), pl.col("sessions")
    missing = pl.lit(None, pl.Float64)
    return _conform(
        "session_success",
        counts.with_columns(
            rate=successes / trials,
            rate_lower=pl.Series(lower),
            rate_upper=pl.Series(upper),
            bound_lower=successes / trials,
            bound_upper=(successes + pl.col("unclear")) / trials,
            calibrated=missing,
            calibrated_lower=missing,
            calibrated_upper=missing,
            mix_adjusted=missing,
        ),
    )


def build_friction(
    sessions: pl.DataFrame, outcomes: pl.DataFrame, events: pl.DataFrame, *, tier_judge: str = TIER_JUDGE
) -> pl.DataFrame:
    """`session_friction` from frames of `sessions`, `session_outcomes` and `session_events`, each event once (`Ledger.events`).

    Periods and slices are those of `build_success`. The tier is `tier_judge`'s, `unknown` without a verdict of that
    judge. A session is a takeover when an interruption or a rejection comes after the agent's last answer or tool call,
    subagents' not counted, and none of its lines landed.
    """
    tiers = outcomes.filter(pl.col("judge") == tier_judge).select("session_id", "tier")
    stopped = _find_stopped(events)
    judged = (
        _people_sessions(sessions)
        .join(tiers, on="session_id", how="left")
        .with_columns(
            pl.col("tier").fill_null(UNKNOWN),
            is_takeover=pl.col("session_id").is_in(stopped.implode()) & (pl.col("lines_landed") == 0),
        )
    )
    sums = ("prompts", "interruptions", "rejections", "corrections")
    counts = _count_slices(
        judged,
        (),
        [
            pl.len().cast(pl.Int64).alias("sessions"),
            *(pl.col(name).sum() for name in sums),
            pl.col("is_takeover").sum().cast(pl.Int64).alias("takeovers"),
        ],
    )
    prompts = pl.when(pl.col("prompts") > 0).then(pl.col("prompts"))
    return _conform(
        "session_friction",
        counts.with_columns(
            *((100 * pl.col(name) / prompts).alias(f"{name}_per_100_prompts") for name in sums[1:]),
            takeovers_per_session=pl.col("takeovers") / pl.col("sessions"),
        ),
    )


def _conform(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    schema = TABLES[table].polars_schema
    return frame.select(pl.col(name).cast(kind) for name, kind in schema.items()).sort(TABLES[table].key)


# Lines per engineer


def _credit_engineers(landings: pl.DataFrame, merged_lines: pl.DataFrame, engineers: pl.DataFrame) -> pl.DataFrame:
    """One row per dated landing and engineer with a part in it, bots left out, in order; with lines of each stage."""
    lines = [f"lines_{numerator}" for numerator in NUMERATORS]
    dated = landings.filter(pl.col("landed_on").is_not_null()).select(
        *_LANDING, "landed_on", "is_boundary", pl.col("engineer_id").alias("lander_id")
    )
    by_engineer = (
        merged_lines.group_by(*_LANDING, "engineer_id").agg(pl.col(lines).sum()).filter(pl.col("lines_raw") > 0)
    )
    bots = engineers.filter(pl.col("is_bot")).select("engineer_id")
    return (
        dated.join(by_engineer, on=_LANDING, how="left")
        .with_columns(pl.coalesce("engineer_id", "lander_id").alias("engineer_id"), pl.col(lines).fill_null(0))
        .join(bots, on="engineer_id", how="anti")
        .select(*_LANDING, "landed_on", "is_boundary", "engineer_id", *lines)
        .sort(*_LANDING, "engineer_id")
    )


def _cap_lines(credited: pl.DataFrame, lines: str) -> pl.DataFrame:
    """landed_on, engineer_id and the day's `lines`, landings capped at their overall percentile."""
    numbered = credited.with_columns(landing=pl.struct(_LANDING).rle_id().cast(pl.Int64))
    totals = numbered.filter(~pl.col("is_boundary")).group_by("landing").agg(pl.col(lines).sum())
    if totals.is_empty():
        return numbered.select("landed_on", "engineer_id", lines=pl.lit(0, pl.Int64))
    cap = nearest_rank(totals[lines].to_numpy(), CAP_PERCENT)
    shares = capped_shares(numbered["landing"].to_numpy(), numbered[lines].to_numpy(), cap)
    return (
        numbered.select("landed_on", "engineer_id", lines=pl.Series(shares))
        .group_by("landed_on", "engineer_id")
        .agg(pl.col("lines").sum())
        .sort("landed_on", "engineer_id")
    )


@dataclass(frozen=True)
class _Window:
    """The observed days, numbered from 0 in order, and who was active on them."""

    days: pl.DataFrame
    """landed_on, day: one row per observed day, in order."""
    engineers: pl.DataFrame
    """engineer_id, engineer: numbers from 0 in order of the pseudonyms."""
    spans: pl.DataFrame
    """engineer, first, last: by number."""
    quarters: pl.DataFrame
    """quarter, starts_on, ends_on, days, engineers (with a landing), active, is_partial: one row per period, in order."""
    period_of_day: NDArray[np.int64]

    def series_of(self, lines: pl.DataFrame) -> DailySeries:
        entries = lines.join(self.days, on="landed_on").join(self.engineers, on="engineer_id").sort("day", "engineer")
        return DailySeries(
            self.period_of_day,
            entries["day"].to_numpy(),
            entries["engineer"].to_numpy(),
            entries["lines"].to_numpy(),
            self.spans["engineer"].to_numpy(),
            self.spans["first"].to_numpy(),
            self.spans["last"].to_numpy(),
        )


def _observe_days(landings: pl.DataFrame, credited: pl.DataFrame) -> _Window:
    engineers = credited.select(pl.col("engineer_id").unique().sort()).with_columns(
        engineer=pl.int_range(pl.len(), dtype=pl.Int64)
    )
    spans = _find_spans(credited, landings["landed_on"].max())
    covered = pl.concat(
        [
            spans.select(landed_on="first_on", change=pl.lit(1, pl.Int64)),
            spans.select(landed_on=pl.col("last_on").dt.offset_by("1d"), change=pl.lit(-1, pl.Int64)),
        ]
    )
    days = (
        spans.select(landed_on=pl.date_range(pl.col("first_on").min(), pl.col("last_on").max()))
        .join(covered.group_by("landed_on").agg(pl.col("change").sum()), on="landed_on", how="left")
        .sort("landed_on")
        .filter(pl.col("change").fill_null(0).cum_sum() > 0)
        .select("landed_on", day=pl.int_range(pl.len(), dtype=pl.Int64))
    )
    numbered = (
        spans.join(engineers, on="engineer_id")
        .join(days.select(first_on="landed_on", first="day"), on="first_on")
        .join(days.select(last_on="landed_on", last="day"), on="last_on")
        .sort("engineer", "first")
    )
    quarters = _describe_quarters(days, numbered, credited)
    period_of_day = days.select(pl.col("landed_on").dt.truncate("1q").rle_id().cast(pl.Int64)).to_series()
    return _Window(days, engineers, numbered, quarters, period_of_day.to_numpy())


def _find_spans(credited: pl.DataFrame, last_on: object) -> pl.DataFrame:
    """engineer_id, first_on, last_on: from a landing to the last day of its trailing window, windows that touch joined."""
    gap = pl.col("landed_on").diff().over("engineer_id").dt.total_days()
    return (
        credited.select("engineer_id", "landed_on")
        .unique()
        .sort("engineer_id", "landed_on")
        .with_columns(span=(gap > TRAILING_DAYS).fill_null(value=True).cum_sum())
        .group_by("engineer_id", "span")
        .agg(
            first_on=pl.col("landed_on").min(),
            last_on=pl.min_horizontal(
                pl.col("landed_on").max().dt.offset_by(f"{TRAILING_DAYS - 1}d"), pl.lit(last_on, pl.Date)
            ),
        )
        .sort("engineer_id", "first_on")
    )


def _describe_quarters(days: pl.DataFrame, spans: pl.DataFrame, credited: pl.DataFrame) -> pl.DataFrame:
    starts_on = pl.col("landed_on").dt.truncate("1q").alias("starts_on")
    landed = credited.group_by(starts_on).agg(engineers=pl.col("engineer_id").n_unique().cast(pl.Int64))
    quarters = (
        days.group_by(starts_on)
        .agg(days=pl.len().cast(pl.Int64), first_day=pl.col("day").min(), last_day=pl.col("day").max())
        .join(landed, on="starts_on", how="left")
        .sort("starts_on")
        .with_columns(
            pl.col("engineers").fill_null(0),
            ends_on=pl.col("starts_on").dt.offset_by("1q").dt.offset_by("-1d"),
            quarter=pl.format(
                "{}Q{}",
                pl.col("starts_on").dt.year().cast(pl.String).str.zfill(4),
                pl.col("starts_on").dt.quarter(),
            ),
        )
    )
    active = [
        spans.filter(pl.col("first") <= last, pl.col("last") >= first)["engineer"].n_unique()
        for first, last in quarters.select("first_day", "last_day").iter_rows()
    ]
    length = (pl.col("ends_on") - pl.col("starts_on")).dt.total_days() + 1
    return quarters.with_columns(active=pl.Series(active, dtype=pl.Int64), is_partial=pl.col("days") < length)


def _estimate(
    window: _Window, series: DailySeries, baseline: tuple[date, date], resamples: int, seed: int
) -> pl.DataFrame:
    quarters, engineers = window.quarters, window.engineers.height
    is_baseline = quarters.select((pl.col("starts_on") >= baseline[0]) & (pl.col("ends_on") <= baseline[1])).to_series()
    value = lines_per_engineer(series, engineers, quarters.height)
    drawn = resample_lines_per_engineer(series, engineers, quarters.height, resamples=resamples, seed=seed)
    multiple = divide_by_baseline(value[np.newaxis, :], is_baseline.to_numpy())[0]
    value_lower, value_upper = percentile_interval(drawn)
    multiple_lower, multiple_upper = percentile_interval(divide_by_baseline(drawn, is_baseline.to_numpy()))
    # A single cluster is drawn into every resample alike: an interval of no width would claim certainty.
    is_resampled = pl.col("active") > 1
    return quarters.select("quarter", "engineers", "days", "is_partial", "active").with_columns(
        value=pl.Series(value),
        value_lower=pl.when(is_resampled).then(pl.Series(value_lower)).fill_nan(None),
        value_upper=pl.when(is_resampled).then(pl.Series(value_upper)).fill_nan(None),
        multiple=pl.Series(multiple).fill_nan(None),
        multiple_lower=pl.when(is_resampled).then(pl.Series(multiple_lower)).fill_nan(None),
        multiple_upper=pl.when(is_resampled).then(pl.Series(multiple_upper)).fill_nan(None),
    )


# Sessions


def _people_sessions(sessions: pl.DataFrame) -> pl.DataFrame:
    return sessions.filter(~pl.col("is_automated"), pl.col("started_at").is_not_null()).with_columns(
        pl.col("model").fill_null(UNKNOWN)
    )


def _find_stopped(events: pl.DataFrame) -> pl.Series:
    """Sessions in which a person stopping the agent comes after the agent's last turn."""
    return (
        events.filter(pl.col("kind").is_in(_TURNS), ~pl.col("is_subagent"))
        .with_columns(is_stop=pl.col("kind").is_in(_STOPS))
        .sort("session_id", "occurred_at", "position", "is_stop", nulls_last=True)
        .group_by("session_id", maintain_order=True)
        .agg(pl.col("is_stop").last())
        .filter(pl.col("is_stop"))["session_id"]
    )


def _slices(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The frame once per grain and choice of what to lump together, as `all`, among tier, model and tool."""
    started_on = pl.col("started_at").dt.date()
    for (grain, length), lumped in product(_TRUNCATIONS.items(), product((False, True), repeat=len(_SLICES))):
        names = [name for name, is_lumped in zip(_SLICES, lumped, strict=True) if is_lumped]
        yield frame.with_columns(
            pl.lit(grain).alias("grain"),
            started_on.dt.truncate(length).alias("period"),
            *(pl.lit(ALL).alias(name) for name in names),
        )


def _count_slices(frame: pl.DataFrame, also_by: tuple[str, ...], counts: list[pl.Expr]) -> pl.DataFrame:
    keys = ("grain", "period", *_SLICES, *also_by)
    return pl.concat([piece.group_by(keys).agg(counts) for piece in _slices(frame)])
