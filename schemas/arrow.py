# pyright: basic
# PyArrow ships no types, so strict mode would call every one of its names unknown.
"""Tables as Arrow schemas: what Parquet files carry of a table's definition.

Belongs here: the Arrow rendering of the vocabulary of types. Does not belong here: the vocabulary (`fields.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from schemas.fields import Table

_ARROW: dict[str, pa.DataType] = {
    "string": pa.string(),
    "bool": pa.bool_(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "uint8": pa.uint8(),
    "uint32": pa.uint32(),
    "uint64": pa.uint64(),
    "float64": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "list<string>": pa.list_(pa.string()),
    "list<uint64>": pa.list_(pa.uint64()),
}


def arrow_schema(table: Table) -> pa.Schema:
    """Arrow schema of a table; the metadata of the schema and of each field holds its description."""
    fields = [
        pa.field(field.name, _ARROW[field.kind], field.is_nullable, {"description": field.comment}) for field in table
    ]
    return pa.schema(fields, {"description": table.description})
