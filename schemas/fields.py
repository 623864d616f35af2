"""`Field` and `Table`, and how they are rendered to Polars and DuckDB.

Belongs here: the vocabulary of types and two of its renderings; the third is `arrow.py`. Does not belong here: any particular table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterator

_POLARS: dict[str, pl.DataType] = {
    "string": pl.String(),
    "bool": pl.Boolean(),
    "int32": pl.Int32(),
    "int64": pl.Int64(),
    "uint8": pl.UInt8(),
    "uint32": pl.UInt32(),
    "uint64": pl.UInt64(),
    "float64": pl.Float64(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us", "UTC"),
    "list<string>": pl.List(pl.String()),
    "list<uint64>": pl.List(pl.UInt64()),
}
# The warehouse's TIMESTAMP is without zone and always UTC: every client reads the same wall clock.
_SQL: dict[str, str] = {
    "string": "VARCHAR",
    "bool": "BOOLEAN",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "uint8": "UTINYINT",
    "uint32": "UINTEGER",
    "uint64": "UBIGINT",
    "float64": "DOUBLE",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "list<string>": "VARCHAR[]",
    "list<uint64>": "UBIGINT[]",
}


@dataclass(frozen=True)
class Field:
    """One column: `kind` is a key of the type table above; `unit` is empty where the column has none."""

    name: str
    kind: str
    description: str
    unit: str = ""
    is_nullable: bool = False
    values: tuple[str, ...] = ()
    """The closed set of values of an enumeration; empty for an open column."""

    def __post_init__(self) -> None:
        if self.kind not in _POLARS:
            known = ", ".join(_POLARS)
            raise ValueError(f"field {self.name}: unknown kind {self.kind!r}; known kinds: {known}")

    @property
    def comment(self) -> str:
        """Description, values and unit in one sentence, as the warehouse's `COMMENT` shows it."""
        parts = [self.description.rstrip(".") + "."]
        if self.values:
            parts.append("One of: " + ", ".join(self.values) + ".")
        if self.unit:
            parts.append(f"Unit: {self.unit}.")
        return " ".join(parts)


@dataclass(frozen=True)
class Table:
    """A table of the lake or the warehouse: its rows, its key and its fields in order."""

    name: str
    description: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    """Columns that identify a row; also the order in which rows are written."""
    group: str
    """The Dagster group: sources, stages, metrics or marts."""

    def __post_init__(self) -> None:
        missing = set(self.key) - set(self.columns)
        if missing:
            raise ValueError(f"table {self.name}: key columns {sorted(missing)} are not among its fields")

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the fields in order."""
        return tuple(field.name for field in self.fields)

    @property
    def polars_schema(self) -> dict[str, pl.DataType]:
        """Polars types by column."""
        return {field.name: _POLARS[field.kind] for field in self.fields}

    def empty(self) -> pl.DataFrame:
        """A frame of no rows with this table's schema."""
        return pl.DataFrame(schema=self.polars_schema)

    def create_sql(self) -> str:
        """`CREATE TABLE` with every type and `NOT NULL`, followed by a `COMMENT` for the table and each column."""
        columns = ",\n  ".join(
            f'"{field.name}" {_SQL[field.kind]}{"" if field.is_nullable else " NOT NULL"}' for field in self.fields
        )
        statements = [f'CREATE TABLE "{self.name}" (\n  {columns}\n)']
        statements.append(f'COMMENT ON TABLE "{self.name}" IS {_quote(self.description)}')
        statements.extend(
            f'COMMENT ON COLUMN "{self.name}"."{field.name}" IS {_quote(field.comment)}' for field in self.fields
        )
        return ";\n".join(statements) + ";\n"


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
