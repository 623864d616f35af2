"""The tables as a page of documentation: `python -m schemas.markdown > docs/tables.md`.

Belongs here: the Markdown rendering of the registry. Does not belong here: prose about metrics.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from schemas.lake import LAKE_TABLES
from schemas.marts import MART_TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.fields import Table


def render() -> str:
    """The whole page: published tables first, then the lake's own."""
    parts = [
        "# Tables",
        "Made from `schemas/` by `make docs`; a test keeps it current. Times are UTC, shares run from 0 to 1.",
        "## Published: the warehouse",
        *_render(MART_TABLES),
        "## The lake's own",
        *_render(LAKE_TABLES),
    ]
    return "\n\n".join(parts) + "\n"


def _render(tables: Sequence[Table]) -> list[str]:
    parts: list[str] = []
    for table in tables:
        rows = [f"| `{field.name}` | {field.kind} | {_escape(field.comment)} |" for field in table]
        key = ", ".join(f"`{column}`" for column in table.key) or "none; rows keep their order"
        head = f"### {table.name}\n\n{table.description}\n\nKey: {key}."
        parts.append("\n".join([head, "", "| column | type | meaning |", "| --- | --- | --- |", *rows]))
    return parts


def _escape(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(render())
