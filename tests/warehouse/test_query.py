from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pytest

from tests.warehouse.tables import build_warehouse, make_tables
from warehouse.publish import publish
from warehouse.query import QueryError, connect, run_query

if TYPE_CHECKING:
    from pathlib import Path

ATTACKS = (
    "FROM '{secret}'",
    'FROM "{secret}"',
    "SELECT * FROM read_text('{secret}')",
    "SELECT * FROM read_blob('{secret}')",
    "SELECT * FROM read_csv('{secret}')",
    "SELECT * FROM read_parquet('{secret}')",
    "SELECT * FROM read_json('{secret}')",
    "SELECT * FROM sniff_csv('{secret}')",
    "SELECT * FROM glob('{folder}/*')",
    "ATTACH '{other}' AS other",
    "SELECT * FROM read_duckdb('{other}', table_name = 't')",
    "COPY landings TO '{folder}/out.csv'",
    "EXPORT DATABASE '{folder}/out'",
    "IMPORT DATABASE '{folder}'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '{secret}'",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "RESET lock_configuration",
    "SET autoload_known_extensions = true",
    "SET python_enable_replacements = true",
    "PRAGMA profiling_output = '{folder}/out'",
    "CREATE TABLE mine (a INTEGER)",
    "DELETE FROM landings",
    "CREATE SECRET (TYPE s3)",
    "FROM frame",
)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("warehouse")
    target = folder / "mergeline.duckdb"
    publish(build_warehouse(folder, make_tables()), target)
    (folder / "secret.csv").write_text("secret\n1\n")
    with duckdb.connect(str(folder / "other.db")) as other:
        other.execute("CREATE TABLE t AS SELECT 1 AS a")
    return target


@pytest.mark.parametrize("attack", ATTACKS)
def test_sql_reaches_the_tables_alone(target: Path, attack: str):
    folder = target.parent
    before = sorted(folder.iterdir())
    frame = pl.DataFrame({"a": [1]})
    sql = attack.format(secret=folder / "secret.csv", folder=folder, other=folder / "other.db")
    with connect(target) as connection, pytest.raises(duckdb.Error):
        connection.execute(sql).fetchall()
    with pytest.raises(QueryError):
        run_query(target, sql)
    assert sorted(folder.iterdir()) == before
    assert frame.height == 1


def test_rows_parameters_and_statements(target: Path):
    rows = run_query(
        target, "SELECT repo, landed_on FROM landings WHERE repo = $repo AND kind = 'direct'", {"repo": "lib"}
    )
    assert rows.columns == ["repo", "landed_on"]
    assert rows.height == 2
    assert run_query(target, "SELECT 1 AS a; SELECT 2 AS b").to_dicts() == [{"b": 2}]
    assert run_query(target, "SELECT 1 AS a WHERE false").columns == ["a"]
    assert run_query(target, "").is_empty()


def test_columns_of_one_name_are_told_apart(target: Path):
    joined = run_query(target, "SELECT * FROM (SELECT 1 AS a, 2 AS b) JOIN (SELECT 1 AS a, 3 AS c, 4 AS b) ON true")
    assert joined.to_dicts() == [{"a": 1, "b": 2, "a_1": 1, "c": 3, "b_1": 4}]


def test_wrong_sql_is_explained(target: Path):
    with pytest.raises(QueryError, match="landing_shaa"):
        run_query(target, "SELECT landing_shaa FROM landings")


def test_no_warehouse_no_file(tmp_path: Path):
    with pytest.raises(QueryError, match="mergeline run"):
        run_query(tmp_path / "mergeline.duckdb", "SELECT 1")
    assert list(tmp_path.iterdir()) == []


def test_an_unreadable_warehouse_is_explained(tmp_path: Path):
    (tmp_path / "mergeline.duckdb").write_bytes(b"junk" * 5000)
    with pytest.raises(QueryError, match="not a valid DuckDB"):
        run_query(tmp_path / "mergeline.duckdb", "SELECT 1")


def test_threads_may_read_side_by_side(target: Path):
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(run_query(target, "SELECT count(*) FROM landings").item()))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [6] * 8
