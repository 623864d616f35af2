from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import duckdb
import pytest

from quality.engine import run_suites
from quality.suites import SUITES, Check
from tests.warehouse.tables import build_warehouse, make_tables
from warehouse.publish import publish

if TYPE_CHECKING:
    from pathlib import Path

# What to do to the warehouse, and which checks must then fail; none but they may.
BREACHES: tuple[tuple[str, set[str]], ...] = (
    ("UPDATE repositories SET status = 'partial' WHERE repo = 'app'", {"repositories.all_are_read"}),
    ("UPDATE repositories SET status = 'odd' WHERE repo = 'app'", {"repositories.all_are_read", "repositories.values_are_valid"}),
    ("UPDATE repositories SET commits = 7 WHERE repo = 'app'", {"repositories.landings_are_counted"}),
    ("UPDATE landings SET kind = 'rebase' WHERE landing_sha = 'a1'", {"landings.values_are_valid"}),
    ("UPDATE landings SET pull_request = -1 WHERE landing_sha = 'a1'", {"landings.values_are_valid"}),
    ("UPDATE landings SET engineer_id = 'dan' WHERE landing_sha = 'a1'", {"landings.engineer_id_is_in_engineers"}),
    ("UPDATE landings SET commits = 2 WHERE landing_sha = 'a4'", {"commits.commits_add_up"}),
    ("UPDATE landings SET files = 1 WHERE landing_sha = 'a4'", {"file_changes.lines_add_up"}),
    ("UPDATE landings SET lines_deleted = 9 WHERE landing_sha = 'a4'", {"file_changes.lines_add_up"}),
    ("UPDATE landings SET lines_distinct = 51 WHERE landing_sha = 'a1'", {"landings.waterfall_falls", "merged_lines.lines_add_up"}),
    ("UPDATE landings SET lines_effective = 41 WHERE landing_sha = 'a1'", {"landings.waterfall_falls", "merged_lines.lines_add_up"}),
    ("UPDATE landings SET lines_raw = 51 WHERE landing_sha = 'a1'", {"file_changes.lines_add_up", "merged_lines.lines_add_up"}),
    ("UPDATE landings SET lines_authored = 29 WHERE landing_sha = 'a1'", {"merged_lines.lines_add_up"}),
    ("UPDATE landings SET landed_at = landed_at + INTERVAL 1 HOUR WHERE landing_sha = 'a1'", {"landings.day_is_that_of_the_time"}),
    ("UPDATE landings SET repo = 'new' WHERE landing_sha = 'a4'",
     {"landings.repo_is_in_repositories", "repositories.landings_are_counted", "commits.landing_sha_is_in_landings", "commits.commits_add_up"}),
    ("INSERT INTO commits FROM commits LIMIT 1", {"commits.key_is_unique", "commits.commits_add_up", "repositories.landings_are_counted"}),
    ("UPDATE commits SET engineer_id = 'dan' WHERE commit_sha = 'a1'", {"commits.engineer_id_is_in_engineers"}),
    ("UPDATE file_changes SET category = 'poem' WHERE path = 'x.py'", {"file_changes.values_are_valid"}),
    ("UPDATE file_changes SET landing_sha = 'a9' WHERE landing_sha = 'a1'", {"file_changes.landing_sha_is_in_landings", "file_changes.lines_add_up"}),
    ("UPDATE merged_lines SET landing_sha = 'a9' WHERE landing_sha = 'a1'", {"merged_lines.landing_sha_is_in_landings", "merged_lines.lines_add_up"}),
    ("UPDATE merged_lines SET strength = 'none' WHERE tool = 'cursor'", {"merged_lines.ai_has_evidence"}),
    ("UPDATE merged_lines SET landed_on = landed_on + 1 WHERE landing_sha = 'a1'",
     {"merged_lines.day_is_that_of_the_landing", "lines_per_engineer_day.lines_add_up"}),
    ("UPDATE merged_lines SET lines_authored = 31 WHERE landing_sha = 'a1'", {"merged_lines.waterfall_falls", "merged_lines.lines_add_up"}),
    ("UPDATE merged_lines SET engineer_id = 'dan' WHERE path = 'z.c'", {"merged_lines.engineer_id_is_in_engineers"}),
    ("UPDATE engineers SET first_landed_on = '2026-01-01' WHERE engineer_id = 'ana'", {"engineers.days_are_in_order"}),
    ("INSERT INTO engineers FROM engineers WHERE engineer_id = 'robot'", {"engineers.key_is_unique"}),
    ("UPDATE sessions SET repo = 'new' WHERE session_id = 's2'", {"sessions.repo_is_in_repositories"}),
    ("UPDATE sessions SET ended_at = '2001-01-01' WHERE session_id = 's2'", {"sessions.times_are_in_order"}),
    ("DELETE FROM session_outcomes WHERE session_id = 's2'", {"sessions.every_session_is_judged"}),
    ("UPDATE session_outcomes SET session_id = 's9' WHERE session_id = 's2'",
     {"sessions.every_session_is_judged", "session_outcomes.session_id_is_in_sessions"}),
    ("UPDATE session_outcomes SET verified = true WHERE session_id = 's2'", {"session_outcomes.verified_is_success"}),
    ("UPDATE session_outcomes SET human_minutes = 'nan' WHERE session_id = 's2'", {"session_outcomes.values_are_valid"}),
    ("UPDATE session_landings SET session_id = 's9'", {"session_landings.session_id_is_in_sessions"}),
    ("UPDATE session_landings SET landing_sha = 'a9'", {"session_landings.landing_sha_is_in_landings"}),
    ("UPDATE lines_per_engineer_day SET ai_point = 29 WHERE engineer_id = 'ben'", {"lines_per_engineer_day.lines_are_in_order"}),
    ("DELETE FROM lines_per_engineer_day WHERE engineer_id = 'ben'", {"lines_per_engineer_day.lines_add_up"}),
    ("INSERT INTO lines_per_engineer_day VALUES ('2020-01-01', 'ana', 1, 1, 1, 0)", {"lines_per_engineer_day.lines_add_up"}),
    ("UPDATE lines_per_engineer_quarter SET is_headline = true WHERE quarter = '2024Q1'", {"lines_per_engineer_quarter.one_headline_per_quarter"}),
    ("UPDATE lines_per_engineer_quarter SET value_lower = value + 2, value_upper = value + 3", {"lines_per_engineer_quarter.interval_contains_value"}),
    ("UPDATE lines_per_engineer_quarter SET multiple_lower = 2, multiple_upper = 1",
     {"lines_per_engineer_quarter.interval_is_in_order", "lines_per_engineer_quarter.interval_contains_value"}),
    ("UPDATE ai_share SET ai_upper = 1.1 WHERE grain = 'day'", {"ai_share.values_are_valid"}),
    ("UPDATE ai_share SET ai_lower = 0.9 WHERE ai_lower = 0.0", {"ai_share.shares_are_ordered"}),
    ("UPDATE ai_share SET unknown = unknown + 1 WHERE repo = 'all'", {"ai_share.lines_close"}),
    ("DELETE FROM ai_share WHERE repo = 'lib' AND grain = 'week'", {"ai_share.repositories_add_up"}),
    ("DELETE FROM ai_share WHERE grain = 'week' AND period = '2024-12-30'", {"ai_share.periods_add_up"}),
    ("UPDATE session_success SET verified = successes + 1", {"session_success.counts_fit", "session_success.slices_add_up"}),
    ("UPDATE session_success SET rate_upper = rate_lower", {"session_success.interval_contains_rate"}),
    ("DELETE FROM session_success WHERE tier = 'trivial' AND grain = 'month' AND model = 'all' AND tool = 'all'", {"session_success.slices_add_up"}),
    ("UPDATE session_friction SET takeovers = sessions + 1", {"session_friction.counts_fit", "session_friction.slices_add_up"}),
    ("UPDATE session_friction SET prompts = prompts + 1 WHERE tier = 'all' AND model = 'all' AND tool = 'all'", {"session_friction.slices_add_up"}),
    ("INSERT INTO quarantine FROM quarantine", {"quarantine.key_is_unique"}),
    ("INSERT INTO runs SELECT r, '2026-01-01', '2026-01-01', 'v', 'c', 'i', '2026-01-01' FROM (VALUES ('r'), ('r')) AS runs (r)", {"runs.key_is_unique"}),
)  # fmt: skip


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory):
    return build_warehouse(tmp_path_factory.mktemp("sound"), make_tables())


def failures(path: Path) -> dict[str, str]:
    return {f"{found.asset}.{found.check}": found.observed for found in run_suites(path) if not found.passed}


def test_a_sound_warehouse_passes_every_check(sound: Path):
    outcomes = list(run_suites(sound))
    assert [(found.asset, found.check) for found in outcomes] == [
        (table, check.name) for table, checks in SUITES.items() for check in checks
    ]
    assert [found for found in outcomes if not found.passed or found.observed is not None] == []


@pytest.mark.parametrize(("breach", "expected"), BREACHES, ids=[breach for breach, _ in BREACHES])
def test_a_breach_fails_its_check_and_no_other(sound: Path, tmp_path: Path, breach: str, expected: set[str]):
    broken = tmp_path / "mergeline.duckdb"
    shutil.copyfile(sound, broken)
    with duckdb.connect(str(broken)) as connection:
        connection.execute(breach)
    found = failures(broken)
    assert set(found) == expected
    assert all(found.values())


def test_every_written_check_is_broken_once():
    covered = {name for _, expected in BREACHES for name in expected}
    covered.add("landings.something_was_read")  # an empty warehouse, below
    schema = {"key_is_unique", "values_are_valid"}
    written = {
        f"{table}.{check.name}" for table, checks in SUITES.items() for check in checks if check.name not in schema
    }
    assert written <= covered


def test_nothing_read_is_an_error(tmp_path: Path):
    empty = build_warehouse(tmp_path, {})
    assert failures(empty) == {"landings.something_was_read": "1 row: no landing and no session"}


def test_a_failure_says_how_many_rows_and_which(sound: Path, tmp_path: Path):
    broken = tmp_path / "mergeline.duckdb"
    shutil.copyfile(sound, broken)
    with duckdb.connect(str(broken)) as connection:
        connection.execute(
            "UPDATE merged_lines SET strength = 'none'; UPDATE landings SET lines_raw = NULL WHERE false"
        )
        connection.execute(
            "ALTER TABLE landings ALTER kind DROP NOT NULL; UPDATE landings SET kind = NULL WHERE repo = 'lib'"
        )
    assert failures(broken) == {
        "landings.values_are_valid": "2 rows, such as: kind is null",
        "merged_lines.ai_has_evidence": "2 rows, such as: app a2 x.py",
    }


def test_the_file_is_only_read_and_given_back(sound: Path, tmp_path: Path):
    candidate = tmp_path / "mergeline.duckdb"
    shutil.copyfile(sound, candidate)
    candidate.chmod(0o444)
    before = candidate.read_bytes()
    list(run_suites(candidate))
    assert candidate.read_bytes() == before
    assert list(tmp_path.iterdir()) == [candidate]
    # This process may open it for writing at once.
    publish(candidate, tmp_path / "published.duckdb")


def test_a_check_that_cannot_be_run_has_not_passed(sound: Path):
    wrong = Check("wrong", "nothing", "SELECT missing AS problem FROM {batch}")
    with pytest.raises(RuntimeError, match="missing"):
        list(run_suites(sound, {"landings": [wrong]}))
