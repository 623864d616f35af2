from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pytest

from schemas import MART_TABLES, TABLES
from tests.warehouse.tables import build_warehouse, make_tables, write_lake
from warehouse import build
from warehouse.publish import Run, publish, store_run

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def run_of(run_id: str, day: int) -> Run:
    at = datetime(2026, 11, day, tzinfo=UTC)
    return Run(run_id, at, at, "0.1.0", "config", "input", at)


def test_every_table_is_there_with_comments_types_and_nulls(tmp_path: Path):
    candidate = build_warehouse(tmp_path, make_tables())
    tables = dict(read(candidate, "SELECT table_name, comment FROM duckdb_tables()"))
    assert tables == {table.name: table.description for table in MART_TABLES}
    columns = read(
        candidate, "SELECT table_name, column_name, comment, is_nullable FROM duckdb_columns() WHERE NOT internal"
    )
    assert set(columns) == {
        (table.name, field.name, field.comment, field.is_nullable) for table in MART_TABLES for field in table
    }


def test_the_storage_is_that_of_duckdb_1_5(tmp_path: Path):
    candidate = build_warehouse(tmp_path, make_tables())
    store_run(candidate, run_of("r1", 1))
    with duckdb.connect(str(candidate), read_only=True) as connection:
        (tags,) = connection.execute("SELECT tags FROM duckdb_databases() WHERE NOT internal").fetchone()
    assert tags["storage_version"].startswith("v1.5")


def test_loaded_rows_are_the_lakes_in_order_of_the_key(tmp_path: Path):
    tables = make_tables()
    candidate = build_warehouse(tmp_path, tables)
    with duckdb.connect(str(candidate), read_only=True) as connection:
        for name in build.LOADED_TABLES:
            loaded = pl.DataFrame(connection.sql(f"FROM {name}").to_arrow_table())
            expected = tables[name].with_columns(pl.col(pl.Datetime).dt.replace_time_zone(None))
            assert loaded.rows() == expected.rows(), name


def test_lines_per_engineer_day_leaves_bots_and_undated_landings_out(tmp_path: Path):
    tables = make_tables()
    undated = tables["merged_lines"].head(1).with_columns(landed_on=pl.lit(None, pl.Date), path=pl.lit("other"))
    tables["merged_lines"] = pl.concat([tables["merged_lines"], undated])
    candidate = build_warehouse(tmp_path, tables)
    assert read(candidate, "FROM lines_per_engineer_day") == [
        (date(2024, 2, 28), "ana", 50, 30, 30, 0),
        (date(2024, 5, 6), "ana", 7, 6, 6, 0),
        (date(2024, 5, 6), "ben", 32, 28, 28, 28),
        (date(2024, 5, 6), "cem", 300, 250, 0, 0),
        (date(2025, 1, 1), "cem", 9, 8, 8, 0),
    ]


def test_ai_share_bounds_and_grains(tmp_path: Path):
    candidate = build_warehouse(tmp_path, make_tables())
    # Effective lines of 2024-05-06: 18 by a session, 10 by a trailer, 6 unknown, 250 generated in another repository.
    sql = "SELECT * EXCLUDE (grain, period, repo) FROM ai_share WHERE grain = 'day' AND period = '2024-05-06' AND repo = $repo"
    with duckdb.connect(str(candidate), read_only=True) as connection:
        both = connection.execute(sql, {"repo": "all"}).fetchall()
        generated = connection.execute(sql, {"repo": "lib"}).fetchall()
    assert both == [(284, 18 / 34, 28 / 34, 1.0, 18, 28, 34, 0, 0, 250, 6, 278 / 284, False, "7")]
    assert generated == [(250, None, None, None, 0, 0, 0, 0, 0, 250, 0, 1.0, False, "7")]
    periods = read(candidate, "SELECT grain, period, lines FROM ai_share WHERE repo = 'all' AND period > '2024-09-01'")
    assert periods == [
        ("day", date(2024, 12, 31), 80),
        ("day", date(2025, 1, 1), 8),
        ("month", date(2024, 12, 1), 80),
        ("month", date(2025, 1, 1), 8),
        ("quarter", date(2024, 10, 1), 80),
        ("quarter", date(2025, 1, 1), 8),
        ("week", date(2024, 12, 30), 88),
    ]
    # Lines that only the configuration calls human have no evidence.
    assert read(
        candidate, "SELECT human, coverage FROM ai_share WHERE grain = 'day' AND period = '2025-01-01' AND repo = 'lib'"
    ) == [(8, 0.0)]


@pytest.mark.parametrize("parts", [1, 3])
def test_partitioning_and_order_do_not_matter(tmp_path: Path, parts: int):
    first = build_warehouse(tmp_path / "first", make_tables())
    shuffled = {name: table.sample(fraction=1, shuffle=True, seed=parts) for name, table in make_tables().items()}
    files = write_lake(tmp_path / "second", shuffled, parts=parts)
    second = build.build_candidate(tmp_path / "second" / "other.duckdb", files, rules_version="7")
    for table in MART_TABLES:
        assert read(first, f"FROM {table.name}") == read(second, f"FROM {table.name}"), table.name


def test_an_empty_lake_makes_empty_tables(tmp_path: Path):
    candidate = build.build_candidate(tmp_path / "out" / "mergeline.duckdb", {})
    assert [read(candidate, f"SELECT count(*) FROM {table.name}") for table in MART_TABLES] == [[(0,)]] * len(
        MART_TABLES
    )


def test_names_of_folders_are_no_patterns(tmp_path: Path):
    candidate = build_warehouse(tmp_path / "it's [1]*", make_tables())
    assert read(candidate, "SELECT count(*) FROM landings") == [(6,)]


def test_times_are_utc_wherever_it_runs(tmp_path: Path):
    code = "import sys, pathlib; from tests.warehouse.tables import *; build_warehouse(pathlib.Path(sys.argv[1]), make_tables()); print(build.os.getpid())"
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env={**os.environ, "TZ": "Asia/Tokyo", "PYTHONPATH": "."},
        check=True,
        capture_output=True,
        text=True,
    )
    candidate = tmp_path / f".tmp-{ran.stdout.strip()}-mergeline.duckdb"
    assert read(candidate, "SELECT landed_at FROM landings LIMIT 1") == [(datetime(2024, 2, 28, 23, 30),)]  # noqa: DTZ001 - the warehouse has no zones


def test_candidates_of_the_dead_are_removed_and_others_left(tmp_path: Path):
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], check=True, capture_output=True, text=True
    ).stdout.strip()
    left = [tmp_path / f".tmp-{dead}-mergeline.duckdb{end}" for end in ("", ".wal")]
    kept = [
        tmp_path / f".tmp-{os.getppid()}-mergeline.duckdb",
        tmp_path / f".tmp-{dead}-other.duckdb",
        tmp_path / ".tmp-x",
    ]
    for path in (*left, *kept):
        path.write_text("junk")
    (tmp_path / f".tmp-{dead}-mergeline.duckdb.tmp").mkdir()
    candidate = build_warehouse(tmp_path, make_tables())
    assert set(tmp_path.iterdir()) == {candidate, tmp_path / "lake", *kept}


def test_a_failed_build_leaves_nothing(tmp_path: Path):
    tables = make_tables()
    files = write_lake(tmp_path, tables)
    files["landings"][0].write_bytes(b"PAR1 no more")
    with pytest.raises(duckdb.Error):
        build.build_candidate(tmp_path / "mergeline.duckdb", files)
    tables["landings"] = tables["landings"].with_columns(engineer_id=pl.lit(None, pl.String))
    with pytest.raises(duckdb.ConstraintException):
        build_warehouse(tmp_path, tables)
    assert [path.name for path in tmp_path.iterdir()] == ["lake"]


def test_a_table_that_is_not_loaded_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="ai_share"):
        build.build_candidate(tmp_path / "mergeline.duckdb", {"ai_share": []})


def test_runs_are_carried_over(tmp_path: Path):
    target = tmp_path / "mergeline.duckdb"
    for day, run_id in ((1, "z"), (2, "a"), (2, "a")):
        candidate = build_warehouse(tmp_path, make_tables())
        store_run(candidate, run_of(run_id, day))
        publish(candidate, target)
    assert read(target, "SELECT run_id FROM runs") == [("z",), ("a",)]


@pytest.mark.parametrize("content", [b"", b"junk" * 5000])
def test_an_unreadable_published_file_costs_only_its_history(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
):
    target = tmp_path / "mergeline.duckdb"
    target.write_bytes(content)
    candidate = build_warehouse(tmp_path, make_tables())
    assert read(candidate, "SELECT count(*) FROM runs") == [(0,)]
    assert "start anew" in caplog.text


def test_every_mart_is_sql_loaded_or_filled():
    assert set(build.SQL_TABLES) == {"ai_share", "lines_per_engineer_day"}
    assert {*build.SQL_TABLES, *build.LOADED_TABLES, *build.FILLED_TABLES} == {table.name for table in MART_TABLES}
    assert set(build.LOADED_TABLES) <= set(TABLES)
