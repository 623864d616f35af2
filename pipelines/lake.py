"""The lake: Parquet files per table and partition, written under a temporary name and renamed.

Belongs here: where a table's files are, how they are written atomically and read back. Does not belong here:
what a table means (`schemas`) or how it is computed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from typing import TYPE_CHECKING

import polars as pl
import pyarrow.parquet as pq

from schemas import TABLES
from schemas.arrow import arrow_schema

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_UNSAFE = re.compile(r"[^a-z0-9._]+")


def slug_of(label: str) -> str:
    """A folder-safe, collision-free name for any label: its readable part and 8 hex digits of its hash."""
    readable = _UNSAFE.sub("-", label.lower()).strip("-.")[:40]
    digest = hashlib.blake2b(label.encode("utf-8", "surrogateescape"), digest_size=4).hexdigest()
    return f"{readable}-{digest}" if readable else digest


class Lake:
    """The folder `<out>/lake`: `lake/<table>/<key>=<value>/.../<table>.parquet`.

    A partition is a mapping from key to label, for example `{"repo": "app", "year": "2026"}`; labels may hold any
    character. Every write replaces one partition as a whole.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def file_of(self, table: str, partition: Mapping[str, str] | None = None) -> Path:
        """Path of a partition's file, whether it exists or not."""
        folder = self.root / table
        for key, label in (partition or {}).items():
            folder = folder / f"{key}={slug_of(label)}"
        return folder / f"{table}.parquet"

    def write(self, table: str, frame: pl.DataFrame, partition: Mapping[str, str] | None = None) -> Path:
        """Replace one partition. The frame must have the table's columns; it is cast to its types; the file carries its descriptions.

        Rows are written as they stand: callers sort by the table's key first. Raises `ValueError` when a column is
        missing or unknown.
        """
        schema = TABLES[table].polars_schema
        if set(frame.columns) != set(schema):
            odd = sorted(set(frame.columns) ^ set(schema))
            raise ValueError(f"table {table}: columns {odd} are missing or unknown to schemas/")
        frame = frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items())
        target = self.file_of(table, partition)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f".tmp-{os.getpid()}-{target.stem}"
        rows = frame.to_arrow().cast(arrow_schema(TABLES[table]))
        with temporary.open("wb") as handle:
            pq.write_table(rows, handle, compression="zstd", compression_level=1)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(target)
        return target

    def remove(self, table: str, partition: Mapping[str, str]) -> None:
        """Remove a partition and everything below it; nothing happens where there is none."""
        folder = self.file_of(table, partition).parent
        if folder.exists():
            shutil.rmtree(folder)

    def remove_file(self, file: Path) -> None:
        """Remove one partition by its file."""
        shutil.rmtree(file.parent)

    def files(self, table: str, partition: Mapping[str, str] | None = None) -> list[Path]:
        """Every file of a table, or of the partitions below `partition`, in sorted order."""
        folder = self.file_of(table, partition).parent
        return sorted(folder.rglob(f"{table}.parquet"))

    def read(self, table: str, partition: Mapping[str, str] | None = None) -> pl.DataFrame:
        """All rows of a table or partition, in file order then row order; an empty frame where there are none."""
        files = self.files(table, partition)
        if not files:
            return TABLES[table].empty()
        frames = [pl.read_parquet(file, hive_partitioning=False) for file in files]
        return pl.concat(frames)
