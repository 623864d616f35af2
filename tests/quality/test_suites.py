from __future__ import annotations

import subprocess
import sys

from quality.suites import SUITES, check_names
from schemas import MART_TABLES


def test_every_table_is_checked_but_the_one_made_of_the_results():
    assert set(SUITES) == {table.name for table in MART_TABLES} - {"quality_checks"}


def test_names_are_unique_and_what_the_schema_says_comes_first():
    for table, checks in SUITES.items():
        names = [check.name for check in checks]
        assert len(names) == len(set(names)), table
        assert names[:2] == ["key_is_unique", "values_are_valid"]


def test_check_names_are_those_of_the_suites():
    assert {table: [name for name, _, _ in checks] for table, checks in check_names().items()} == {
        table: [check.name for check in checks] for table, checks in SUITES.items()
    }
    assert ("all_are_read", "warning", "every repository was read without loss") in check_names()["repositories"]


def test_declaring_checks_imports_no_great_expectations():
    code = "import sys, quality.suites, quality.engine; sys.exit('great_expectations' in sys.modules or 'duckdb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
