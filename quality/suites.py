"""What must hold of the published tables, as plain data.

Belongs here: a query per check that finds what breaks it. Does not belong here: running them (`engine.py`), nor anything
that the schema already says: keys, nulls, enumerations and ranges are read from `schemas`.

A check is a SQL query over `{batch}`, the table that it belongs to, with one column `problem`: a row for each breach,
saying where and what in counts and keys. No rows, no breach. Other tables of the warehouse go by their names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from schemas import MART_TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schemas import Field, Table

Severity = Literal["error", "warning"]
UNCHECKED = ("quality_checks",)
"""Tables that are filled from the results."""


@dataclass(frozen=True)
class Check:
    """One thing that must hold: `error` stops a publication, `warning` does not."""

    name: str
    expected: str
    problems: str
    severity: Severity = "error"


def check_names() -> dict[str, tuple[tuple[str, Severity, str], ...]]:
    """(name, severity, what is expected) of every check, by table, without importing what runs them."""
    return {
        table: tuple((check.name, check.severity, check.expected) for check in checks)
        for table, checks in SUITES.items()
    }


# What the schema says


def _checks_of(table: Table) -> Iterator[Check]:
    key = ", ".join(_quote(name) for name in table.key)
    # Only rows whose hash occurs twice are grouped by the key itself: four times as fast where the key is unique.
    yield Check(
        "key_is_unique",
        f"one row per {', '.join(table.key)}",
        f"SELECT concat_ws(' ', {key}) || ' in ' || count(*) || ' rows' AS problem FROM {{batch}} "  # noqa: S608 - names of schemas/
        f"WHERE hash({key}) IN (SELECT hash({key}) FROM {{batch}} GROUP BY hash({key}) HAVING count(*) > 1) "
        f"GROUP BY {key} HAVING count(*) > 1",
    )
    breaches = [breach for field in table for breach in _breaches_of(field)]
    cases = " ".join(f"WHEN {condition} THEN '{problem}'" for condition, problem in breaches)
    yield Check(
        "values_are_valid",
        "no null where none may be, enumerations within their values, counts 0 or more, shares from 0 to 1",
        f"SELECT problem FROM (SELECT CASE {cases} END AS problem FROM {{batch}}) AS found WHERE problem IS NOT NULL",  # noqa: S608 - names of schemas/
    )


def _breaches_of(field: Field) -> Iterator[tuple[str, str]]:
    """SQL conditions that a value of the field must not meet, each with its name."""
    name = _quote(field.name)
    if not field.is_nullable:
        yield f"{name} IS NULL", f"{field.name} is null"
    if field.values:
        values = ", ".join(f"'{value}'" for value in field.values)
        yield f"{name} NOT IN ({values})", f"{field.name} is not among its values"
    if field.kind == "int64":
        yield f"{name} < 0", f"{field.name} is below 0"
    if field.kind == "float64":
        # DuckDB orders NaN above every number.
        limit = "1" if field.unit.startswith("share") else "1.7976931348623157e308"
        yield f"NOT {name} BETWEEN 0 AND {limit}", f"{field.name} is out of range"


# What must hold between columns and tables


def _known(column: str, table: str, *, severity: Severity = "error") -> Check:
    """The values of a column, or of several joined by commas, occur in another table."""
    columns = [name.strip() for name in column.split(",")]
    pairs = " AND ".join(f"other.{name} = row.{name}" for name in columns)
    shown = ", ".join(f"row.{name}" for name in columns)
    present = " AND ".join(f"row.{name} IS NOT NULL" for name in columns)
    return Check(
        f"{columns[-1]}_is_in_{table}",
        f"every {' and '.join(columns)} occurs in {table}",
        f"SELECT DISTINCT concat_ws(' ', {shown}) AS problem FROM {{batch}} AS row "  # noqa: S608 - names of schemas/
        f"ANTI JOIN {table} AS other ON {pairs} WHERE {present}",
        severity,
    )


def _rows(name: str, expected: str, breach: str, shown: str, *, severity: Severity = "error") -> Check:
    """No row of the table meets `breach`; `shown` names the row."""
    return Check(
        name,
        expected,
        f"SELECT concat_ws(' ', {shown}) AS problem FROM {{batch}} WHERE {breach}",  # noqa: S608 - written below
        severity,
    )


def _landing_sums(name: str, expected: str, columns: tuple[str, ...], counted: str = "") -> Check:
    """The table's rows of each landing add up to what `landings` says; `counted` is the landing's number of rows."""
    sums = ", ".join(f"sum({column}) AS {column}" for column in columns)
    compared = [f"coalesce(part.{column}, 0) <> landing.{column}" for column in columns]
    if counted:
        compared.append(f"coalesce(part.rows, 0) <> landing.{counted}")
    sums = ", ".join(filter(None, (sums, "count(*) AS rows")))
    return Check(
        name,
        expected,
        "SELECT concat_ws(' ', landing.repo, landing.landing_sha) AS problem FROM landings AS landing LEFT JOIN "  # noqa: S608 - names of schemas/
        f"(SELECT repo, landing_sha, {sums} FROM {{batch}} GROUP BY repo, landing_sha) AS part "
        f"ON part.repo = landing.repo AND part.landing_sha = landing.landing_sha WHERE {' OR '.join(compared)}",
    )


def _waterfall(shown: str) -> Check:
    return _rows(
        "waterfall_falls",
        "lines_raw >= lines_distinct >= lines_effective >= lines_authored",
        "lines_raw < lines_distinct OR lines_distinct < lines_effective OR lines_effective < lines_authored",
        shown,
    )


def _slices_add_up(counts: tuple[str, ...], also_by: str = "") -> Check:
    """For each of tier, model and tool, the rows of its values add up to the row of `all`."""
    sums = " OR ".join(
        f"sum({count}) FILTER (WHERE slice <> 'all') IS DISTINCT FROM sum({count}) FILTER (WHERE slice = 'all')"
        for count in counts
    )
    parts = " UNION ALL BY NAME ".join(
        f"SELECT * EXCLUDE ({name}), {name} AS slice, '{name}' AS sliced FROM {{batch}}"  # noqa: S608 - named here
        for name in ("tier", "model", "tool")
    )
    return Check(
        "slices_add_up",
        "the rows of every tier, model and tool add up to the row of `all`",
        f"SELECT concat_ws(' ', grain, period, sliced) AS problem FROM ({parts}) AS part "  # noqa: S608 - named here
        f"GROUP BY grain, period, sliced, tier, model, tool{also_by} HAVING {sums}",
    )


_LANDING = "repo, landing_sha"
_LINES = ("lines_raw", "lines_distinct", "lines_effective", "lines_authored")

_WRITTEN: Mapping[str, tuple[Check, ...]] = {
    "repositories": (
        _rows(
            "all_are_read",
            "every repository was read without loss",
            "status <> 'ok'",
            "repo, status",
            severity="warning",
        ),
        Check(
            "landings_are_counted",
            "landings and commits are as many as their tables hold",
            "SELECT repo AS problem FROM {batch} AS row WHERE "
            "row.landings <> (SELECT count(*) FROM landings WHERE landings.repo = row.repo) OR "
            "row.commits <> (SELECT count(*) FROM commits WHERE commits.repo = row.repo)",
        ),
    ),
    "landings": (
        Check(
            "something_was_read",
            "at least one landing or one session",
            "SELECT 'no landing and no session' AS problem "
            "WHERE NOT EXISTS (SELECT 1 FROM {batch}) AND NOT EXISTS (SELECT 1 FROM sessions)",
        ),
        _known("repo", "repositories"),
        _known("engineer_id", "engineers"),
        _waterfall(_LANDING),
        _rows(
            "day_is_that_of_the_time",
            "landed_on is the UTC date of landed_at",
            "landed_on IS DISTINCT FROM CAST(landed_at AS DATE)",
            _LANDING,
        ),
    ),
    "commits": (
        _known(_LANDING, "landings"),
        _known("engineer_id", "engineers"),
        _landing_sums("commits_add_up", "every landing has as many commits as it says", (), "commits"),
    ),
    "file_changes": (
        _known(_LANDING, "landings"),
        _landing_sums(
            "lines_add_up",
            "files, added and deleted lines of every landing add up to what it says",
            ("lines_raw", "lines_deleted"),
            "files",
        ),
    ),
    "merged_lines": (
        _known(_LANDING, "landings"),
        _known("engineer_id", "engineers"),
        _waterfall("repo, landing_sha, path"),
        _landing_sums("lines_add_up", "lines of every landing add up to what it says, at every stage", _LINES),
        _rows(
            "ai_has_evidence",
            "lines of class ai rest on evidence of a line, an author or a commit",
            "author_class = 'ai' AND strength = 'none'",
            "repo, landing_sha, path",
        ),
        Check(
            "day_is_that_of_the_landing",
            "landed_on is that of the landing",
            "SELECT DISTINCT concat_ws(' ', row.repo, row.landing_sha) AS problem FROM {batch} AS row "
            "JOIN landings USING (repo, landing_sha) WHERE row.landed_on IS DISTINCT FROM landings.landed_on",
        ),
    ),
    "engineers": (
        _rows(
            "days_are_in_order",
            "first_landed_on is not after last_landed_on",
            "first_landed_on > last_landed_on",
            "engineer_id",
        ),
    ),
    "sessions": (
        _known("repo", "repositories"),
        _rows("times_are_in_order", "started_at is not after ended_at", "started_at > ended_at", "session_id"),
        Check(
            "every_session_is_judged",
            "every session has a verdict",
            "SELECT session_id AS problem FROM {batch} ANTI JOIN session_outcomes USING (session_id)",
            "warning",
        ),
    ),
    "session_landings": (_known("session_id", "sessions"), _known(_LANDING, "landings")),
    "session_outcomes": (
        _known("session_id", "sessions"),
        _rows(
            "verified_is_success",
            "only a success is verified",
            "verified AND outcome <> 'success'",
            "session_id, judge",
        ),
    ),
    "lines_per_engineer_day": (
        _rows(
            "lines_are_in_order",
            "lines_raw >= lines_effective >= lines_authored >= ai_point",
            "lines_raw < lines_effective OR lines_effective < lines_authored OR lines_authored < ai_point",
            "landed_on, engineer_id",
        ),
        Check(
            "lines_add_up",
            "lines of every day add up to those of merged_lines, bots left out",
            "SELECT CAST(landed_on AS VARCHAR) AS problem FROM "
            "(SELECT landed_on, sum(lines_raw) AS lines FROM {batch} GROUP BY landed_on) AS here FULL JOIN "
            "(SELECT landed_on, sum(lines_raw) AS lines FROM merged_lines "
            "ANTI JOIN (FROM engineers WHERE is_bot) AS bots USING (engineer_id) "
            "WHERE landed_on IS NOT NULL GROUP BY landed_on) AS there USING (landed_on) "
            "WHERE here.lines IS DISTINCT FROM there.lines",
        ),
    ),
    "lines_per_engineer_quarter": (
        Check(
            "one_headline_per_quarter",
            "one specification of every quarter is the headline",
            "SELECT quarter AS problem FROM {batch} GROUP BY quarter HAVING count(*) FILTER (WHERE is_headline) <> 1",
        ),
        _rows(
            "interval_is_in_order",
            "lower ends are not above upper ends",
            "value_lower > value_upper OR multiple_lower > multiple_upper",
            "quarter, specification",
        ),
        # A skewed bootstrap may honestly leave the value outside; somebody should look all the same.
        _rows(
            "interval_contains_value",
            "intervals contain value and multiple",
            "value NOT BETWEEN value_lower AND value_upper OR multiple NOT BETWEEN multiple_lower AND multiple_upper",
            "quarter, specification",
            severity="warning",
        ),
    ),
    "ai_share": (
        _rows(
            "shares_are_ordered",
            "ai_lower <= ai_point <= ai_upper, and so their lines",
            "ai_lower > ai_point OR ai_point > ai_upper OR ai_lines_lower > ai_lines_point OR ai_lines_point > ai_lines_upper",
            "grain, period, repo",
        ),
        _rows(
            "lines_close",
            "lines = ai_lines_point + human + automation + generated + unknown, and ai_lines_upper = ai_lines_point + unknown",
            "lines <> ai_lines_point + human + automation + generated + unknown OR ai_lines_upper <> ai_lines_point + unknown",
            "grain, period, repo",
        ),
        Check(
            "repositories_add_up",
            "lines of the repositories add up to the row of `all`",
            "SELECT concat_ws(' ', grain, period) AS problem FROM {batch} GROUP BY grain, period "
            "HAVING sum(lines) FILTER (WHERE repo <> 'all') IS DISTINCT FROM sum(lines) FILTER (WHERE repo = 'all')",
        ),
        Check(
            "periods_add_up",
            "every grain has the effective lines of merged_lines",
            "SELECT grain AS problem FROM {batch} WHERE repo = 'all' GROUP BY grain HAVING sum(lines) IS DISTINCT FROM "
            "(SELECT sum(lines_effective) FROM merged_lines WHERE landed_on IS NOT NULL)",
        ),
    ),
    "session_success": (
        _rows(
            "counts_fit",
            "successes and unclear sessions are among the sessions, verified among the successes",
            "successes + unclear > sessions OR verified > successes",
            "grain, period, tier, model, tool, judge",
        ),
        _rows(
            "interval_contains_rate",
            "rate_lower <= rate <= rate_upper and bound_lower <= rate <= bound_upper",
            "rate NOT BETWEEN rate_lower AND rate_upper OR rate NOT BETWEEN bound_lower AND bound_upper",
            "grain, period, tier, model, tool, judge",
        ),
        _slices_add_up(("sessions", "successes", "unclear", "verified"), ", judge"),
    ),
    "session_friction": (
        _rows(
            "counts_fit", "takeovers are among the sessions", "takeovers > sessions", "grain, period, tier, model, tool"
        ),
        _slices_add_up(("sessions", "prompts", "interruptions", "rejections", "corrections", "takeovers")),
    ),
}


def _quote(name: str) -> str:
    return f'"{name}"'


SUITES: Mapping[str, tuple[Check, ...]] = {
    table.name: (*_checks_of(table), *_WRITTEN.get(table.name, ()))
    for table in MART_TABLES
    if table.name not in UNCHECKED
}
"""The checks of every table: what its schema says first."""
