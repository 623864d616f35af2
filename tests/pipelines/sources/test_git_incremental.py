"""What a second reading reads, and that many small readings end where one whole reading ends."""

from __future__ import annotations

import shutil

import pytest

from tests.pipelines.repositories import ADA, BO, CLAUDE, DAY, MAIN, NOTES, START, Repository, Workshop

GIT_TABLES = ("git_commits", "git_changes", "git_lines", "git_marks", "git_notes", "quarantine")


@pytest.fixture
def repo(tmp_path):
    repo = Repository(tmp_path / "app")
    for number in range(4):
        repo.commit({"a": "line\n" * number, f"f{number}": f"text {number}\n"}, at=START + number * 200 * DAY)
    return repo


@pytest.fixture
def workshop(tmp_path):
    return Workshop(tmp_path / "out")


def files(workshop, *tables):
    return {
        file.relative_to(workshop.lake.root): file.read_bytes()
        for table in tables or GIT_TABLES
        for file in workshop.lake.files(table)
        if workshop.lake.read(table).height
    }


def fresh(repo, workshop, tmp_path):
    """The lake of one reading of the repository as it is now, with the same key."""
    other = Workshop(tmp_path / "fresh")
    shutil.rmtree(other.out)
    other = Workshop(tmp_path / "fresh")
    other.identities = workshop.identities
    other.ingest(repo)
    return other


def same(repo, workshop, tmp_path):
    other = fresh(repo, workshop, tmp_path)
    for table in GIT_TABLES:
        assert workshop.lake.read(table).rows() == other.lake.read(table).rows(), table


def test_appended_commits_are_all_that_is_read(repo, workshop, tmp_path):
    assert workshop.ingest(repo).commits_new == 4
    base = repo.tip()
    # Into an old year, a new one and the one before the first: order of reading is not order of time.
    for at in (START + DAY, START + 2000 * DAY, START - 3000 * DAY):
        repo.commit({f"new{at}": "one\ntwo\n"}, at=at, author=CLAUDE)
    side = repo.commit({"side": "side\n"}, base, ref=None, author=BO)
    repo.commit({}, repo.tip(), side, merge_base=base)
    read = workshop.ingest(repo)
    assert (read.commits, read.commits_new, read.lines_new) == (9, 5, 8)
    same(repo, workshop, tmp_path)


def test_a_rewritten_history_ends_like_one_that_was_always_so(repo, workshop, tmp_path):
    first = repo.tip()
    workshop.ingest(repo)
    repo.commit({"later": "1\n"})
    workshop.ingest(repo)
    # Force push: the last commits are others now, one year is gone altogether.
    old = repo.git("rev-list", "--first-parent", MAIN).decode().split()
    repo.commit({"a": "rewritten\n"}, old[-2], at=START + 250 * DAY)
    read = workshop.ingest(repo)
    assert (read.commits, read.commits_new) == (3, 1)
    same(repo, workshop, tmp_path)
    repo.annotate({repo.tip(): "a\n  human 1\n---\n{}", first: "f1\n  0123456 1\n---\n{}"})
    read = workshop.ingest(repo)
    assert (read.commits, read.commits_new) == (3, 0)
    same(repo, workshop, tmp_path)
    repo.annotate({repo.tip(): "a\n  h_0123 1\n---\n{}"})
    workshop.ingest(repo)
    same(repo, workshop, tmp_path)
    (repo.git_dir / NOTES).unlink()
    workshop.ingest(repo)
    assert workshop.lake.read("git_notes").height == 0
    same(repo, workshop, tmp_path)


def test_an_old_tip_that_was_collected(repo, workshop, tmp_path):
    workshop.ingest(repo)
    old = repo.tip()
    repo.commit({"a": "other\n"}, repo.git("rev-parse", f"{old}~2").decode().strip())
    repo.object_file(old).unlink()
    workshop.ingest(repo)
    same(repo, workshop, tmp_path)


def test_another_history_in_the_same_place(repo, workshop, tmp_path):
    workshop.ingest(repo)
    repo.point(MAIN, repo.root({"z": "unrelated\n"}))
    assert workshop.ingest(repo).commits == 1
    same(repo, workshop, tmp_path)


def test_a_branch_that_went_away_and_came_back(repo, workshop, tmp_path):
    workshop.ingest(repo)
    tip = repo.tip()
    (repo.git_dir / MAIN).unlink()
    read = workshop.ingest(repo)
    assert (read.status, read.head_sha, read.commits) == ("ok", None, 0)
    assert workshop.lake.read("git_commits").height == 0
    repo.point(MAIN, tip)
    assert workshop.ingest(repo).commits == 4
    same(repo, workshop, tmp_path)


def test_nothing_new_reads_nothing(repo, workshop, monkeypatch):
    repo.annotate({repo.tip(): "a\n  human 1\n---\n{}"})
    workshop.ingest(repo)
    before = {file: file.stat().st_mtime_ns for file in workshop.out.rglob("*.parquet")}
    # Without git on the path no child can start: what needs none, reads none.
    monkeypatch.setenv("PATH", "/nonexistent")
    read = workshop.ingest(repo)
    assert (read.status, read.commits, read.commits_new, read.lines_new) == ("ok", 4, 0, 0)
    assert {file: file.stat().st_mtime_ns for file in workshop.out.rglob("*.parquet")} == before


def cut_short(workshop, repo, monkeypatch, writes):
    """Ingest until so many tables are written, as a killed run would."""
    write, written = workshop.lake.write, []

    def write_some(table, frame, partition=None):
        written.append(table)
        if len(written) == writes:
            raise KeyboardInterrupt
        return write(table, frame, partition)

    with monkeypatch.context() as patch:
        patch.setattr(workshop.lake, "write", write_some)
        with pytest.raises(KeyboardInterrupt):
            workshop.ingest(repo)


@pytest.mark.parametrize("writes", range(1, 10))
def test_a_run_that_was_cut_short_is_mended_by_the_next(repo, workshop, tmp_path, monkeypatch, writes):
    workshop.ingest(repo)
    for number in range(3):
        repo.commit({"b": "more\n" * (number + 1)}, at=START + number * 200 * DAY + DAY)
    cut_short(workshop, repo, monkeypatch, writes)
    assert workshop.ingest(repo).commits == 7
    same(repo, workshop, tmp_path)
    assert not list(workshop.state.glob(".tmp-*"))


@pytest.mark.parametrize("writes", range(1, 6))
def test_a_forced_push_that_is_taken_back_after_a_cut_loses_nothing(repo, workshop, tmp_path, monkeypatch, writes):
    workshop.ingest(repo)
    tip = repo.git("rev-parse", "HEAD").decode().strip()
    older = repo.git("rev-parse", "HEAD~2").decode().strip()
    repo.git("update-ref", "refs/heads/main", older)
    cut_short(workshop, repo, monkeypatch, writes)
    repo.git("update-ref", "refs/heads/main", tip)
    workshop.ingest(repo)
    same(repo, workshop, tmp_path)


def test_a_deepened_clone_is_read_again(repo, workshop, tmp_path):
    shallow = repo.git("rev-parse", "HEAD~1").decode().strip()
    (repo.git_dir / "shallow").write_text(shallow + "\n")
    read = workshop.ingest(repo)
    assert (read.status, read.commits) == ("partial", 2)
    (repo.git_dir / "shallow").unlink()
    read = workshop.ingest(repo)
    assert (read.status, read.commits) == ("ok", 4)
    same(repo, workshop, tmp_path)


def test_objects_that_come_back_are_read(repo, workshop, tmp_path):
    blob = repo.object_file(repo.blob_of(repo.tip(), "f3"))
    content = blob.read_bytes()
    blob.unlink()
    assert workshop.ingest(repo).status == "partial"
    assert workshop.ingest(repo).status == "partial"
    repo.commit({"c": "1\n"}, author=ADA)
    assert workshop.ingest(repo).status == "partial"
    blob.write_bytes(content)
    assert workshop.ingest(repo).status == "ok"
    same(repo, workshop, tmp_path)


def test_a_refused_repository_keeps_what_was_read_and_recovers(repo, workshop, tmp_path):
    workshop.ingest(repo)
    alternates = repo.git_dir / "objects/info/alternates"
    alternates.write_text("/elsewhere\n")
    read = workshop.ingest(repo)
    assert (read.status, read.commits) == ("refused", 4)
    assert workshop.lake.read("git_commits").height == 4
    assert workshop.quarantine() == [("alternates", "")]
    alternates.unlink()
    assert workshop.ingest(repo).status == "ok"
    same(repo, workshop, tmp_path)


def test_other_rules_read_everything_again(repo, workshop, monkeypatch):
    workshop.ingest(repo)
    monkeypatch.setattr("pipelines.sources.git.reader.READER_VERSION", "next")
    assert workshop.ingest(repo).commits_new == 4


def test_two_repositories_do_not_mix(repo, workshop, tmp_path):
    other = Repository(tmp_path / "other")
    other.commit({"x": "1\n"})
    workshop.ingest(repo, "app")
    workshop.ingest(other, "App")
    before = files(workshop)
    workshop.ingest(repo, "app")
    workshop.ingest(other, "App")
    assert files(workshop) == before
    assert workshop.lake.read("git_commits", {"repo": "app"}).height == 4
    assert workshop.lake.read("git_commits", {"repo": "App"}).height == 1


def test_a_verified_mirror_gives_the_same(repo, workshop, tmp_path):
    read = workshop.ingest(repo, isolation="mirror")
    assert (read.status, read.commits) == ("ok", 4)
    same(repo, workshop, tmp_path)
    repo.commit({"more": "1\n"})
    repo.annotate({repo.tip(): "more\n  human 1\n---\n{}"})
    assert workshop.ingest(repo, isolation="mirror").commits == 5
    same(repo, workshop, tmp_path)


def test_a_mirror_that_cannot_be_made_says_so(repo, workshop):
    repo.object_file(repo.blob_of(repo.tip(), "f3")).unlink()
    read = workshop.ingest(repo, isolation="mirror")
    assert read.status == "partial"
    assert "unverified" in [reason for reason, _ in workshop.quarantine()]


def test_a_lake_that_was_removed_is_read_again(repo, workshop, tmp_path):
    commits = workshop.ingest(repo).commits
    shutil.rmtree(workshop.lake.root)
    assert workshop.ingest(repo).commits_new == commits
    same(repo, workshop, tmp_path)
