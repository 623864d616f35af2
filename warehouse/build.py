"""Build the candidate: a new DuckDB file beside the published one, with every table but its checks and its run.

Belongs here: loading the lake's files, running the SQL of `marts/`, and cleaning up after builds that died. Does not
belong here: whether the candidate is right (`quality`) and its publication (`publish.py`).
"""

from __future__ import annotations

import glob
import logging
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from schemas import MART_TABLES, TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from schemas import Table

LOG = logging.getLogger(__name__)
MARTS = Path(__file__).parent / "marts"
SQL_TABLES: tuple[str, ...] = tuple(sorted(file.stem for file in MARTS.glob("*.sql")))
"""Tables that are computed in the candidate from the loaded ones."""
FILLED_TABLES = ("quality_checks", "runs")
"""Tables that `publish.store_checks` and `publish.store_run` fill."""
LOADED_TABLES: tuple[str, ...] = tuple(
    table.name for table in MART_TABLES if table.name not in (*SQL_TABLES, *FILLED_TABLES)
)
"""Tables that are loaded from files of the lake."""

# Analysts' tools still bundle DuckDB 1.5, which cannot open the storage of 2.0.
STORAGE_VERSION = "v1.5.0"
MEMORY_LIMIT = "2GB"
_BUILD_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "storage_compatibility_version": STORAGE_VERSION,
    "memory_limit": MEMORY_LIMIT,
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
}


def open_candidate(path: Path) -> duckdb.DuckDBPyConnection:
    """The candidate for writing, bounded in memory, in UTC, in the storage version that analysts' tools open."""
    connection = duckdb.connect(str(path), config=_BUILD_CONFIG)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def build_candidate(
    target: Path,
    lake_files: Mapping[str, Sequence[Path]],
    *,
    rules_version: str = "",
    memory_limit: str = MEMORY_LIMIT,
) -> Path:
    """Build the file that may replace `target`, beside it, and return its path `.tmp-<pid>-<name>`.

    `lake_files` maps names of `LOADED_TABLES` to Parquet files; a table without files is left empty. `rules_version`
    goes into `ai_share`; `memory_limit` bounds DuckDB, which spills beside the candidate. Every table of
    `schemas.MART_TABLES` is there afterwards, with comments, rows in the order of its key; `runs` holds the runs of
    the published file where that can be read, `quality_checks` nothing. The same files give the same rows.

    Candidates of processes that no longer live are removed first. Raises `ValueError` for a name that is not loaded,
    and `duckdb.Error` for a file that cannot be read or breaks its table's schema; nothing is left behind then.
    """
    unknown = sorted(set(lake_files) - set(LOADED_TABLES))
    if unknown:
        raise ValueError(f"tables {unknown} are not loaded from the lake; loaded tables: {', '.join(LOADED_TABLES)}")
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(target)
    candidate = target.with_name(f".tmp-{os.getpid()}-{target.name}")
    remove_candidate(candidate)
    try:
        with open_candidate(candidate) as connection:
            connection.execute(f"SET memory_limit = {_quote(memory_limit)}")
            connection.execute("SET VARIABLE rules_version = $version", {"version": rules_version})
            for table in MART_TABLES:
                connection.execute(table.create_sql())
            for name in LOADED_TABLES:
                _load(connection, TABLES[name], lake_files.get(name, ()))
            for name in SQL_TABLES:
                query = (MARTS / f"{name}.sql").read_text(encoding="utf-8")
                connection.execute(f'INSERT INTO "{name}" BY NAME {query}')
            _copy_runs(connection, target)
            connection.execute("CHECKPOINT")
    except BaseException:
        remove_candidate(candidate)
        raise
    return candidate


def remove_candidate(candidate: Path) -> None:
    """Remove a candidate, its log and what it spilled; nothing happens where there is none."""
    for path in (candidate, candidate.with_name(candidate.name + ".wal")):
        path.unlink(missing_ok=True)
    shutil.rmtree(candidate.with_name(candidate.name + ".tmp"), ignore_errors=True)


def remove_leftovers(target: Path) -> None:
    """Remove the candidates of `target` that dead processes left behind."""
    pattern = re.compile(rf"\.tmp-(\d+)-{re.escape(target.name)}(\.wal|\.tmp)?")
    for path in sorted(target.parent.iterdir()):
        match = pattern.fullmatch(path.name)
        if match and not _is_alive(int(match[1])):
            remove_candidate(path.with_name(f".tmp-{match[1]}-{target.name}"))


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _load(connection: duckdb.DuckDBPyConnection, table: Table, files: Sequence[Path]) -> None:
    if not files:
        return
    columns = ", ".join(f'"{name}"' for name in table.columns)
    key = ", ".join(f'"{name}"' for name in table.key)
    # Names are taken literally: a bracket or a star in a folder's name is no pattern here.
    paths = [glob.escape(str(file)) for file in files]
    connection.execute(
        f'INSERT INTO "{table.name}" BY NAME SELECT {columns} '  # noqa: S608 - names of schemas/
        f"FROM read_parquet($files, union_by_name = true, hive_partitioning = false) ORDER BY {key}",
        {"files": paths},
    )


def _copy_runs(connection: duckdb.DuckDBPyConnection, target: Path) -> None:
    """Copy the published runs; a published file that cannot be read costs its history, never the new publication."""
    if not target.exists():
        return
    columns = ", ".join(f'"{name}"' for name in TABLES["runs"].columns)
    try:
        connection.execute(f"ATTACH {_quote(str(target))} AS published (READ_ONLY)")
        connection.execute(
            f"INSERT INTO runs BY NAME SELECT {columns} FROM published.runs ORDER BY published_at, run_id"  # noqa: S608 - names of schemas/
        )
        connection.execute("DETACH published")
    except duckdb.Error as error:
        LOG.warning("the runs of the published warehouse could not be read and start anew (%s)", type(error).__name__)


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
