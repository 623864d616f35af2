from __future__ import annotations

import re

import polars as pl
import pytest

from schemas import LAKE_TABLES, MART_TABLES, TABLES, Field, Table
from schemas.arrow import arrow_schema
from schemas.lake import AUTHOR_CLASSES, MARK_KINDS

EVERY = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)


def test_names_are_unique_and_both_registries_are_in():
    assert len(TABLES) == len(LAKE_TABLES) + len(MART_TABLES)
    assert all(TABLES[name].name == name for name in TABLES)


@EVERY
def test_a_table_says_what_it_is(table):
    assert re.fullmatch("[a-z][a-z_]*", table.name)
    assert table.group in {"sources", "stages", "metrics", "marts"}
    assert len(table.description) > 20
    assert len(set(table.columns)) == len(table.columns)
    assert set(table.key) <= set(table.columns)


@EVERY
def test_a_field_says_what_it_is_in_the_house_style(table):
    for field in table:
        assert re.fullmatch("[a-z][a-z0-9_]*", field.name)
        assert field.description.strip() == field.description != ""
        assert field.comment.endswith(".")
        if field.kind == "bool":
            assert field.name.startswith(("is_", "has_")) or field.name in ("verified", "passed"), field.name
        if field.name.endswith("_at"):
            assert field.kind == "timestamp"
        if field.name.endswith("_on"):
            assert field.kind == "date"
        for unit in ("seconds", "bytes", "tokens", "minutes"):
            if field.name.endswith(f"_{unit}"):
                assert field.unit == unit
        assert len(set(field.values)) == len(field.values)


@EVERY
def test_renderings_agree(table):
    assert tuple(table.polars_schema) == tuple(arrow_schema(table).names) == table.columns
    empty = table.empty()
    assert empty.height == 0
    assert empty.to_arrow().cast(arrow_schema(table)).schema.equals(arrow_schema(table))
    for field in table:
        arrow = arrow_schema(table).field(field.name)
        assert arrow.nullable == field.is_nullable
        assert arrow.metadata[b"description"].decode() == field.comment
    sql = table.create_sql()
    assert sql.count(" NOT NULL") >= sum(not field.is_nullable for field in table)
    assert sql.count("COMMENT ON COLUMN") == len(table.columns)


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("landings", "repo landing_sha landed_at landed_on kind engineer_id commits files lines_raw lines_deleted lines_distinct lines_effective lines_authored"),
        ("commits", "repo commit_sha landing_sha authored_at committed_at engineer_id is_merge tools"),
        ("file_changes", "repo landing_sha path old_path category language is_binary lines_raw lines_deleted"),
        ("merged_lines", "repo landing_sha landed_on path engineer_id author_class tool model evidence lines_raw lines_distinct lines_effective lines_authored"),
        ("engineers", "engineer_id is_bot first_landed_on last_landed_on"),
        ("session_landings", "session_id repo landing_sha lines"),
        ("quarantine", "source path position reason detail"),
        ("runs", "run_id started_at finished_at code_version config_hash input_hash published_at"),
    ],
)  # fmt: skip
def test_the_contracts_columns_are_there(table, columns):
    assert set(columns.split()) <= set(TABLES[table].columns)


def test_enumerations_that_several_tables_share():
    classes = {field.name: field.values for field in TABLES["merged_lines"]}
    assert classes["author_class"] == AUTHOR_CLASSES
    evidence = set(classes["evidence"])
    assert {"git_ai_note", "session_match", "none"} <= evidence
    assert {kind for kind in MARK_KINDS if kind not in ("review_suggestion", "hint", "human_co_author")} <= evidence


def test_what_is_wrong_is_refused():
    with pytest.raises(ValueError, match="unknown kind 'text'"):
        Field("a", "text", "A")
    with pytest.raises(ValueError, match="not among its fields"):
        Table("t", "A table", (Field("a", "string", "A"),), ("b",), "marts")


def test_a_comment_names_values_and_unit_and_survives_quotes():
    field = Field("a", "int64", "It's a count", unit="seconds", values=("x", "y"))
    assert field.comment == "It's a count. One of: x, y. Unit: seconds."
    assert "'It''s a count." in Table("t", "The table's rows", (field,), (), "marts").create_sql()


def test_times_carry_their_zone():
    assert TABLES["landings"].polars_schema["landed_at"] == pl.Datetime("us", "UTC")
