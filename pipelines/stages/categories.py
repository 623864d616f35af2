"""What kind of file a path is, and its language, by the path alone.

Belongs here: applying the rules of `categories.toml`. Does not belong here: attributes files and content.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

LEFT_OUT = ("generated", "vendored", "minified", "lock", "snapshot", "binary", "symlink", "submodule")
"""Categories whose lines nobody authored: left out at the authored stage."""


@cache
def _load() -> tuple[list[tuple[str, re.Pattern[str]]], dict[str, str], dict[str, str]]:
    with (Path(__file__).parent / "categories.toml").open("rb") as handle:
        table: dict[str, Any] = tomllib.load(handle)
    rules = [
        (rule["category"], re.compile("|".join(f"(?:{pattern})" for pattern in rule["patterns"])))
        for rule in table["rules"]
    ]
    by_suffix = {suffix: language for language, suffixes in table["languages"].items() for suffix in suffixes}
    by_name = {name: language for language, names in table["names"].items() for name in names}
    return rules, by_suffix, by_name


def categorise(paths: pl.Series) -> pl.DataFrame:
    """`path`, `category`, `language` of each distinct path, sorted by path."""
    rules, by_suffix, by_name = _load()
    distinct = paths.unique().sort().to_list()
    categories: list[str] = []
    named: list[str] = []
    for path in distinct:
        lower = path.lower()
        categories.append(next((category for category, pattern in rules if pattern.search(lower)), "source"))
        name = lower.rpartition("/")[2]
        suffix = name.rpartition(".")[2] if "." in name else ""
        named.append(by_name.get(name) or by_suffix.get(suffix, ""))
    return pl.DataFrame(
        {"path": distinct, "category": categories, "language": named},
        schema={"path": pl.String(), "category": pl.String(), "language": pl.String()},
    )
