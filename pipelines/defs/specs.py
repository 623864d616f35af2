"""How a table of `schemas/` looks as an asset: description, owner, group, kinds, columns, row count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow.parquet as pq

from schemas import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pipelines.lake import Lake

OWNERS = ["team:data"]


def table_spec(name: str, *, deps: Iterable[str] = (), kinds: Iterable[str] = ("polars", "parquet")) -> dg.AssetSpec:
    """The asset of one table; `deps` are the tables that it is made from."""
    table = TABLES[name]
    columns = [
        dg.TableColumn(
            field.name,
            field.kind,
            description=field.comment,
            constraints=dg.TableColumnConstraints(nullable=field.is_nullable, unique=table.key == (field.name,)),
        )
        for field in table
    ]
    return dg.AssetSpec(
        name,
        deps=list(deps),
        description=table.description,
        owners=OWNERS,
        group_name=table.group,
        kinds=set(kinds),
        metadata={
            "dagster/column_schema": dg.TableSchema(columns=columns),
            "key": ", ".join(table.key) or "none: rows stand in order",
        },
    )


def lake_result(lake: Lake, name: str, metadata: Mapping[str, Any] | None = None) -> dg.MaterializeResult:
    """What a step says of a table that it wrote into the lake: rows, files and size, from the files' own footers."""
    files = lake.files(name)
    return dg.MaterializeResult(
        asset_key=name,
        metadata={
            "dagster/row_count": count_rows(files),
            "files": len(files),
            "size_bytes": sum(file.stat().st_size for file in files),
            **(metadata or {}),
        },
    )


def count_rows(files: Iterable[Path]) -> int:
    """Rows of Parquet files, from their footers."""
    return sum(pq.read_metadata(file).num_rows for file in files)
