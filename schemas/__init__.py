"""What each table is: fields with type, unit and description, keys, and renderings to Arrow, Polars and SQL.

Belongs here: the registry that column comments, quality suites, Dagster column schemas and the metric
docs are made from. Does not belong here: how a table is computed, read or checked.
"""

from schemas.fields import Field, Table
from schemas.lake import LAKE_TABLES
from schemas.marts import MART_TABLES

TABLES: dict[str, Table] = {table.name: table for table in (*LAKE_TABLES, *MART_TABLES)}

__all__ = ["LAKE_TABLES", "MART_TABLES", "TABLES", "Field", "Table"]
