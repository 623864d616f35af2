from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import duckdb
import pytest

from quality.engine import CheckOutcome
from tests.warehouse.tables import build_warehouse, make_tables
from warehouse.publish import Run, publish, store_checks, store_run
from warehouse.query import run_query

if TYPE_CHECKING:
    from pathlib import Path

READER = """
import sys, duckdb
opened, seen = 0, 0
print("ready", flush=True)
while opened < 400:
    with duckdb.connect(sys.argv[1], read_only=True) as connection:
        number = connection.execute("SELECT max(CAST(run_id AS INTEGER)) FROM runs").fetchone()[0]
        lines = connection.execute("SELECT sum(lines_raw) FROM merged_lines").fetchone()[0]
        assert number >= seen and lines == 488, (number, seen, lines)
        seen, opened = number, opened + 1
print(seen)
"""


def run_of(number: int) -> Run:
    at = datetime(2026, 11, 1, number, tzinfo=UTC)
    return Run(str(number), at, at, "0.1.0", "config", "input", at)


def publish_run(folder: Path, number: int):
    candidate = build_warehouse(folder, make_tables())
    store_run(candidate, run_of(number))
    publish(candidate, folder / "mergeline.duckdb")
    return folder / "mergeline.duckdb"


def test_the_published_file_stands_alone_read_only(tmp_path: Path):
    target = publish_run(tmp_path, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lake", "mergeline.duckdb"]
    assert target.stat().st_mode & 0o777 == 0o444


def test_readers_in_other_processes_never_fail_while_publications_happen(tmp_path: Path):
    target = publish_run(tmp_path, 0)
    readers = [
        subprocess.Popen([sys.executable, "-c", READER, str(target)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for reader in readers:
        assert reader.stdout.readline() == "ready\n"
    for number in range(1, 8):
        publish_run(tmp_path, number)
    for reader in readers:
        seen, _ = reader.communicate(timeout=120)
        assert reader.returncode == 0
        assert 0 <= int(seen) <= 7
    assert run_query(target, "SELECT count(*) FROM runs").item() == 8


def test_an_open_reader_keeps_what_it_opened(tmp_path: Path):
    target = publish_run(tmp_path, 1)
    with duckdb.connect(str(target), read_only=True) as old:
        publish_run(tmp_path, 2)
        assert old.execute("SELECT count(*) FROM runs").fetchone() == (1,)
        assert old.execute("SELECT sum(lines_raw) FROM merged_lines").fetchone() == (488,)
    assert run_query(target, "SELECT count(*) FROM runs").item() == 2


def test_a_log_left_beside_the_old_file_does_not_lock_the_new_one(tmp_path: Path):
    target = publish_run(tmp_path, 1)
    target.with_name(target.name + ".wal").write_bytes(b"somebody's own table")
    candidate = build_warehouse(tmp_path, make_tables())
    publish(candidate, target)
    assert run_query(target, "SELECT count(*) FROM landings").item() == 6


def test_the_candidate_must_stand_beside_the_target(tmp_path: Path):
    candidate = build_warehouse(tmp_path / "here", make_tables())
    (tmp_path / "there").mkdir()
    with pytest.raises(ValueError, match="one folder"):
        publish(candidate, tmp_path / "there" / "mergeline.duckdb")
    assert candidate.exists()


def test_a_candidate_that_is_no_database_leaves_the_old_file(tmp_path: Path):
    target = publish_run(tmp_path, 1)
    broken = tmp_path / ".tmp-1-mergeline.duckdb"
    broken.write_bytes(b"junk" * 5000)
    with pytest.raises(duckdb.Error):
        publish(broken, target)
    assert run_query(target, "SELECT count(*) FROM runs").item() == 1


def test_checks_are_replaced_and_ordered(tmp_path: Path):
    candidate = build_warehouse(tmp_path, make_tables())
    outcome = CheckOutcome("sessions", "b", "warning", passed=False, observed="2 rows", expected="none")
    other = CheckOutcome("landings", "a", "error", passed=True, observed=None, expected="none")
    store_checks(candidate, [other])
    store_checks(candidate, iter([outcome, other]))
    assert run_query(candidate, "FROM quality_checks").rows() == [
        ("landings", "a", "error", True, None, "none"),
        ("sessions", "b", "warning", False, "2 rows", "none"),
    ]
    store_checks(candidate, [])
    assert run_query(candidate, "FROM quality_checks").height == 0


def test_run_times_are_kept_in_utc(tmp_path: Path):
    candidate = build_warehouse(tmp_path, make_tables())
    store_run(candidate, run_of(3))
    assert run_query(candidate, "SELECT started_at FROM runs").item() == datetime(2026, 11, 1, 3)  # noqa: DTZ001 - no zones there
