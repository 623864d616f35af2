from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kernels.lines import hash_text
from tests.pipelines.records import REFUSAL, REFUSED, ClaudeCode, Workshop, moment, uuid

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def workshop(tmp_path: Path):
    return Workshop(tmp_path)


def events_of(workshop: Workshop, kind: str | None):
    events = workshop.lake.read("session_events")
    return events.filter(events["kind"] == kind)


def written(workshop: Workshop):
    """Hashes that edits wrote, in order."""
    return workshop.lake.read("session_lines")["hash"].to_list()


def hashes(text: Any):
    return hash_text(text.encode())[0].tolist()


@pytest.mark.parametrize(
    ("text", "fields", "kind"),
    [
        ("Add a test", {}, "prompt"),
        ([{"type": "text", "text": "Add a test"}], {}, "prompt"),
        ([{"type": "image", "source": {}}], {}, "prompt"),
        ("<ide_opened_file>The user opened a.py</ide_opened_file>Explain it", {}, "prompt"),
        ("<command-message>review</command-message>\n<command-name>/review</command-name>", {}, "prompt"),
        ("<command-name>/clear</command-name>\n<command-message>clear</command-message>", {}, None),
        ("<ide_opened_file>The user opened a.py</ide_opened_file>", {}, None),
        ("<local-command-stdout>Bye!</local-command-stdout>", {}, None),
        ("<bash-input>ls</bash-input>", {}, None),
        ("This session is being continued from a previous conversation", {}, None),
        ("Add a test", {"isMeta": True}, None),
        ("Add a test", {"isCompactSummary": True}, None),
        ("Add a test", {"isSidechain": True}, None),
        ("Add a test", {"promptSource": "sdk"}, "machine_prompt"),
        ("Add a test", {"entrypoint": "sdk-cli"}, "machine_prompt"),
        ("Add a test", {"origin": {"kind": "task-notification"}}, "machine_prompt"),
        ("<task-notification>done</task-notification>", {}, "machine_prompt"),
        ("Add a test", {"origin": {"kind": "human"}, "promptSource": "typed"}, "prompt"),
    ],
)
def test_only_what_a_person_typed_is_a_prompt(workshop: Workshop, text: Any, fields: dict[str, Any], kind: str | None):
    session = ClaudeCode()
    workshop.write("a.jsonl", session.prompt(text, **fields))
    workshop.ingest()
    assert list(workshop.kinds()) == ([kind] if kind else [])


def test_a_prompt_queued_into_a_turn_is_a_prompt_and_a_queued_notification_is_none(workshop: Workshop):
    session = ClaudeCode()
    workshop.write(
        "a.jsonl",
        session.entry(
            "attachment", attachment={"type": "queued_command", "prompt": "also the docs", "commandMode": "prompt"}
        ),
        session.entry(
            "attachment", attachment={"type": "queued_command", "prompt": "done", "commandMode": "task-notification"}
        ),
        {
            "type": "queue-operation",
            "operation": "enqueue",
            "content": "also the docs",
            "sessionId": session.session,
            "timestamp": moment(0),
        },
    )
    workshop.ingest()
    assert workshop.kinds() == {"prompt": 1}


def test_usage_is_the_maximum_of_each_field_per_message(workshop: Workshop):
    session = ClaudeCode()
    counts = [
        {"input_tokens": 3, "output_tokens": 1},
        {"input_tokens": 3, "output_tokens": 90},
        {"input_tokens": 3, "output_tokens": 40},
    ]
    workshop.write("a.jsonl", *[session.answer(message="msg_one", usage=usage) for usage in counts])
    workshop.ingest()
    assert events_of(workshop, "response").select("input_tokens", "output_tokens").rows() == [(3, 90)]


@pytest.mark.parametrize("odd", [True, -1, 1.5, "7", None, 3 << 62])
def test_a_count_that_is_none_counts_nothing(workshop: Workshop, odd: Any):
    workshop.write("a.jsonl", ClaudeCode().answer(usage={"input_tokens": odd, "output_tokens": 4}))
    workshop.ingest()
    assert events_of(workshop, "response").select("input_tokens", "output_tokens").rows() == [(0, 4)]


def test_synthetic_answers_are_no_responses_and_api_errors_are_events(workshop: Workshop):
    session = ClaudeCode()
    workshop.write(
        "a.jsonl", session.answer(model="<synthetic>"), session.answer(model="<synthetic>", isApiErrorMessage=True)
    )
    workshop.ingest()
    assert workshop.kinds() == {"api_error": 1}


def test_models_have_one_spelling_and_unknown_ones_are_not_stored(workshop: Workshop):
    session = ClaudeCode()
    workshop.write("a.jsonl", session.answer(model="claude-opus-4.6[1m]"), session.answer(model="secret-project-x"))
    workshop.ingest()
    assert events_of(workshop, "response")["model"].to_list() == ["claude-opus-4-6", "other"]


def test_an_edit_counts_once_its_result_is_there_and_good(workshop: Workshop):
    session = ClaudeCode()
    good, failed, refused, open_ = (
        session.use("Write", file_path=f"/home/ada/app/{name}.py", content=f"{name} = 1\n")
        for name in ("a", "b", "c", "d")
    )
    workshop.write(
        "a.jsonl",
        session.answer(good, failed),
        session.answer(refused, open_),
        session.result(failed, "<tool_use_error>File has not been read yet</tool_use_error>", is_error=True),
        session.result(refused, REFUSED, "User rejected tool use", is_error=True),
        session.result(good, "File created"),
    )
    workshop.ingest()
    assert written(workshop) == hashes("a = 1\n")
    assert workshop.kinds() == {"rejection": 1, "response": 2, "tool_call": 4, "tool_error": 1}


def test_context_that_an_edit_repeats_was_not_written_by_it(workshop: Workshop):
    session = ClaudeCode()
    old, new = "def f():\n    return 1\n\nx = 1\n", "def f():\n    y = 2\n    return y\n\nx = 1\nx = 1\n"
    workshop.write("a.jsonl", session.done("Edit", file_path="/home/ada/app/a.py", old_string=old, new_string=new))
    workshop.ingest()
    assert sorted(written(workshop)) == sorted(hashes("y = 2\nreturn y\nx = 1\n"))


def test_a_structured_patch_says_what_was_written_and_its_tabs_do_not_matter(workshop: Workshop):
    session = ClaudeCode()
    patch = [{"oldStart": 1, "lines": [" package a", "-\tx := 1", "+  x := 2 // long", "\\ No newline at end of file"]}]
    workshop.write(
        "a.jsonl",
        session.done(
            "Edit",
            details={"structuredPatch": patch},
            file_path="/home/ada/app/a.go",
            old_string="1",
            new_string="2 // long",
        ),
    )
    workshop.ingest()
    assert written(workshop) == hashes("\tx := 2 // long\n")


def test_of_a_rewritten_file_only_changed_lines_are_written(workshop: Workshop):
    session = ClaudeCode()
    patch = [{"lines": [" a = 1", "+b = 2"]}]
    details = {"type": "update", "structuredPatch": patch, "originalFile": None}
    workshop.write(
        "a.jsonl", session.done("Write", details=details, file_path="/home/ada/app/a.py", content="a = 1\nb = 2\n")
    )
    workshop.ingest()
    assert written(workshop) == hashes("b = 2\n")


def test_what_the_user_changed_in_a_proposal_is_not_the_agents(workshop: Workshop):
    session = ClaudeCode()
    details = {"structuredPatch": [{"lines": ["+mine = 1"]}], "userModified": True}
    workshop.write(
        "a.jsonl", session.done("Write", details=details, file_path="/home/ada/app/a.py", content="its = 1\n")
    )
    workshop.ingest()
    assert written(workshop) == hashes("its = 1\n")


def test_multi_edits_and_notebooks(workshop: Workshop):
    session = ClaudeCode()
    edits = [{"old_string": "", "new_string": "a = 1"}, {"old_string": "x", "new_string": "b = 2"}]
    workshop.write(
        "a.jsonl",
        session.done("MultiEdit", file_path="/home/ada/app/a.py", edits=edits),
        session.done("NotebookEdit", notebook_path="/home/ada/app/n.ipynb", new_source="c = 3\nd = 4"),
    )
    workshop.ingest()
    assert sorted(written(workshop)) == sorted(hashes("a = 1\nb = 2\nc = 3\nd = 4"))
    assert workshop.lake.read("session_edits")["lines_written"].to_list() == [2, 2]


def test_windows_paths_and_relative_paths_have_the_keys_of_their_suffixes(workshop: Workshop):
    windows = ClaudeCode("windows", cwd="D:\\work\\app")
    posix = ClaudeCode("posix")
    workshop.write("a.jsonl", windows.done("Write", file_path="D:\\work\\app\\src\\a.py", content="a = 1\n"))
    workshop.write("b.jsonl", posix.done("Write", file_path="src/../src/a.py", content="a = 1\n"))
    workshop.ingest()
    wanted = workshop.identities.path_keys("src/a.py")
    for keys in workshop.lake.read("session_edits")["path_keys"]:
        assert keys.to_list()[-2:] == wanted
    places = workshop.lake.read("session_edits")["place_names"].to_list()
    assert {names[0] for names in places} == {workshop.identities.place_keys("/app")[1][0]}


def test_a_rejection_and_the_marker_after_it_are_one_act(workshop: Workshop):
    session = ClaudeCode()
    use = session.use("Bash", command="rm a")
    marker = session.prompt([{"type": "text", "text": "[Request interrupted by user for tool use]"}])
    refused = session.result(use, REFUSED, is_error=True)
    marker["timestamp"] = refused["timestamp"]
    workshop.write("a.jsonl", session.answer(use), refused, marker, session.prompt("[Request interrupted by user]"))
    workshop.ingest()
    assert workshop.kinds() == {"interruption": 1, "rejection": 1, "response": 1, "tool_call": 1}


@pytest.mark.parametrize(
    ("said", "corrections"),
    [
        ("To tell you how to proceed, the user said:\nuse the other table", 1),
        (
            "To tell you how to proceed, the user said:\n\n\nNote: The user's next message may contain a correction or preference.",
            0,
        ),
        ("To tell you how to proceed, the user said:\nThe user wants to clarify these questions.\nThis means", 0),
        ("STOP what you are doing and wait for the user to tell you how to proceed.", 0),
    ],
)
def test_a_typed_reason_makes_a_rejection_a_correction(workshop: Workshop, said: str, corrections: int):
    session = ClaudeCode()
    workshop.write(
        "a.jsonl", session.done("Edit", REFUSAL + said, is_error=True, file_path="a.py", old_string="", new_string="a")
    )
    workshop.ingest()
    assert workshop.kinds().get("correction", 0) == corrections
    assert workshop.kinds()["rejection"] == 1


def test_a_denial_by_infrastructure_is_an_error_and_no_rejection(workshop: Workshop):
    session = ClaudeCode()
    use = session.use("Bash", command="ls")
    workshop.write(
        "a.jsonl",
        session.answer(use),
        session.result(use, "denied", is_error=True, toolDenialKind="automode-unavailable"),
    )
    workshop.ingest()
    assert workshop.kinds() == {"response": 1, "tool_call": 1, "tool_error": 1}


def test_an_error_that_follows_from_another_is_not_counted(workshop: Workshop):
    session = ClaudeCode()
    workshop.write(
        "a.jsonl",
        session.done("Bash", "<tool_use_error>Sibling tool call errored</tool_use_error>", is_error=True, command="ls"),
    )
    workshop.ingest()
    assert "tool_error" not in workshop.kinds()


@pytest.mark.parametrize(
    ("command", "output", "is_error", "kind"),
    [
        ("pytest -q", "3 passed", None, "test_passed"),
        ("cd app && go test ./...", "Exit code 1\n--- FAIL: TestA", True, "test_failed"),
        ("go test ./... 2>&1 | tail -5", "FAIL\tapp\t0.1s", None, "test_failed"),
        ("go test ./... 2>&1 | tail -5", "ok  \tapp\t0.1s", None, "test_passed"),
        ("go test ./... 2>&1 | tail -5", "", None, None),
        ("CI=1 uv run pytest", "", None, "test_passed"),
        ("grep -r pytest .", "pytest", None, None),
        ("npm run build", "", None, None),
        ("mise run test:ci", "ok", None, "test_passed"),
    ],
)
def test_how_tests_ended(workshop: Workshop, command: str, output: Any, *, is_error: bool | None, kind: str | None):
    session = ClaudeCode()
    workshop.write("a.jsonl", session.done("Bash", output, is_error=is_error, command=command))
    workshop.ingest()
    assert [name for name in workshop.kinds() if name.startswith("test_")] == ([kind] if kind else [])


def test_commits_and_pull_requests_are_events(workshop: Workshop):
    session = ClaudeCode()
    url = "https://example.com/ada/app/pull/7"
    workshop.write(
        "a.jsonl",
        session.done(
            "Bash",
            details={"gitOperation": {"commit": {"sha": "58a2c16a", "kind": "committed"}}},
            command="make release",
        ),
        session.done(
            "Bash", "[main (root-commit) 1234abc] Add a\n 1 file changed", command="git add . && git commit -m 'Add a'"
        ),
        session.done(
            "Bash",
            details={"gitOperation": {"pr": {"number": 7, "url": url, "action": "created"}}},
            command="gh pr create",
        ),
        *[{"type": "pr-link", "sessionId": session.session, "prNumber": 7, "prUrl": url, "timestamp": moment(9)}] * 3,
    )
    workshop.ingest()
    assert events_of(workshop, "commit")["value"].to_list() == ["58a2c16a", "1234abc"]
    assert events_of(workshop, "pull_request")["value"].to_list() == ["7"]


def test_edits_of_subagents_are_found_inside_progress_lines_and_in_their_own_files(workshop: Workshop):
    session, agent = ClaudeCode(), ClaudeCode("agent", isSidechain=True, agentId="a1")
    agent.session = session.session
    use = agent.use("Write", file_path="/home/ada/app/a.py", content="a = 1\n")
    inner = [agent.prompt("Write a"), agent.answer(use), agent.result(use)]
    older = [
        session.entry("progress", data={"type": "agent_progress", "agentId": "a1", "message": record})
        for record in inner
    ]
    workshop.write("app/main.jsonl", session.prompt("Please write a"), older)
    workshop.write("app/main/subagents/agent-a1.jsonl", inner)
    workshop.ingest()
    events = workshop.lake.read("session_events")
    assert events["session_id"].unique().to_list() == [workshop.session("session")]
    assert events.filter(events["is_subagent"])["kind"].unique().sort().to_list() == ["response", "tool_call"]
    assert workshop.lake.read("session_edits")["edit_id"].n_unique() == 1


def test_corrections_and_confirmations_need_an_answer_before_them(workshop: Workshop):
    session = ClaudeCode()
    workshop.write(
        "a.jsonl",
        session.prompt("The login still fails"),
        session.answer(),
        session.prompt("No, that's wrong. Use the other table"),
        session.answer(),
        session.prompt("perfect, thanks!"),
        session.prompt("Jetzt geht es nicht mehr"),
    )
    workshop.ingest()
    assert workshop.kinds() == {"confirmation": 1, "correction": 1, "prompt": 4, "response": 2}


def test_permission_modes_come_from_the_prompt_or_the_line_before_it(workshop: Workshop):
    session = ClaudeCode()
    workshop.write(
        "a.jsonl",
        session.prompt("a", permissionMode="acceptEdits"),
        {"type": "permission-mode", "permissionMode": "plan", "sessionId": session.session},
        session.prompt("b"),
        session.prompt("c", permissionMode="something private"),
    )
    workshop.ingest()
    assert events_of(workshop, "permission_mode")["value"].to_list() == ["acceptEdits", "plan", "other"]


def test_calls_numbered_per_conversation_do_not_collide(workshop: Workshop):
    for name in ("one", "two"):
        session = ClaudeCode(name)
        use = {**session.use("Write", file_path="/home/ada/app/a.py", content="a = 1\n"), "id": "functions.Write:0"}
        workshop.write(f"{name}.jsonl", session.answer(use), session.result(use))
    workshop.ingest()
    assert workshop.lake.read("session_edits")["record_id"].n_unique() == 2


def test_outside_edits_and_unknown_tools(workshop: Workshop):
    session = ClaudeCode()
    workshop.write(
        "a.jsonl",
        session.entry("attachment", attachment={"type": "edited_text_file", "filename": "a.py"}),
        session.done("mcp__tracker__create_issue"),
        session.done("AcmeInternalTool"),
        session.entry("holiday", anything=uuid("x")),
    )
    workshop.ingest()
    assert workshop.kinds() == {"outside_edit": 1, "response": 2, "tool_call": 2}
    assert events_of(workshop, "tool_call")["value"].to_list() == ["mcp", "other"]
