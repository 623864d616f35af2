"""The page of tables says what the registry says."""

from __future__ import annotations

from pathlib import Path

from schemas.markdown import render

ROOT = Path(__file__).parents[2]


def test_the_page_of_tables_is_current() -> None:
    assert (ROOT / "docs" / "tables.md").read_text() == render(), "run `make docs`"
