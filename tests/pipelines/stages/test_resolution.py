"""Which evidence wins, and who answers for an agent; on real histories."""

from __future__ import annotations

import polars as pl
import pytest

from tests.pipelines.repositories import (
    ADA,
    BO,
    CLAUDE,
    CY,
    DEPENDABOT,
    DEVIN,
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


def test_marks_on_commits(repo, workshop):
    cases = {
        "trailer": (ADA, f"Work\n\nCo-authored-by: {CLAUDE}\n", ("ai", "co_author_trailer")),
        "bot": (DEVIN, "Work\n", ("ai", "bot_author")),
        "dependabot": (DEPENDABOT, "Bump\n", ("automation", "automation_author")),
        "aider": ("Ada Example (aider) <ada@example.com>", "Work\n", ("ai", "aider_author")),
        "plain": (ADA, "Work\n", ("unknown", "none")),
        "human": (ADA, f"Work\n\nCo-authored-by: {BO}\n", ("unknown", "none")),
        "hint": (ADA, "Work\n\nCo-authored-by: Copilot <copilot@github.com>\n", ("unknown", "none")),
        "bot with mark": (DEPENDABOT, f"Bump\n\nCo-authored-by: {CLAUDE}\n", ("ai", "co_author_trailer")),
    }
    landed = {
        name: repo.commit({f"{name}.py": code(name[0], 3)}, author=author, message=message)
        for name, (author, message, _) in cases.items()
    }
    workshop.build(repo)
    for name, (_, _, expected) in cases.items():
        assert workshop.classes(landed[name]) == {expected: 3}, name
    tools = dict(workshop.lake.read("commits").select("commit_sha", "tools").rows())
    assert tools[landed["trailer"]] == ["claude-code"]
    assert tools[landed["plain"]] == []


def test_a_note_does_not_veto_a_bots_other_lines(repo, workshop):
    sha = repo.commit({"b.py": code("x", 4)}, author=DEVIN)
    repo.annotate({sha: note("b.py\n  human 1\n")})
    workshop.build(repo)
    assert workshop.classes(sha) == {("human", "git_ai_note"): 1, ("ai", "bot_author"): 3}


def test_generated_files_leave_at_the_authored_stage(repo, workshop):
    repo.commit(
        {
            "package-lock.json": code("x", 9),
            "vendor/x.js": code("y", 5),
            "src/x.py": code("z", 2),
            "l.min.js": code("q", 3),
        }
    )
    workshop.build(repo)
    row = workshop.lake.read("landings").filter(pl.col("landing_sha") == repo.tip())
    assert row.select("lines_effective", "lines_authored").rows() == [(19, 2)]
    assert workshop.classes(repo.tip()) == {("generated", "file_category"): 17, ("unknown", "none"): 2}


def test_precedence(repo, workshop):
    """Category, note, session, bot author, mark, silence: the finer wins."""
    files = {"src/b.py": code("x", 4), "yarn.lock": code("x", 4)}
    sha = repo.commit(files, author=DEVIN, message=f"W\n\nCo-authored-by: {CLAUDE}\n", at=MERGED_AT)
    repo.annotate({sha: note("src/b.py\n  0123456 1\n  human 2\nyarn.lock\n  0123456 1\n")})
    written = [("s1", path, code("x", 3), 0) for path in files]
    workshop.build(repo, ledger=ledger(workshop.identities, *written), assume_unmarked_is_human=True)
    assert workshop.classes(sha) == {
        ("generated", "file_category"): 4, ("ai", "git_ai_note"): 1, ("human", "git_ai_note"): 1,
        ("ai", "session_match"): 1, ("ai", "bot_author"): 1,
    }  # fmt: skip
    rows = workshop.lake.read("merged_lines").filter((pl.col("landing_sha") == sha) & (pl.col("author_class") == "ai"))
    assert sorted(rows.select("evidence", "tool", "model", "strength").rows()) == [
        ("bot_author", "devin", "", "author"), ("git_ai_note", "cursor", "gpt-5", "line"),
        ("session_match", "claude-code", "claude-opus-5", "line"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("author", "message", "expected"),
    [
        (DEVIN, f"Work\n\nCo-authored-by: {BO}\n", "Bo"),
        (DEVIN, "Work\n", "Cy"),
        (DEVIN, f"Work\n\nCo-authored-by: {CLAUDE}\n", "Cy"),
        (ADA, f"Work\n\nCo-authored-by: {BO}\n", "Ada"),
        (ADA, f"Work\n\nCo-authored-by: {CLAUDE}\n", "Ada"),
        (CLAUDE, f"Work\n\nCo-authored-by: {BO}\n", "Bo"),
        (DEPENDABOT, f"Work\n\nCo-authored-by: {BO}\n", "dependabot[bot]"),
    ],
)
def test_sponsors_of_branch_commits(repo, workshop, author, message, expected):
    base = repo.tip()
    side = repo.commit({"b.py": code("x", 4)}, base, author=author, message=message, ref=None)
    merge = repo.commit({}, base, side, merge_base=base, author=CY)
    workshop.build(repo)
    assert workshop.per_engineer(merge) == {expected: 4}


@pytest.mark.parametrize(("committer", "expected"), [(BO, "Bo"), (FORGE, None)])
def test_an_agent_that_landed_by_itself(repo, workshop, committer, expected):
    sha = repo.commit({"b.py": code("x", 4)}, author=DEVIN, committer=committer)
    workshop.build(repo)
    if expected:
        assert workshop.per_engineer(sha) == {expected: 4}
    assert workshop.lake.read("landings")["engineer_id"].null_count() == 0
