from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from pipelines.stages.metrics import build_friction, build_quarters, build_success, describe_specification
from schemas import TABLES

BASELINE = (date(2024, 1, 1), date(2024, 12, 31))
HEADLINE = "numerator=raw; cap=p99; denominator=365d; days=calendar; aggregate=mean; baseline=2024-01-01..2024-12-31"
Landed = tuple[date | None, str, dict[str, int]]
"""Day, lander, raw lines by credited engineer."""


def frame(table: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows as the table's frame; columns that are left out get a plain value."""
    plain = {"string": "", "int64": 0, "bool": False}
    fields = {field.name: None if field.is_nullable else plain.get(field.kind) for field in TABLES[table]}
    return pl.DataFrame([{**fields, **row} for row in rows], schema=TABLES[table].polars_schema)


def tables_of(landed: list[Landed], bots: tuple[str, ...] = ()) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    landings = [
        {"repo": "app", "landing_sha": f"{n:04}", "landed_on": day, "engineer_id": lander}
        for n, (day, lander, _) in enumerate(landed)
    ]
    lines = [
        {
            "repo": "app", "landing_sha": f"{n:04}", "landed_on": day, "engineer_id": who, "author_class": "unknown",
            "lines_raw": count, "lines_distinct": count // 2, "lines_effective": count // 3, "lines_authored": count // 4,
        }
        for n, (day, _, parts) in enumerate(landed)
        for who, count in parts.items()
    ]  # fmt: skip
    people = {lander for _, lander, _ in landed} | {who for _, _, parts in landed for who in parts}
    engineers = [{"engineer_id": who, "is_bot": who in bots} for who in sorted(people)]
    return frame("landings", landings), frame("merged_lines", lines), frame("engineers", engineers)


def quarters_of(landed: list[Landed], *, bots: tuple[str, ...] = (), resamples: int = 20) -> dict[str, dict[str, Any]]:
    rows = build_quarters(*tables_of(landed, bots), baseline=BASELINE, resamples=resamples)
    return {row["quarter"]: row for row in rows.filter(pl.col("is_headline")).to_dicts()}


def naive_quarters(landed: list[Landed], bots: tuple[str, ...]) -> dict[str, float]:
    """The definition, day by day."""
    dated = [(day, lander, parts) for day, lander, parts in landed if day is not None]
    human = []
    for day, lander, parts in dated:
        credited = {who: count for who, count in parts.items() if count} or {lander: 0}
        people = {who: count for who, count in credited.items() if who not in bots}
        if people:
            human.append((day, people))
    if not human:
        return {}
    totals = sorted(sum(people.values()) for _, people in human)
    cap = totals[math.ceil(len(totals) * 99 / 100) - 1]
    ratios: dict[str, list[float]] = {}
    day = min(on for on, _, _ in dated)
    while day <= max(on for on, _, _ in dated):
        lines = sum(min(sum(people.values()), cap) for on, people in human if on == day)
        active = {who for on, people in human if 0 <= (day - on).days < 365 for who in people}
        if active:
            ratios.setdefault(f"{day.year}Q{(day.month + 2) // 3}", []).append(lines / len(active))
        day += timedelta(days=1)
    return {quarter: sum(found) / len(found) for quarter, found in ratios.items()}


WHO = st.sampled_from(["ana", "ben", "cem", "robot"])
LANDED = st.tuples(
    st.none() | st.dates(date(2023, 11, 1), date(2026, 2, 1)),
    WHO,
    st.dictionaries(WHO, st.integers(0, 500), max_size=3),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(LANDED, max_size=12))
def test_quarters_are_the_definition_day_by_day(landed: list[Landed]):
    expected = naive_quarters(landed, ("robot",))
    found = quarters_of(landed, bots=("robot",), resamples=2)
    assert {quarter: row["value"] for quarter, row in found.items()} == pytest.approx(expected, rel=1e-12)
    base = [expected[quarter] for quarter in ("2024Q1", "2024Q2", "2024Q3", "2024Q4") if quarter in expected]
    for quarter, row in found.items():
        if base and sum(base):
            assert row["multiple"] == pytest.approx(expected[quarter] / (sum(base) / len(base)), rel=1e-12)
        else:
            assert row["multiple"] is None


def test_a_capped_landing_counts_as_the_percentile():
    landed: list[Landed] = [(date(2024, 1, 1), "ana", {"ana": 10})] * 150
    landed += [(date(2024, 1, 2), "ana", {"ana": 1_000_000, "ben": 3_000_000})]
    # 151 landings: the 150th of them, in order, is the cap.
    row = quarters_of(landed)["2024Q1"]
    assert row["value"] == (1500 / 1 + 10 / 2) / 2
    assert row["days"] == 2
    assert row["engineers"] == 2
    assert row["is_partial"]


def test_the_trailing_window_is_365_days_and_days_without_anybody_are_not_observed():
    rows = quarters_of([(date(2023, 1, 1), "ana", {"ana": 730}), (date(2024, 3, 31), "ana", {"ana": 91})])
    # Active from 2023-01-01 to 2023-12-31, then not again before the last day of 2024Q1.
    assert [rows[quarter]["days"] for quarter in ("2023Q1", "2023Q4", "2024Q1")] == [90, 92, 1]
    assert rows["2023Q1"]["value"] == pytest.approx(730 / 90)
    assert [rows[quarter]["is_partial"] for quarter in ("2023Q1", "2024Q1")] == [False, True]
    assert rows["2024Q1"]["multiple"] == 1.0


def test_bots_count_neither_lines_nor_heads():
    landed: list[Landed] = [
        (date(2024, 1, 1), "ana", {"ana": 10, "robot": 90}),
        (date(2024, 1, 1), "robot", {"robot": 5}),
    ]
    row = quarters_of(landed, bots=("robot",))["2024Q1"]
    assert (row["value"], row["engineers"]) == (10.0, 1)


def test_a_landing_that_adds_nothing_still_shows_its_engineer_at_work():
    row = quarters_of([(date(2024, 1, 1), "ana", {"ana": 10}), (date(2024, 1, 1), "ben", {})])["2024Q1"]
    assert (row["value"], row["engineers"]) == (5.0, 2)


def test_a_single_engineer_has_no_interval_and_two_have():
    alone = quarters_of([(date(2024, 1, 1), "ana", {"ana": 10})])["2024Q1"]
    assert alone["value_lower"] is None
    assert alone["multiple_upper"] is None
    both = quarters_of([(date(2024, 1, 1), "ana", {"ana": 10}), (date(2024, 1, 1), "ben", {"ben": 30})], resamples=500)[
        "2024Q1"
    ]
    assert both["value"] == 20.0
    assert (both["value_lower"], both["value_upper"]) == (10.0, 30.0)


def test_four_specifications_in_order_of_the_key_and_one_headline():
    quarters = build_quarters(*tables_of([(date(2024, 5, 1), "ana", {"ana": 24})]), baseline=BASELINE, resamples=2)
    assert quarters.schema == pl.Schema(TABLES["lines_per_engineer_quarter"].polars_schema)
    assert dict(quarters.select("specification", "value").iter_rows()) == {
        describe_specification(name, BASELINE): value
        for name, value in (("raw", 24.0), ("distinct", 12.0), ("effective", 8.0), ("authored", 6.0))
    }
    assert quarters.filter(pl.col("is_headline"))["specification"].to_list() == [HEADLINE]
    assert quarters["specification"].is_sorted()


def test_order_of_rows_does_not_matter():
    landed: list[Landed] = [
        (date(2023, 12, 1) + timedelta(days=37 * n % 500), "abc"[n % 3], {"abc"[n % 3]: n, "abc"[n % 2]: 3 * n})
        for n in range(40)
    ]
    tables = tables_of(landed)
    first = build_quarters(*tables, baseline=BASELINE, resamples=50)
    second = build_quarters(
        *(table.sample(fraction=1, shuffle=True, seed=5) for table in tables), baseline=BASELINE, resamples=50
    )
    assert first.equals(second)


def test_no_landing_no_quarter():
    empty = build_quarters(
        *(TABLES[name].empty() for name in ("landings", "merged_lines", "engineers")), baseline=BASELINE
    )
    assert empty.equals(TABLES["lines_per_engineer_quarter"].empty())
    assert quarters_of([(None, "ana", {"ana": 1})]) == {}


# Sessions


def sessions_of(*rows: tuple[str, datetime | None, str | None, bool]) -> pl.DataFrame:
    return frame("sessions", [
        {"session_id": name, "tool": "codex", "started_at": at, "model": model, "is_automated": automated, "prompts": 4, "interruptions": 1}
        for name, at, model, automated in rows
    ])  # fmt: skip


def outcomes_of(*rows: tuple[str, str, str]) -> pl.DataFrame:
    return frame("session_outcomes", [
        {"session_id": name, "judge": "heuristic", "outcome": outcome, "tier": tier, "verified": outcome == "success"}
        for name, outcome, tier in rows
    ])  # fmt: skip


NEW_YEAR = datetime(2024, 12, 31, 23, 59, tzinfo=UTC)
SESSIONS = sessions_of(
    ("s1", NEW_YEAR, "m1", False),
    ("s2", NEW_YEAR + timedelta(minutes=1), None, False),
    ("s3", NEW_YEAR, "m1", True),
    ("s4", None, "m1", False),
    ("s5", NEW_YEAR, "m2", False),
)
OUTCOMES = outcomes_of(
    ("s1", "success", "trivial"),
    ("s2", "unclear", "routine"),
    ("s3", "success", "routine"),
    ("s4", "failure", "routine"),
)


def row_of(table: pl.DataFrame, **key: object) -> dict[str, Any]:
    (row,) = table.filter(*(pl.col(name) == value for name, value in key.items())).to_dicts()
    return row


def test_success_counts_people_by_period_and_slice():
    success = build_success(SESSIONS, OUTCOMES)
    assert success.schema == pl.Schema(TABLES["session_success"].polars_schema)
    assert success.n_unique(TABLES["session_success"].key) == success.height
    everything = {"tier": "all", "model": "all", "tool": "all"}
    week = row_of(success, grain="week", period=date(2024, 12, 30), **everything)
    assert [week[name] for name in ("sessions", "successes", "unclear", "verified")] == [2, 1, 1, 1]
    assert [week[name] for name in ("rate", "bound_lower", "bound_upper")] == [0.5, 0.5, 1.0]
    expected = binomtest(1, 2).proportion_ci(0.95, method="wilson")
    assert (week["rate_lower"], week["rate_upper"]) == pytest.approx((expected.low, expected.high))
    assert week["calibrated"] is None
    assert week["mix_adjusted"] is None
    assert row_of(success, grain="quarter", period=date(2024, 10, 1), **everything)["sessions"] == 1
    assert (
        row_of(success, grain="day", period=date(2025, 1, 1), tier="routine", model="unknown", tool="codex")["sessions"]
        == 1
    )


def test_every_slice_adds_up_to_all():
    success = build_success(SESSIONS, OUTCOMES)
    for name in ("tier", "model", "tool"):
        others = [other for other in ("grain", "period", "tier", "model", "tool", "judge") if other != name]
        parts = success.filter(pl.col(name) != "all").group_by(others).agg(pl.col("sessions").sum()).sort(others)
        whole = success.filter(pl.col(name) == "all").select(*others, "sessions").sort(others)
        assert parts.equals(whole)


def test_friction_rates_and_takeovers():
    def event(session: str, position: int, kind: str, *, is_subagent: bool = False) -> dict[str, Any]:
        return {
            "session_id": session,
            "position": position,
            "kind": kind,
            "occurred_at": NEW_YEAR,
            "is_subagent": is_subagent,
        }

    events = frame("session_events", [
        event("s1", 1, "prompt"), event("s1", 2, "rejection"), event("s1", 3, "tool_call", is_subagent=True), event("s1", 4, "commit"),
        event("s2", 1, "interruption"), event("s2", 2, "response"), event("s5", 1, "prompt"), event("s5", 2, "interruption"),
    ])  # fmt: skip
    sessions = SESSIONS.with_columns(lines_landed=pl.when(pl.col("session_id") == "s5").then(1).otherwise(0))
    friction = build_friction(sessions, OUTCOMES, events)
    assert friction.schema == pl.Schema(TABLES["session_friction"].polars_schema)
    row = row_of(friction, grain="week", tier="all", model="all", tool="all")
    assert [row[name] for name in ("sessions", "prompts", "interruptions", "takeovers")] == [3, 12, 3, 1]
    assert row["interruptions_per_100_prompts"] == 25.0
    assert row["takeovers_per_session"] == pytest.approx(1 / 3)
    assert row_of(friction, grain="week", tier="unknown", model="m2", tool="all")["takeovers"] == 0
    silent = build_friction(sessions.with_columns(prompts=pl.lit(0)), OUTCOMES, events)
    assert silent["interruptions_per_100_prompts"].is_null().all()


def test_no_session_no_row():
    empty = [TABLES[name].empty() for name in ("sessions", "session_outcomes", "session_events")]
    assert build_success(*empty[:2]).equals(TABLES["session_success"].empty())
    assert build_friction(*empty).equals(TABLES["session_friction"].empty())
