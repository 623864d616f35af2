from __future__ import annotations

import random
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.stages.ledger import TOKENS, build_ledger
from pipelines.stages.sessions import build_sessions
from schemas import TABLES
from tests.pipelines.records import REFUSED, ClaudeCode, Codex, Workshop, copy_fork

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.stages.ledger import Ledger


@pytest.fixture
def workshop(tmp_path: Path):
    return Workshop(tmp_path)


def work(name: str, *, start: float = 0.0):
    """A session of two prompts, a write, a failed command and a refused one."""
    session = ClaudeCode(name, start=start)
    return session, [
        session.prompt("Add a"),
        *session.done("Write", file_path="/home/ada/app/a.py", content=f"{name} = 1\nb = 2\n"),
        session.prompt("And the tests"),
        *session.done("Bash", "Exit code 1", is_error=True, command="ls"),
        *session.done("Bash", REFUSED, is_error=True, command="rm a"),
    ]


def same(one: Ledger, two: Ledger):
    """Whether two ledgers are equal; which file's copy was counted is not part of it."""
    return (
        one.sessions.equals(two.sessions)
        and one.lines.equals(two.lines)
        and one.edits.drop("file_id").equals(two.edits.drop("file_id"))
    )


def test_a_session_is_summed_up(workshop: Workshop):
    _, records = work("one")
    workshop.write("a.jsonl", records)
    workshop.ingest()
    session = build_ledger(workshop.lake).sessions.row(0, named=True)
    wanted = {
        "prompts": 2,
        "machine_prompts": 0,
        "tool_calls": 3,
        "tool_errors": 1,
        "rejections": 1,
        "lines_written": 2,
    }
    assert {name: session[name] for name in wanted} == wanted
    assert session["input_tokens"] == 30
    assert (session["tool"], session["model"], session["tool_version"]) == ("claude-code", "claude-opus-4-6", "2.1.129")
    assert not session["is_automated"]


def test_an_empty_lake_gives_an_empty_ledger(workshop: Workshop):
    ledger = build_ledger(workshop.lake)
    assert ledger.sessions.is_empty()
    assert ledger.lines.schema == pl.Schema(TABLES["session_lines"].polars_schema)


def test_copies_of_a_file_count_once(workshop: Workshop):
    _, records = work("one")
    workshop.write("a.jsonl", records)
    workshop.ingest()
    alone = build_ledger(workshop.lake)
    workshop.write("checkpoints/1/full.jsonl", records[:4])
    workshop.write("checkpoints/2/full.jsonl", records)
    workshop.ingest()
    assert same(alone, build_ledger(workshop.lake))


def test_a_message_that_grew_between_copies_has_its_largest_counts(workshop: Workshop):
    session = ClaudeCode()
    early = session.answer(message="msg_1", usage={"input_tokens": 9, "output_tokens": 1})
    late = {**early, "message": {**early["message"], "usage": {"input_tokens": 4, "output_tokens": 70}}}
    workshop.write("a.jsonl", early)
    workshop.write("b.jsonl", late)
    workshop.ingest()
    assert build_ledger(workshop.lake).sessions.select("input_tokens", "output_tokens").rows() == [(9, 70)]


def test_a_fork_of_copies_alone_vanishes_and_one_that_went_on_is_folded_in(workshop: Workshop):
    session, records = work("one")
    workshop.write("a.jsonl", records)
    workshop.ingest()
    alone = build_ledger(workshop.lake)
    workshop.write("b.jsonl", copy_fork(records[:5], "fork"))
    workshop.ingest()
    assert same(alone, build_ledger(workshop.lake))
    workshop.write("b.jsonl", copy_fork([*records[:5], session.prompt("Another way, please")], "fork"))
    workshop.ingest()
    forked = build_ledger(workshop.lake)
    assert forked.sessions.height == 1
    assert forked.sessions["prompts"].to_list() == [3]


def test_a_codex_fork_copies_with_new_times_and_is_folded_into_its_parent(workshop: Workshop):
    parent = Codex("parent")
    records = [
        parent.meta(),
        *parent.begin("Add a"),
        parent.spend(100, 50, 10),
        *parent.patch("x", {"/home/ada/app/a.py": {"type": "add", "content": "a = 1\n"}}),
    ]
    workshop.write("a.jsonl", records)
    workshop.ingest()
    alone = build_ledger(workshop.lake)
    child = Codex("child", start=5000, forked_from_id=parent.session)
    copies = [{**record, "timestamp": child.meta()["timestamp"]} for record in records]
    workshop.write("b.jsonl", child.meta(), copies)
    workshop.ingest()
    assert same(alone, build_ledger(workshop.lake))
    child.turn = ""
    child.totals = [100, 50, 10]
    own = [*child.begin("Another way"), child.spend(30, 0, 3)]
    workshop.write("b.jsonl", child.meta(), copies, own)
    workshop.ingest()
    rows = (
        build_ledger(workshop.lake)
        .sessions.select("session_id", "prompts", "input_tokens", "cache_read_tokens", "output_tokens")
        .rows()
    )
    assert rows == [(workshop.session("parent"), 2, 80, 50, 13)]


def test_a_codex_subagent_belongs_to_its_parent_and_its_copied_prompts_stay_a_persons(workshop: Workshop):
    parent = Codex("parent")
    records = [parent.meta(), *parent.begin("Add a"), parent.spend(100, 50, 10)]
    child = Codex(
        "child", start=500, source={"subagent": {"thread_spawn": {"parent_thread_id": parent.session, "depth": 1}}}
    )
    copies = [{**record, "timestamp": child.meta()["timestamp"]} for record in records]
    own = [*child.begin("Look for b"), child.event("turn_aborted", reason="interrupted", turn_id=child.turn)]
    workshop.write("a.jsonl", records)
    workshop.write("b.jsonl", child.meta(), copies, own)
    workshop.ingest()
    session = build_ledger(workshop.lake).sessions.row(0, named=True)
    wanted = {"prompts": 1, "machine_prompts": 0, "interruptions": 0, "output_tokens": 10, "is_automated": False}
    assert {name: session[name] for name in wanted} == wanted


def test_sessions_without_people_are_automated(workshop: Workshop):
    workshop.write("a.jsonl", ClaudeCode(entrypoint="sdk-cli").prompt("Review"))
    workshop.ingest()
    assert build_ledger(workshop.lake).sessions["is_automated"].to_list() == [True]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1 << 30))
def test_neither_order_nor_copies_nor_partitioning_change_the_ledger(
    tmp_path_factory: pytest.TempPathFactory, seed: int
):
    rng = random.Random(seed)  # noqa: S311 - a seeded shuffle, no secret
    sources = [work(name, start=100.0 * index)[1] for index, name in enumerate(("one", "two", "three"))]
    plain = Workshop(tmp_path_factory.mktemp("plain"))
    odd = Workshop(tmp_path_factory.mktemp("odd"))
    (odd.identities.folder / "key").write_bytes((plain.identities.folder / "key").read_bytes())
    odd = Workshop(odd.root)
    for index, records in enumerate(sources):
        plain.write(f"{index}.jsonl", records)
    plain.ingest()
    jobs = []
    for records in sources:
        jobs.extend(records[: rng.randrange(1, len(records) + 1)] for _ in range(rng.randrange(3)))
        jobs.append(records)
        jobs.append(copy_fork(records[: rng.randrange(1, len(records))], f"fork {len(jobs)}"))
    rng.shuffle(jobs)
    for index, records in enumerate(jobs):
        odd.write(f"{rng.randrange(1 << 40)}/{index}.jsonl", records)
        if rng.random() < 0.3:
            odd.ingest()
    odd.ingest()
    one, two = build_ledger(plain.lake), build_ledger(odd.lake)
    assert same(one, two)
    assert one.events.drop("file_id", "position").equals(two.events.drop("file_id", "position"))


def test_landings_repositories_and_engineers_are_joined(workshop: Workshop):
    for name in ("one", "two"):
        workshop.write(f"{name}.jsonl", work(name)[1])
    workshop.ingest()
    ledger = build_ledger(workshop.lake)
    one, two = workshop.session("one"), workshop.session("two")
    landings = pl.DataFrame(
        {"session_id": [one, one], "repo": ["app", "app"], "landing_sha": ["a", "b"], "lines": [2, 3]},
        schema=TABLES["session_landings"].polars_schema,
    )
    repos = pl.DataFrame({"session_id": [two], "repo": ["app"]})
    engineers = pl.DataFrame({"session_id": [one, one, one], "engineer_id": ["z", "y", "x"], "lines": [5, 5, 1]})
    sessions = build_sessions(ledger, landings, repos, engineers)
    assert list(sessions.columns) == list(TABLES["sessions"].columns)
    rows = {row["session_id"]: row for row in sessions.iter_rows(named=True)}
    assert (rows[one]["lines_landed"], rows[one]["engineer_id"], rows[one]["repo"]) == (5, "y", None)
    assert (rows[two]["lines_landed"], rows[two]["engineer_id"], rows[two]["repo"]) == (0, None, "app")
    assert sessions.select(pl.col(TOKENS).sum()).row(0) == (60, 30, 600, 120)
