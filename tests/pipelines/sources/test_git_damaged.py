"""Repositories of which something is missing or makes no sense: the rest is read, and nothing is lost without a word."""

from __future__ import annotations

import subprocess
from pathlib import Path

import polars as pl
import pytest

from tests.pipelines.repositories import ADA, DAY, MAIN, START, Repository, Workshop, environment

ROOT = Path(__file__).parents[3]


@pytest.fixture
def repo(tmp_path):
    repo = Repository(tmp_path / "app", bare=False)
    for number in range(6):
        repo.commit({"a": "line = 1\n" * number, f"f{number}": f"text = {number}\nmore = {number}\n"})
    return repo


@pytest.fixture
def workshop(tmp_path):
    return Workshop(tmp_path / "out")


def commits(repo):
    return repo.git("rev-list", "--reverse", MAIN).decode().split()


def lines_of(workshop):
    return dict(workshop.lake.read("git_changes").group_by("commit_sha").agg(pl.col("lines_raw").sum()).rows())


def test_a_missing_file_leaves_the_others_of_its_commit(workshop, repo):
    sha = commits(repo)[3]
    repo.object_file(repo.blob_of(sha, "f3")).unlink()
    read = workshop.ingest(repo)
    assert read.status == "partial"
    assert workshop.quarantine() == [("missing_content", f"{sha}:f3")]
    changes = workshop.lake.read("git_changes").filter(pl.col("commit_sha") == sha)
    assert changes.select("path", "lines_raw").rows() == [("a", 1)]
    assert sum(lines_of(workshop).values()) == sum(lines_of_sound(repo).values()) - 2
    workshop.build(repo)
    assert workshop.lake.read("landings").height == 6


def lines_of_sound(repo):
    return {sha: (2 + (number > 0)) for number, sha in enumerate(commits(repo))}


def test_missing_content_of_a_renamed_and_changed_file(workshop, repo):
    text = "".join(f"line {number}\n" for number in range(20))
    repo.commit({"old": text, "same": text + "x\n"})
    repo.commit({"old": None, "new": text + "y\n", "same": None, "moved": text + "x\n", "other": "1\n"})
    repo.object_file(repo.blob_of(repo.tip(), "new")).unlink()
    workshop.ingest(repo)
    rows = workshop.lake.read("git_changes").filter(pl.col("commit_sha") == repo.tip())
    assert rows.sort("path").select("path", "status", "lines_raw").rows() == [
        ("moved", "renamed", 0), ("old", "deleted", 0), ("other", "added", 1),
    ]  # fmt: skip


@pytest.mark.parametrize("which", [0, 3, 5])
def test_a_missing_tree_costs_its_own_commit_and_the_next(workshop, repo, which):
    shas = commits(repo)
    repo.object_file(repo.tree_of(shas[which])).unlink()
    read = workshop.ingest(repo)
    lost = shas[which : which + 2]
    assert read.status == "partial"
    assert [row for row in workshop.quarantine() if row[0] == "unreadable_diff"] == sorted(
        ("unreadable_diff", sha) for sha in lost
    )
    assert lines_of(workshop) == {sha: lines for sha, lines in lines_of_sound(repo).items() if sha not in lost}


def test_a_missing_folder(workshop, repo):
    sha = repo.commit({"dir/deep/x": "1\n", "y": "2\n"})
    repo.commit({"y": "3\n"})
    inner = repo.write_tree({b"x": (0o100644, repo.write("blob", b"1\n"))})
    repo.object_file(inner).unlink()
    workshop.ingest(repo)
    assert workshop.quarantine() == [("unreadable_diff", sha)]
    assert lines_of(workshop)[repo.tip()] == 1


@pytest.mark.parametrize("damage", ["missing", "garbage", "other", "empty", "not a commit"])
def test_a_commit_that_cannot_be_read(workshop, repo, damage):
    shas = commits(repo)
    file = repo.object_file(shas[2])
    if damage == "missing":
        file.unlink()
    elif damage in ("garbage", "empty"):
        file.write_bytes(b"garbage" if damage == "garbage" else b"")
    elif damage == "other":
        file.write_bytes(repo.object_file(shas[1]).read_bytes())
    else:
        file.write_bytes(repo.object_file(repo.blob_of(shas[1], "f1")).read_bytes())
    read = workshop.ingest(repo)
    assert read.status == "partial"
    assert shas[2] in [position for _, position in workshop.quarantine()]
    # Under the other commit's bytes git finds that one's parent.
    beyond = shas[:1] if damage == "other" else []
    assert sorted(workshop.lake.read("git_commits")["commit_sha"]) == sorted(shas[3:] + beyond)
    assert set(lines_of(workshop)) == {*shas[4:], *beyond}  # what shas[3] added to its missing parent is not known
    workshop.build(repo)
    assert workshop.lake.read("landings").height == 3


def test_a_missing_side_of_a_merge(workshop, repo):
    base = repo.tip()
    side = [repo.commit({"s": "1\n"}, base, ref=None)]
    side.append(repo.commit({"s": "2\n"}, side[0], ref=None))
    repo.commit({}, base, side[1], merge_base=base)
    repo.object_file(side[0]).unlink()
    workshop.build(repo)
    assert workshop.lake.read("landings").height == 7
    assert workshop.lake.read("git_commits").height == 8
    assert ("commit_missing", side[0]) in workshop.quarantine()


def test_a_missing_tip(workshop, repo):
    repo.object_file(repo.tip()).unlink()
    read = workshop.ingest(repo)
    assert read.status == "partial"
    assert workshop.quarantine() == [("commit_missing", repo.tip()), ("unreadable_mailmap", repo.tip())]


def test_a_shallow_clone_does_not_credit_its_boundary(workshop, repo, tmp_path):
    subprocess.run(
        ["git", "clone", "-q", "--bare", "--depth=2", f"file://{repo.path}", str(tmp_path / "shallow")],
        check=True, capture_output=True, env=environment() | {"GIT_CONFIG_COUNT": "0"},
    )  # fmt: skip
    read = workshop.ingest(tmp_path / "shallow")
    shas = commits(repo)
    assert (read.status, read.commits) == ("partial", 2)
    assert workshop.quarantine() == [("shallow_boundary", shas[4])]
    rows = workshop.lake.read("git_commits").sort("committed_at").select("commit_sha", "is_boundary").rows()
    assert rows == [(shas[4], True), (shas[5], False)]
    assert set(lines_of(workshop)) == {shas[5]}


def commit_raw(repo, tree, parents):
    moment = f"{START + 9 * DAY} +0000"
    repo.point(MAIN, repo.write_commit(tree, parents, "Odd", ADA, ADA, moment, moment))


@pytest.mark.parametrize("parent", ["foo bar", "HEAD", "--output=x", "", "0" * 39, "@{-1}", "1" * 7])
def test_a_parent_that_is_no_id(workshop, repo, parent):
    commit_raw(repo, repo.tree_of(repo.tip()), [parent, repo.tip()])
    read = workshop.ingest(repo)
    assert read.status == "partial"
    assert workshop.quarantine() == [("commit_malformed", repo.tip()), ("unreadable_mailmap", repo.tip())]
    workshop.build(repo)
    assert workshop.lake.read("landings").height == 0


def test_a_tree_that_is_no_id(workshop, repo):
    tip = repo.tip()
    commit_raw(repo, "foo bar", [tip])
    workshop.ingest(repo)
    assert ("commit_malformed", repo.tip()) in workshop.quarantine()


def test_a_tree_with_one_path_twice_and_with_dots(workshop, repo):
    base = repo.tip()
    one, two = repo.write("blob", b"one\n"), repo.write("blob", b"two\nthree\n")
    names = [(b"a", one), (b"a", two), (b"..", one), (b".git", one), (b".", one)]
    commit_raw(
        repo, repo.write("tree", b"".join(b"100644 %s\0" % name + bytes.fromhex(sha) for name, sha in names)), [base]
    )
    read = workshop.ingest(repo)
    workshop.build(repo)
    paths = workshop.lake.read("git_changes").filter(pl.col("commit_sha") == repo.tip())["path"].to_list()
    assert len(paths) == len(set(paths))
    assert read.status in ("ok", "partial")
    if read.status == "partial":
        assert {reason for reason, _ in workshop.quarantine()} == {"doubled_path"}


def test_paths_that_look_the_same_once_written(workshop, repo):
    repo.commit({b"b\xff": "one = 1\n", "b\\xff": "two = 2\nthree = 3\n"})
    workshop.build(repo)
    assert [reason for reason, _ in workshop.quarantine()] == ["doubled_path"]
    landing = workshop.lake.read("landings").filter(pl.col("landing_sha") == repo.tip())
    merged = workshop.lake.read("merged_lines").filter(pl.col("landing_sha") == repo.tip())
    assert landing["lines_raw"].sum() == merged["lines_raw"].sum() > 0
