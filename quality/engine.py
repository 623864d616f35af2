"""Run the suites on a DuckDB file with Great Expectations.

Belongs here: the adaptation of Great Expectations to DuckDB and the loop over the suites. Does not belong here: any check.

Great Expectations takes seconds to import, so that nothing imports it before `run_suites` is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quality.suites import SUITES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from quality.suites import Check, Severity


@dataclass(frozen=True)
class CheckOutcome:
    """What a check found; `observed` is null where nothing breaks it."""

    asset: str
    check: str
    severity: Severity
    passed: bool
    observed: str | None
    expected: str


def run_suites(database: Path, suites: Mapping[str, Sequence[Check]] = SUITES) -> Iterator[CheckOutcome]:
    """Run every check on the DuckDB file, which is only read, and yield its outcome, in the order of the suites.

    Raises `RuntimeError` for a check that could not be run, with what DuckDB said: a check that is not run has not passed.
    """
    from quality.duckdb_datasource import open_warehouse

    with open_warehouse(database) as warehouse:
        for table, checks in suites.items():
            found = warehouse.validate(table, [_summarise(check.problems) for check in checks])
            for check, observed in zip(checks, found, strict=True):
                yield CheckOutcome(table, check.name, check.severity, observed is None, observed, check.expected)


def _summarise(problems: str) -> str:
    """One row that counts the problems and shows the first, no row without any: millions of breaches stay in DuckDB."""
    # Great Expectations gives its batch an alias or none, as it sees fit; behind a name of ours both are the same.
    problems = problems.replace("{batch}", "batch")
    return (
        "WITH batch AS NOT MATERIALIZED (SELECT * FROM {batch}) "  # noqa: S608 - from the suites
        "SELECT count(*) || CASE count(*) WHEN 1 THEN ' row: ' ELSE ' rows, such as: ' END || min(problem) AS observed "
        f"FROM ({problems}) AS problems HAVING count(*) > 0"
    )
