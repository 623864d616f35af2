from __future__ import annotations

import polars as pl
import pytest

from pipelines.stages.categories import LEFT_OUT, categorise
from schemas import TABLES


@pytest.mark.parametrize(
    ("path", "category", "language"),
    [
        ("src/app.py", "source", "Python"), ("App.PY", "source", "Python"), ("main", "source", ""), ("a.b/name", "source", ""),
        ("package-lock.json", "lock", "JSON"), ("sub/Cargo.lock", "lock", ""), ("my-package-lock.json.py", "source", "Python"),
        ("vendor/x.go", "vendored", "Go"), ("src/vendored.go", "source", "Go"), ("a/node_modules/b/index.js", "vendored", "JavaScript"),
        ("x.min.js", "minified", "JavaScript"), ("admin.js", "source", "JavaScript"), ("x_pb2.py", "generated", "Python"),
        ("a.generated.ts", "generated", "TypeScript"), ("tests/a.py", "test", "Python"), ("src/test_a.py", "test", "Python"),
        ("contest/a.py", "source", "Python"), ("a_test.go", "test", "Go"), ("src/a.test.tsx", "test", "TypeScript"),
        ("docs/a.html", "documentation", "HTML"), ("README.md", "documentation", "Markdown"), ("pyproject.toml", "configuration", "TOML"),
        (".gitignore", "configuration", ""), ("Makefile", "configuration", "Makefile"), ("Dockerfile", "configuration", "Dockerfile"),
        ("data/x.csv", "data", ""), ("tests/__snapshots__/a.snap", "snapshot", ""), ("tests/fixtures/package-lock.json", "lock", "JSON"),
        ("new\nline.py", "source", "Python"), ("\\xff.c", "source", "C"), ("a.", "source", ""), ("", "source", ""),
    ],
)  # fmt: skip
def test_categories_and_languages(path, category, language):
    assert categorise(pl.Series([path], dtype=pl.String)).rows() == [(path, category, language)]


def test_each_path_once_and_in_order():
    found = categorise(pl.Series(["b.py", "a.py", "b.py"]))
    assert found["path"].to_list() == ["a.py", "b.py"]
    assert categorise(pl.Series([], dtype=pl.String)).height == 0


def test_what_is_left_out_is_a_category():
    values = next(field.values for field in TABLES["file_changes"] if field.name == "category")
    assert set(LEFT_OUT) <= set(values)
