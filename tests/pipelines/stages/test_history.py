"""A repository's facts as arrays."""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.stages.history import load_history
from pipelines.stages.resolution import find_sponsors, resolve_lines, summarise_marks
from schemas import TABLES
from tests.kernels import naive_history as naive
from tests.pipelines.repositories import DAY, START, Repository, Workshop


def test_lines_stand_by_their_changes_over_all_years(tmp_path):
    repo, workshop = Repository(tmp_path / "app"), Workshop(tmp_path / "out")
    texts = {}
    for number in range(6):
        text = "".join(f"line {number} {row}\n" for row in range(number + 1))
        texts[repo.commit({f"{number}": text}, at=START + (5 - number) * 300 * DAY)] = text.encode()
    workshop.ingest(repo)
    history = load_history("app", repo.tip(), workshop.lake)
    assert history.commits["is_mainline"].all()
    shas = history.changes["commit_sha"].to_numpy()[history.change]
    for sha, text in texts.items():
        rows = shas == sha
        assert list(zip(history.hash[rows], history.shape[rows], strict=True)) == naive.hash_text(text)
        assert history.line[rows].tolist() == list(range(1, rows.sum() + 1))
    ranks = dict(history.commits.select("commit_sha", "rank").rows())
    assert sorted(texts, key=ranks.__getitem__) == list(texts)


def test_nothing_is_known_of_a_head_that_is_not_there(tmp_path):
    repo, workshop = Repository(tmp_path / "app"), Workshop(tmp_path / "out")
    repo.commit({"a": "1\n"})
    workshop.ingest(repo)
    for head in (None, "0" * 40):
        history = load_history("app", head, workshop.lake)
        assert history.commits["landing"].to_list() == [-1]
        assert not history.is_moved.any()
    assert load_history("nobody", None, workshop.lake).hash.size == 0


def test_moves_are_looked_for_in_landings_alone(tmp_path):
    repo, workshop = Repository(tmp_path / "app"), Workshop(tmp_path / "out")
    block = "first = 1\nsecond = 2\nthird = 3\n"
    base = repo.commit({"a": block + "rest = 1\n" * 9})
    side = repo.commit({"a": "rest = 1\n" * 9, "b": "head = 1\n" + block}, base, ref=None)
    merge = repo.commit({}, base, side, merge_base=base)
    workshop.ingest(repo)
    history = load_history("app", merge, workshop.lake)
    shas = history.changes["commit_sha"].to_numpy()[history.change]
    assert history.is_moved[shas == merge].sum() == 3
    assert not history.is_moved[shas != merge].any()
    assert np.array_equal(history.is_effective[shas == side], history.is_added[shas == side])


def frame(table, *rows):
    schema = TABLES[table].polars_schema
    return pl.DataFrame([dict.fromkeys(schema) | row for row in rows], schema=schema)


def test_the_strongest_mark_of_a_commit_and_all_its_tools():
    def mark(kind, tool, model=None):
        return {"repo": "app", "commit_sha": "c", "kind": kind, "tool": tool, "model": model, "rules_version": "1"}

    marks = frame(
        "git_marks", mark("footer", "cursor"), mark("co_author_trailer", "codex", "gpt-5"), mark("hint", "copilot")
    )
    row = summarise_marks(marks).row(0, named=True)
    assert row == {
        "commit_sha": "c", "bot_tool": None, "is_automation": False, "mark": "co_author_trailer",
        "tools": ["codex", "cursor"], "models": ["gpt-5"],
    }  # fmt: skip
    assert summarise_marks(marks.reverse()).equals(summarise_marks(marks))
    assert summarise_marks(frame("git_marks")).height == 0


def test_a_co_author_who_is_a_bot_is_no_sponsor():
    people = [
        {"repo": "app", "identity_id": who, "engineer_id": f"e-{who}", "is_agent": who in "ab", "is_bot": who in "ab"}
        for who in "abhm"
    ]
    commits = pl.DataFrame(
        {"commit_sha": ["c", "l"], "author_id": ["a", "m"], "committer_id": ["a", "m"], "landing_sha": ["l", "l"]}
    )
    engineers = frame("engineer_identities", *people)

    def sponsor(*co_authors):
        marks = [
            {
                "repo": "app",
                "commit_sha": "c",
                "kind": "human_co_author",
                "tool": "",
                "identity_id": who,
                "rules_version": "1",
            }
            for who in co_authors
        ]
        return dict(find_sponsors(commits, frame("git_marks", *marks), engineers).rows())["c"]

    assert (sponsor(), sponsor("b"), sponsor("b", "h"), sponsor("unknown")) == ("e-m", "e-m", "e-h", "e-m")
    # All of them bots: the account itself.
    alone = commits.with_columns(author_id=pl.lit("a"), committer_id=pl.lit("b"))
    assert dict(find_sponsors(alone, frame("git_marks"), engineers).rows()) == {"c": "e-a", "l": "e-a"}


def test_no_lines_resolve_to_none():
    empty = resolve_lines(
        frame("credited_lines"), frame("git_marks"), pl.DataFrame(schema={"landing_sha": pl.String, "landed_on": pl.Date}),
        pl.DataFrame(schema={"commit_sha": pl.String, "engineer_id": pl.String}), frame("file_changes"),
        pl.DataFrame(schema={"session_id": pl.String, "tool": pl.String}), assume_unmarked_is_human=True,
    )  # fmt: skip
    assert empty.height == 0
    assert tuple(empty.columns) == TABLES["merged_lines"].columns
