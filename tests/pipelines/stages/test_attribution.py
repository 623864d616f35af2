"""Who is credited with each merged line, and what notes and sessions say of it; on real histories."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from tests.pipelines.repositories import (
    ADA,
    BO,
    CLAUDE,
    CY,
    DAY,
    FORGE,
    MERGED_AT,
    Repository,
    Workshop,
    code,
    ledger,
    note,
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


def branch_work(repo, base, **options):
    one = repo.commit({"b.py": code("ada", 5)}, base, author=ADA, ref=None, **options)
    return one, repo.commit({"b.py": code("ada", 5) + code("bo", 3), "c.py": code("more", 2)}, one, author=BO, ref=None)


def test_merge_squash_and_rebase_bring_the_same_lines(tmp_path):
    totals = {}
    for kind in ("merge", "squash", "rebase"):
        repo, workshop = Repository(tmp_path / kind), Workshop(tmp_path / f"out {kind}")
        base = repo.commit({"a.py": BASE}, author=CY)
        files = {"b.py": code("ada", 5) + code("bo", 3), "c.py": code("more", 2)}
        if kind == "merge":
            _, tip = branch_work(repo, base)
            repo.commit({}, base, tip, merge_base=base, author=CY)
        elif kind == "squash":
            repo.commit(files, author=ADA, message=f"Work (#1)\n\nCo-authored-by: {BO}\n", committer=FORGE)
        else:
            repo.commit({"b.py": code("ada", 5)}, author=ADA)
            repo.commit(files, author=BO)
        workshop.build(repo)
        landings = workshop.lake.read("landings")
        totals[kind] = landings.select(
            pl.col("lines_raw", "lines_distinct", "lines_effective", "lines_authored").sum()
        ).row(0)
        if kind != "squash":  # a squash has one author
            assert workshop.per_engineer() == {"Cy": 12, "Ada": 5, "Bo": 5}
    assert set(totals.values()) == {(22, 22, 22, 22)}


def test_the_last_commit_that_introduced_a_line_has_it(repo, workshop):
    base = repo.tip()
    one = repo.commit({"b.py": code("x", 4)}, base, author=ADA, ref=None)
    two = repo.commit({"b.py": code("y", 4)}, one, author=BO, ref=None)
    three = repo.commit({"b.py": code("x", 4)}, two, author=BO, ref=None)  # the same lines once more
    merge = repo.commit({}, base, three, merge_base=base, author=CY)
    workshop.build(repo)
    assert workshop.per_engineer(merge) == {"Bo": 4}


def test_lines_of_the_merge_itself_are_the_mergers(repo, workshop):
    base = repo.tip()
    side = repo.commit({"b.py": code("x", 4)}, base, author=ADA, ref=None)
    merge = repo.commit({"b.py": code("x", 3) + "resolved = 1\n"}, base, side, author=CY)
    workshop.build(repo)
    assert workshop.per_engineer(merge) == {"Ada": 3, "Cy": 1}
    credited = workshop.lake.read("credited_lines").filter(pl.col("landing_sha") == merge)
    assert dict(credited.select("commit_sha", "lines_raw").rows()) == {side: 3, merge: 1}


def test_a_rename_inside_the_branch_keeps_credit(repo, workshop):
    base = repo.tip()
    one = repo.commit({"old.py": code("x", 9)}, base, author=ADA, ref=None)
    two = repo.commit({"old.py": None, "mid.py": code("x", 9)}, one, author=BO, ref=None)
    three = repo.commit({"mid.py": None, "new.py": code("x", 9) + "y = 1\n"}, two, author=BO, ref=None)
    merge = repo.commit({}, base, three, merge_base=base, author=CY)
    workshop.build(repo)
    assert workshop.per_engineer(merge) == {"Ada": 9, "Bo": 1}


def test_a_branch_that_merged_the_mainline_brings_its_own_lines_alone(repo, workshop):
    base = repo.tip()
    side = repo.commit({"b.py": code("x", 3)}, base, author=ADA, ref=None)
    main = repo.commit({"c.py": code("z", 7)}, base, author=CY)
    caught_up = repo.commit({}, side, main, merge_base=base, author=BO, ref=None)
    more = repo.commit({"b.py": code("x", 5)}, caught_up, author=ADA, ref=None)
    merge = repo.commit({}, main, more, merge_base=main, author=CY)
    workshop.build(repo)
    assert workshop.per_engineer(merge) == {"Ada": 5}
    landings = workshop.lake.read("landings").filter(pl.col("landing_sha") == merge)
    assert landings.select("lines_raw", "commits").rows() == [(5, 4)]


def test_a_merge_inside_the_branch_does_not_take_what_it_brought(repo, workshop):
    base = repo.tip()
    one = repo.commit({"b.py": code("x", 3)}, base, author=ADA, ref=None)
    two = repo.commit({"c.py": code("y", 4)}, base, author=BO, ref=None)
    both = repo.commit({}, one, two, merge_base=base, author=CLAUDE, ref=None)
    merge = repo.commit({}, base, both, merge_base=base, author=CY)
    workshop.build(repo)
    assert workshop.per_engineer(merge) == {"Ada": 3, "Bo": 4}


def test_commits_land_with_the_oldest_landing_that_reaches_them(repo, workshop):
    base = repo.tip()
    side = repo.commit({"b": "1\n"}, base, ref=None)
    first = repo.commit({}, base, side, merge_base=base)
    later = repo.commit({"c": "1\n"}, side, ref=None)
    second = repo.commit({}, first, later, merge_base=side)
    repo.commit({"lost": "1\n"}, base, ref="refs/heads/other")
    workshop.build(repo)
    landed = dict(workshop.lake.read("commits").select("commit_sha", "landing_sha").rows())
    assert landed == {base: base, side: first, first: first, later: second, second: second}


def test_moved_lines_leave_at_the_distinct_stage(repo, workshop):
    repo.commit({"a.py": code("base", 12), "other.py": code("old", 6)}, author=ADA)
    text = "\n".join(f"    {line}" for line in code("old", 5).splitlines()) + "\n\n}\nnew = 1\nif\n" + "x" * 1001 + "\n"
    repo.commit({"other.py": "old = 5\n", "target.py": "header = 1\n" * 40 + text}, author=ADA)
    workshop.build(repo)
    row = workshop.lake.read("landings").filter(pl.col("landing_sha") == repo.tip())
    # 5 moved; a blank line, a bracket, a line of two characters and one of more than a thousand have no content.
    assert row.select("lines_raw", "lines_distinct", "lines_effective", "lines_authored").rows() == [(50, 45, 41, 41)]


@pytest.mark.parametrize(
    ("assumed", "expected"),
    [
        (True, ("human", "policy_assumption")),
        (date(2026, 3, 2), ("human", "policy_assumption")),
        (date(2026, 4, 1), ("unknown", "none")),
    ],
)
def test_silence_means_a_person_only_where_the_configuration_says_so(repo, workshop, assumed, expected):
    marked = repo.commit({"b.py": code("b", 2)}, message=f"B\n\nCo-authored-by: {CLAUDE}\n")
    workshop.build(repo, assume_unmarked_is_human=assumed)
    assert workshop.classes() == {expected: 12, ("ai", "co_author_trailer"): 2}
    assert workshop.classes(marked) == {("ai", "co_author_trailer"): 2}


def test_notes_of_branch_commits_come_through_their_merge(repo, workshop):
    base = repo.tip()
    one, two = branch_work(repo, base)
    merge = repo.commit({}, base, two, merge_base=base, author=CY)
    repo.annotate({one: note("b.py\n  0123456 1-2\n"), two: note("b.py\n  human 6\n  0123456 1-5\n")})
    workshop.build(repo)
    # The second note's range names lines that its commit did not add.
    assert workshop.classes(merge) == {("ai", "git_ai_note"): 2, ("human", "git_ai_note"): 1, ("unknown", "none"): 7}


def test_a_note_on_the_merge_wins_over_the_branchs(repo, workshop):
    base = repo.tip()
    side = repo.commit({"b.py": code("x", 4)}, base, author=ADA, ref=None)
    merge = repo.commit({}, base, side, merge_base=base, author=CY)
    repo.annotate({side: note("b.py\n  0123456 1-4\n"), merge: note("b.py\n  human 1\n")})
    workshop.build(repo)
    assert workshop.classes(merge) == {("ai", "git_ai_note"): 3, ("human", "git_ai_note"): 1}


def land(repo, workshop, files, *writes, **options):
    sha = repo.commit(files, at=MERGED_AT, **options)
    workshop.build(repo, ledger=ledger(workshop.identities, *writes))
    return sha


@pytest.mark.parametrize(
    ("after", "is_matched"),
    [(0, True), (-21 * DAY, True), (-21 * DAY - 1, False), (2 * DAY, True), (2 * DAY + 1, False), (-DAY, True)],
)
def test_sessions_match_within_their_window(repo, workshop, after, is_matched):
    sha = land(repo, workshop, {"src/b.py": code("x", 4)}, ("s1", "src/b.py", code("x", 4), after))
    assert workshop.classes(sha) == {("ai", "session_match") if is_matched else ("unknown", "none"): 4}
    landed = workshop.rows("session_landings", "session_id", "landing_sha", "lines")
    assert landed == ([("s1", sha, 4)] if is_matched else [])


def test_only_the_same_path_matches(repo, workshop):
    sha = land(repo, workshop, {"src/b.py": code("x", 4), "src/c.py": ""}, ("s1", "src/c.py", code("x", 4), 0))
    assert workshop.classes(sha) == {("unknown", "none"): 4}


def test_every_written_line_is_spent_once(repo, workshop):
    early = repo.commit({"src/b.py": "same = 1\n"}, at=MERGED_AT - DAY)
    sha = land(repo, workshop, {"src/b.py": "same = 1\n" * 4}, ("s1", "src/b.py", "same = 1\n" * 2, -2 * DAY))
    assert workshop.classes(early) == {("ai", "session_match"): 1}
    assert workshop.classes(sha) == {("ai", "session_match"): 1, ("unknown", "none"): 2}


def test_the_session_that_wrote_last_has_the_line(repo, workshop):
    land(
        repo,
        workshop,
        {"src/b.py": code("x", 3)},
        ("s1", "src/b.py", code("x", 3), -DAY),
        ("s2", "src/b.py", code("x", 2), -60),
    )
    assert workshop.rows("session_landings", "session_id", "lines") == [("s1", 1), ("s2", 2)]


def test_lines_without_content_follow_their_neighbours(repo, workshop):
    text = "{\nfirst = 1\n\n}\nsecond = 2\n\n"
    sha = land(repo, workshop, {"src/b.py": text}, ("s1", "src/b.py", text, 0))
    assert workshop.classes(sha) == {("ai", "session_match"): 6}
    assert workshop.rows("session_landings", "lines") == [(2,)]


def test_reformatted_lines_still_match(repo, workshop):
    sha = land(repo, workshop, {"src/b.py": "\tX  =  'a'\r\nnew = 1\n"}, ("s1", "src/b.py", 'x = "a"\n', 0))
    assert workshop.classes(sha) == {("ai", "session_match"): 1, ("unknown", "none"): 1}
