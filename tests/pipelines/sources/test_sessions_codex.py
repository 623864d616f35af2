from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
import zstandard

from kernels.lines import hash_text
from tests.pipelines.records import Codex, Workshop, moment, uuid

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def workshop(tmp_path: Path):
    return Workshop(tmp_path)


def events_of(workshop: Workshop, kind: str | None):
    events = workshop.lake.read("session_events")
    return events.filter(events["kind"] == kind)


def hashes(text: Any):
    return hash_text(text.encode())[0].tolist()


def written(workshop: Workshop):
    return workshop.lake.read("session_lines")["hash"].to_list()


PATCH = "*** Begin Patch\n*** Add File: a.py\n+a = 1\n+b = 2\n*** Update File: c.py\n@@\n-x\n+c = 3\n*** Delete File: d.py\n*** End Patch\n"


def test_a_turn(workshop: Workshop):
    rollout = Codex()
    workshop.write("rollout-1.jsonl", rollout.meta(), rollout.begin("Add a test"), rollout.spend(100, 60, 7))
    workshop.ingest()
    assert workshop.kinds() == {"permission_mode": 1, "prompt": 1, "response": 1, "start": 1}
    response = events_of(workshop, "response")
    assert response.select("model", "input_tokens", "cache_read_tokens", "output_tokens").rows() == [
        ("gpt-5.4", 40, 60, 7)
    ]
    assert events_of(workshop, "permission_mode")["value"].to_list() == ["on-request"]
    assert workshop.lake.read("session_files")["format"].to_list() == ["codex"]


def test_token_counts_are_differences_repeats_nothing_and_resets_begin_anew(workshop: Workshop):
    rollout = Codex()
    workshop.write(
        "a.jsonl",
        rollout.meta(),
        rollout.begin("Go"),
        rollout.count([100, 0, 10]),
        rollout.count([100, 0, 10]),
        rollout.event("token_count", info=None, rate_limits={}),
        rollout.count([150, 20, 30]),
        rollout.count([40, 0, 4], [40, 0, 4]),
    )
    workshop.ingest()
    rows = events_of(workshop, "response").select("input_tokens", "cache_read_tokens", "output_tokens").rows()
    assert rows == [(100, 0, 10), (30, 20, 20), (40, 0, 4)]


@pytest.mark.parametrize(
    "text",
    [
        "<environment_context>\n</environment_context>",
        "# AGENTS.md instructions for /home",
        "<turn_aborted>\nThe user interrupted",
    ],
)
def test_synthetic_user_messages_are_no_prompts(workshop: Workshop, text: Any):
    rollout = Codex()
    workshop.write(
        "a.jsonl", rollout.meta(), rollout.item("message", role="user", content=[{"type": "input_text", "text": text}])
    )
    workshop.ingest()
    assert workshop.kinds() == {"start": 1}


@pytest.mark.parametrize("meta", [{"source": "exec"}, {"originator": "codex_exec"}, {"source": {"subagent": "review"}}])
def test_prompts_of_machines(workshop: Workshop, meta: dict[str, Any]):
    rollout = Codex(**meta)
    workshop.write("a.jsonl", rollout.meta(), rollout.begin("Review the code changes"))
    workshop.ingest()
    assert workshop.kinds() == {"machine_prompt": 1, "start": 1}


def test_edits_come_from_the_end_of_a_patch_and_are_not_counted_again_from_its_text(workshop: Workshop):
    rollout = Codex()
    changes = {
        "/home/ada/app/a.py": {"type": "add", "content": "a = 1\nb = 2\n"},
        "/home/ada/app/c.py": {"type": "update", "unified_diff": "@@ -1 +1 @@\n-x\n+c = 3\n", "move_path": None},
        "/home/ada/app/d.py": {"type": "delete", "content": "gone"},
    }
    workshop.write("a.jsonl", rollout.meta(), rollout.begin("Go"), rollout.patch(PATCH, changes))
    workshop.ingest()
    assert sorted(written(workshop)) == sorted(hashes("a = 1\nb = 2\nc = 3\n"))
    assert workshop.lake.read("session_edits").height == 2


@pytest.mark.parametrize(
    ("output", "lines"),
    [("Exit code: 0\nWall time: 0 seconds\nOutput:\nSuccess.", 3), ("apply_patch verification failed: Failed", 0)],
)
def test_without_the_end_of_a_patch_its_text_counts_if_it_went_through(workshop: Workshop, output: Any, lines: int):
    rollout = Codex()
    workshop.write("a.jsonl", rollout.meta(), rollout.begin("Go"), rollout.patch(PATCH, None, output))
    workshop.ingest()
    assert len(written(workshop)) == lines
    assert workshop.kinds().get("tool_error", 0) == (0 if lines else 1)


def test_a_patch_in_a_script_counts_once(workshop: Workshop):
    script = f"const patch = {json.dumps(PATCH)};\ntext(await tools.apply_patch(patch));\n"
    for name, has_end in (("with", True), ("without", False)):
        rollout = Codex(name)
        own = f"call_{uuid(name)}"
        changes = {
            "/home/ada/app/a.py": {"type": "add", "content": "a = 1\nb = 2\n"},
            "/home/ada/app/c.py": {"type": "update", "unified_diff": "@@\n+c = 3\n"},
        }
        end = (
            [rollout.event("patch_apply_end", call_id="exec-1", turn_id="", success=True, changes=changes)]
            if has_end
            else []
        )
        begin = rollout.begin("Go")
        workshop.write(
            f"{name}.jsonl",
            rollout.meta(),
            begin,
            rollout.item("custom_tool_call", name="exec", input=script, call_id=own),
            end,
            rollout.item(
                "custom_tool_call_output", call_id=own, output=[{"type": "input_text", "text": "Script completed"}]
            ),
        )
    workshop.ingest()
    written_lines = workshop.lake.read("session_edits").group_by("session_id").agg(pl.col("lines_written").sum())
    assert written_lines["lines_written"].to_list() == [3, 3]


def test_commands_tests_and_commits(workshop: Workshop):
    rollout = Codex()
    workshop.write(
        "a.jsonl",
        rollout.meta(),
        rollout.begin("Go"),
        rollout.call(
            "exec_command",
            {"cmd": "cargo test"},
            "Wall time: 1\nProcess exited with code 101\nOutput:\ntest result: FAILED",
        ),
        rollout.call(
            "shell", {"command": ["bash", "-lc", "pytest -q"]}, '{"output":"3 passed","metadata":{"exit_code":0}}'
        ),
        rollout.call(
            "exec_command", {"cmd": "git commit -m x"}, "Process exited with code 0\nOutput:\n[main abc1234] x\n"
        ),
    )
    workshop.ingest()
    kinds = workshop.kinds()
    assert {name: kinds[name] for name in ("test_failed", "test_passed", "commit", "tool_error", "tool_call")} == {
        "test_failed": 1,
        "test_passed": 1,
        "commit": 1,
        "tool_error": 1,
        "tool_call": 3,
    }


def test_an_aborted_turn_is_an_interruption(workshop: Workshop):
    rollout = Codex()
    workshop.write(
        "a.jsonl",
        rollout.meta(),
        rollout.begin("Go"),
        rollout.event("turn_aborted", turn_id=rollout.turn, reason="interrupted"),
        rollout.event("turn_aborted", turn_id=rollout.turn, reason="replaced"),
    )
    workshop.ingest()
    assert workshop.kinds()["interruption"] == 1


def test_rollouts_of_the_time_before_envelopes(workshop: Workshop):
    own = uuid("old")
    workshop.write(
        "rollout-old.jsonl",
        {"id": own, "timestamp": moment(0), "instructions": None, "git": {"branch": "main"}},
        {"record_type": "state"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "<environment_context>x"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Add a test"}]},
        {"type": "function_call", "name": "shell", "arguments": '{"command":["ls"]}', "call_id": "call_1"},
        {"type": "function_call_output", "call_id": "call_1", "output": '{"output":"a","metadata":{"exit_code":0}}'},
    )
    workshop.ingest()
    assert workshop.kinds() == {"prompt": 1, "start": 1, "tool_call": 1}


def test_packed_rollouts_are_read_and_the_plain_sibling_goes_before(workshop: Workshop):
    rollout = Codex()
    path = workshop.write("a.jsonl", rollout.meta(), rollout.begin("Go"))
    packed = path.with_suffix(".jsonl.zst")
    packed.write_bytes(zstandard.compress(path.read_bytes()))
    assert workshop.ingest().files == 1
    path.unlink()
    read = workshop.ingest()
    assert (read.files, read.files_read) == (1, 1)
    events = workshop.lake.read("session_events")
    assert events.filter(events["kind"] == "prompt")["record_id"].n_unique() == 1


def test_a_bomb_is_refused(workshop: Workshop):
    (workshop.home / "a.jsonl.zst").write_bytes(zstandard.compress(b" " * (200 << 20)))
    workshop.ingest()
    assert workshop.reasons() == ["unpacks_too_large"]
    assert workshop.lake.read("session_files")["records"].to_list() == [0]


def test_a_continuation_without_its_beginning_is_quarantined(workshop: Workshop):
    rollout = Codex()
    workshop.write("a.jsonl", rollout.begin("Go"))
    workshop.ingest()
    assert workshop.reasons() == ["no_session_id"]
    assert workshop.kinds() == {}
