from __future__ import annotations

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.lake import Lake, slug_of
from schemas import TABLES


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


def quarantined(*positions):
    columns = {
        name: [position if name == "position" else name for position in positions]
        for name in TABLES["quarantine"].columns
    }
    return pl.DataFrame(columns, schema=TABLES["quarantine"].polars_schema)


def test_what_was_written_is_read_with_its_types_and_descriptions(lake):
    # Columns in another order and of narrower types are put right.
    frame = quarantined("1", "2").select(reversed(TABLES["quarantine"].columns))
    file = lake.write("quarantine", frame, {"source": "git", "repo": "app"})
    assert lake.read("quarantine").equals(quarantined("1", "2"))
    schema = pq.read_schema(file)
    assert schema.metadata[b"description"].decode() == TABLES["quarantine"].description
    assert all(b"description" in schema.field(name).metadata for name in schema.names)


def test_a_write_replaces_its_partition_alone(lake):
    lake.write("quarantine", quarantined("1", "2"), {"source": "git", "repo": "a"})
    lake.write("quarantine", quarantined("3"), {"source": "git", "repo": "b"})
    lake.write("quarantine", quarantined("4"), {"source": "git", "repo": "a"})
    assert sorted(lake.read("quarantine")["position"]) == ["3", "4"]
    assert lake.read("quarantine", {"source": "git", "repo": "a"})["position"].to_list() == ["4"]
    assert not list(lake.root.rglob(".tmp-*"))


@pytest.mark.parametrize(
    "change", [lambda frame: frame.drop("reason"), lambda frame: frame.with_columns(odd=pl.lit(1))]
)
def test_other_columns_are_refused_and_leave_the_old_file(lake, change):
    lake.write("quarantine", quarantined("1"))
    with pytest.raises(ValueError, match="quarantine"):
        lake.write("quarantine", change(quarantined("2")))
    assert lake.read("quarantine")["position"].to_list() == ["1"]


def test_nothing_is_an_empty_frame_of_the_right_types(lake):
    assert lake.files("landings") == []
    assert lake.read("landings").schema == TABLES["landings"].empty().schema
    lake.remove("landings", {"repo": "none"})


def test_removing(lake):
    for year in ("2025", "2026"):
        lake.write("quarantine", quarantined(year), {"repo": "a", "year": year})
    lake.write("quarantine", quarantined("b"), {"repo": "b", "year": "2026"})
    lake.remove_file(lake.file_of("quarantine", {"repo": "a", "year": "2025"}))
    assert sorted(lake.read("quarantine")["position"]) == ["2026", "b"]
    lake.remove("quarantine", {"repo": "a"})
    assert lake.read("quarantine")["position"].to_list() == ["b"]


def test_the_same_rows_are_the_same_bytes(lake):
    one = lake.write("quarantine", quarantined("1", "2"), {"repo": "a"}).read_bytes()
    assert lake.write("quarantine", quarantined("1", "2"), {"repo": "b"}).read_bytes() == one


@given(st.text())
def test_slugs_are_safe_folder_names(label):
    slug = slug_of(label)
    assert slug
    assert slug not in (".", "..")
    assert len(slug) < 60
    assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-")
    assert not slug.startswith(".")


@given(st.sets(st.text(max_size=6), max_size=20))
def test_slugs_tell_labels_apart(labels):
    assert len({slug_of(label) for label in labels}) == len(labels)


def test_slugs_that_read_alike_differ():
    assert len({slug_of(label) for label in ("App", "app", "a/pp", "a-pp", "../app", "app ", "\udcff")}) == 7
