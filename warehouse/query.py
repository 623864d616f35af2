"""Read the published warehouse: a connection that can do nothing else.

Belongs here: opening the file for people's SQL. Does not belong here: any particular question.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import duckdb
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_READ_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
    # A reader writes nothing, not even what does not fit into memory.
    "temp_directory": "",
    # In the configuration, not by a SET: connections of one process share an instance, locked by the first.
    "lock_configuration": "true",
}


class QueryError(Exception):
    """The warehouse cannot be opened or the SQL cannot be run; the message says why, in DuckDB's words."""


def connect(path: Path) -> duckdb.DuckDBPyConnection:
    """The warehouse at `path`, read-only and closed in: SQL reaches its tables alone.

    No file is read or written, no extension loaded, no Python variable seen as a table, and none of it can be
    switched back on. Raises `QueryError` where there is no warehouse or it cannot be opened.
    """
    if not path.is_file():
        raise QueryError(f"there is no warehouse at {path}; `mergeline run` makes one")
    try:
        return duckdb.connect(str(path), read_only=True, config=_READ_CONFIG)
    except duckdb.Error as error:
        raise QueryError(str(error)) from error


def run_query(path: Path, sql: str, parameters: Mapping[str, object] | None = None) -> pl.DataFrame:
    """The rows of `sql` on the warehouse at `path`, with `$name` parameters; of several statements, the last one's. A column
    whose name comes again is numbered.

    Raises `QueryError` where `connect` does and for SQL that fails.
    """
    with connect(path) as connection:
        try:
            relation = connection.sql(sql, params=dict(parameters) if parameters else None)
            table = None if relation is None else relation.to_arrow_table()
        except duckdb.Error as error:
            raise QueryError(str(error)) from error
    if table is None:
        return pl.DataFrame()
    return pl.DataFrame(table.rename_columns(_tell_apart(table.column_names)))


def _tell_apart(names: list[str]) -> list[str]:
    """Joins give columns of one name; a frame cannot have them: the second `repo` becomes `repo_1`."""
    told: list[str] = []
    for name in names:
        candidates = (name if number == 0 else f"{name}_{number}" for number in count())
        told.append(next(candidate for candidate in candidates if candidate not in told))
    return told
