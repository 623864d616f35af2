from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from pipelines.stages.ledger import build_ledger
from pipelines.stages.outcomes import judge_sessions
from pipelines.stages.sessions import build_sessions
from schemas import TABLES
from tests.pipelines.records import REFUSED, ClaudeCode, Workshop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REPOS = pl.DataFrame(schema={"session_id": pl.String(), "repo": pl.String()})
ENGINEERS = pl.DataFrame(schema={"session_id": pl.String(), "engineer_id": pl.String(), "lines": pl.Int64()})


@pytest.fixture
def judge(tmp_path: Path):
    """Judges one session made of steps, each the name of what happens."""

    def run(steps: str, *, landed: int = 0) -> tuple[str, bool]:
        workshop = Workshop(tmp_path)
        session = ClaudeCode()
        make = {
            "prompt": lambda: [session.prompt("Add a test")],
            "answer": lambda: [session.answer()],
            "edit": lambda: session.done("Write", file_path="/home/ada/app/a.py", content="a = 1\n"),
            "pass": lambda: session.done("Bash", "3 passed", command="pytest"),
            "fail": lambda: session.done("Bash", "Exit code 1", is_error=True, command="pytest"),
            "commit": lambda: session.done("Bash", "[main abc1234] a", command="git commit -m a"),
            "refuse": lambda: session.done("Bash", REFUSED, is_error=True, command="rm a"),
            "stop": lambda: [session.prompt("[Request interrupted by user]")],
            "wrong": lambda: [session.prompt("No, that's wrong")],
            "thanks": lambda: [session.prompt("Perfect, thanks!")],
            "broken": lambda: [session.answer(model="<synthetic>", isApiErrorMessage=True)],
        }
        workshop.write("a.jsonl", [record for step in steps.split() for record in make[step]()])
        workshop.ingest()
        ledger = build_ledger(workshop.lake)
        rows = [(workshop.session("session"), "app", "a", landed)] if landed else []
        landings = pl.DataFrame(rows, schema=TABLES["session_landings"].polars_schema, orient="row")
        outcomes = judge_sessions(ledger, build_sessions(ledger, landings, REPOS, ENGINEERS))
        assert outcomes.height == 1
        assert (outcomes["judge"][0], outcomes["judge_version"][0]) == ("heuristic", "1")
        return outcomes["outcome"][0], outcomes["verified"][0]

    return run


@pytest.mark.parametrize(
    ("steps", "outcome", "verified"),
    [
        ("prompt edit pass answer", "success", True),
        ("prompt edit fail edit pass answer", "success", True),
        ("prompt edit answer thanks", "success", True),
        ("prompt edit answer thanks answer", "success", True),
        ("prompt edit commit answer", "success", False),
        ("prompt edit fail commit answer", "success", False),
        ("prompt edit answer", "unclear", False),
        ("prompt answer", "unclear", False),
        ("prompt", "unclear", False),
        ("prompt edit pass answer wrong edit pass answer", "unclear", False),
        ("prompt edit refuse prompt edit pass answer", "unclear", False),
        ("prompt edit stop prompt edit commit answer", "unclear", False),
        ("prompt edit thanks prompt edit answer", "unclear", False),
        ("prompt edit fail answer", "failure", False),
        ("prompt edit pass stop", "failure", False),
        ("prompt edit refuse", "failure", False),
        ("prompt edit pass answer wrong", "failure", False),
        ("prompt edit broken", "failure", False),
    ],
)
def test_outcomes(judge: Callable[..., tuple[str, bool]], steps: str, outcome: str, *, verified: bool):
    assert judge(steps) == (outcome, verified)


@pytest.mark.parametrize(
    ("steps", "outcome", "verified"),
    [
        ("prompt edit answer", "success", True),
        ("prompt edit fail answer", "success", True),
        ("prompt edit stop", "failure", False),
        ("prompt edit answer wrong answer", "unclear", False),
    ],
)
def test_outcomes_where_lines_landed(
    judge: Callable[..., tuple[str, bool]], steps: str, outcome: str, *, verified: bool
):
    assert judge(steps, landed=1) == (outcome, verified)


def test_no_sessions_no_outcomes(tmp_path: Path):
    ledger = build_ledger(Workshop(tmp_path).lake)
    empty = TABLES["session_landings"].empty()
    outcomes = judge_sessions(ledger, build_sessions(ledger, empty, REPOS, ENGINEERS))
    assert outcomes.is_empty()
    assert outcomes.schema == pl.Schema(TABLES["session_outcomes"].polars_schema)


def test_tiers_grow_with_the_work(tmp_path: Path):
    workshop = Workshop(tmp_path)
    for name, rounds in (("small", 1), ("middle", 7), ("large", 120)):
        session = ClaudeCode(name)
        records = []
        for index in range(rounds):
            records.append(session.prompt("Go on"))
            for part in range(3):
                path = f"/home/ada/app/{index % 20}-{part}.py"
                records += session.done(
                    "Write", file_path=path, content="".join(f"{index}{line}\n" for line in range(5 * rounds))
                )
        workshop.write(f"{name}.jsonl", records)
    workshop.ingest()
    ledger = build_ledger(workshop.lake)
    outcomes = judge_sessions(ledger, build_sessions(ledger, TABLES["session_landings"].empty(), REPOS, ENGINEERS))
    tiers = dict(outcomes.select("session_id", "tier").iter_rows())
    assert [tiers[workshop.session(name)] for name in ("small", "middle", "large")] == [
        "trivial",
        "substantial",
        "open_ended",
    ]
    assert outcomes["human_minutes"].is_between(0, 1e6).all()
