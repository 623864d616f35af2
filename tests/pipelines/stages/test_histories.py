"""When a repository is computed again, and the form of what is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from schemas import TABLES
from tests.pipelines.repositories import (
    BO,
    CY,
    DAY,
    START,
    Repository,
    Workshop,
    code,
    ledger,
)

BASE = code("base", 12)


@pytest.fixture
def repo(tmp_path):
    repo = Repository(tmp_path / "app")
    repo.commit({"a.py": BASE}, author=CY)
    return repo


@pytest.fixture
def workshop(tmp_path):
    return Workshop(tmp_path / "out")


def test_an_unchanged_repository_is_left_alone(repo, workshop, tmp_path):
    other = Repository(tmp_path / "other")
    other.commit({"x": "1\n"})
    assert workshop.build(repo, other).computed == ("app", "app1")
    before = {file: file.stat().st_mtime_ns for file in workshop.lake.files("merged_lines")}
    assert workshop.build(repo, other).unchanged == ("app", "app1")
    assert {file: file.stat().st_mtime_ns for file in workshop.lake.files("merged_lines")} == before
    other.commit({"x": "2\n"})
    assert workshop.build(repo, other).computed == ("app1",)


@pytest.mark.parametrize(
    "change",
    [
        lambda *_: {"assume_unmarked_is_human": True},
        lambda *_: {"aliases": {"cy@example.com": "c@example.com"}},
        lambda *_: {"pseudonyms": False},
        lambda repo, _: repo.annotate({repo.tip(): "a.py\n  human 1\n---\n{}"}) and {},
        lambda _, workshop: {"ledger": ledger(workshop.identities, ("s1", "a.py", "base = 1\n", -60 * DAY))},
    ],
)
def test_whatever_changes_a_number_is_computed_again(repo, workshop, change):
    workshop.build(repo)
    options = change(repo, workshop)
    assert workshop.build(repo, **options).computed == ("app",)
    assert workshop.build(repo, **options).unchanged == ("app",)


def test_a_repository_that_is_no_longer_named_goes(repo, workshop, tmp_path):
    other = Repository(tmp_path / "other")
    other.commit({"x": "1\n"})
    workshop.build(repo, other)
    workshop.build(repo)
    for table in ("landings", "commits", "file_changes", "merged_lines", "credited_lines", "engineer_identities"):
        assert workshop.lake.read(table)["repo"].unique().to_list() == ["app"]


def test_a_lake_that_does_not_fit_together_says_what_to_do(repo, workshop):
    workshop.build(repo)
    file = workshop.lake.files("git_lines")[0]
    pl.read_parquet(file).head(3).write_parquet(file)
    with pytest.raises(ValueError, match=r"remove its folders below lake/git_"):
        workshop.build(repo)


def test_an_empty_repository(tmp_path, workshop):
    workshop.build(Repository(tmp_path / "empty"))
    for table in ("landings", "commits", "file_changes", "merged_lines", "credited_lines", "session_landings"):
        assert workshop.lake.read(table).rows() == []
        assert len(workshop.lake.files(table)) == 1


def test_tables_are_in_the_order_of_their_keys(repo, workshop):
    base = repo.tip()
    tip = repo.commit({"b.py": code("x", 5), "c.py": code("y", 2)}, base, author=BO, ref=None)
    repo.commit({}, base, tip, merge_base=base)
    workshop.build(repo)
    for name in ("landings", "commits", "file_changes", "merged_lines", "session_landings", "engineer_identities"):
        table = TABLES[name]
        rows = workshop.lake.read(name).select(table.key).rows()
        assert rows == sorted(rows)
        assert len(rows) == len(set(rows))


def test_days_are_those_of_the_committer(repo, workshop):
    authored = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())
    repo.commit({"b": "1\n"}, authored=f"{authored} +0000", at=START + 100 * DAY)
    workshop.build(repo)
    row = workshop.lake.read("landings").filter(pl.col("landing_sha") == repo.tip())
    assert row["landed_on"].to_list() == [(datetime.fromtimestamp(START, UTC) + timedelta(days=100)).date()]
