"""Claude Code transcripts: record to events and edits.

Belongs here: the fields and traps of this one format. Does not belong here: files, hashing of ids, counting across
files.

Identities across copies (forks, resumes and checkpoints repeat records): the `uuid` of an entry, `message.id` of a
response, the id of a tool use. An API response stands on several lines whose counts grow; whoever counts takes the
maximum of each field per `message.id`. An edit counts once its result is there and is no error or rejection.
Subagents write into the same session: as `progress` lines (older), or into files of their own (newer); their texts
are the agent's own and are no prompts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipelines.sources.sessions.commands import commits, committed_sha, hides_status, runs_tests, tests_passed
from pipelines.sources.sessions.labels import mode_name, model_name, tool_name
from pipelines.sources.sessions.patches import added_lines, hash_lines, join_lines, structured_lines
from pipelines.sources.sessions.phrases import classify_prompt
from pipelines.sources.sessions.records import (
    Edit,
    Event,
    Json,
    Scene,
    Tokens,
    get_count,
    get_object,
    get_objects,
    get_text,
    get_time,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.sources.sessions.records import HashedLines

ENTRY_TYPES = frozenset({"user", "assistant", "system", "attachment", "progress"})
OTHER_TYPES = frozenset(
    {
        "summary", "file-history-snapshot", "file-history-delta", "queue-operation", "last-prompt", "permission-mode", "mode",
        "ai-title", "custom-title", "agent-name", "pr-link", "bridge-session", "frame-link",
    }
)  # fmt: skip
REFUSAL = "The user doesn't want to proceed with this tool use."
_REASON = "the user said:\n"
_REASON_NOTE = "\n\nNote: The user's next message may contain a correction"
_CLARIFICATION = "The user wants to clarify these questions"
_DEPENDENT_ERRORS = ("Sibling tool call errored", "Cancelled: parallel tool call", "[Request interrupted by user")
_INTERRUPTION = "[Request interrupted by user"
_INTERRUPTED_TOOL = "[Request interrupted by user for tool use]"
SAME_STOP_MICROSECONDS = 1_000_000
"""A rejection and the interruption marker that follows it within this time are one act of the user."""
_SHA = re.compile(r"^[0-9a-f]{7,40}$")
_GLOBAL_CALL = re.compile(r"^(toolu|tooluse|call)_.{8}|^.{20}")
_MACHINE_SOURCES = frozenset({"sdk", "system"})


def is_claude_code(record: Json) -> bool:
    """Whether a record has the shape of a Claude Code transcript line."""
    kind = record.get("type")
    if kind in ENTRY_TYPES:
        return "sessionId" in record and ("uuid" in record or "message" in record)
    if kind == "summary":
        return "leafUuid" in record
    if kind in {"file-history-snapshot", "file-history-delta"}:
        return "messageId" in record
    return kind in OTHER_TYPES and "sessionId" in record


@dataclass(slots=True)
class _Call:
    """A tool use that waits for its result."""

    identity: str
    name: str
    scene: Scene
    model: str | None
    path: str = ""
    lines: HashedLines | None = None
    runs_tests: bool = False
    hides_status: bool = False
    commits: bool = False


class ClaudeCodeReader:
    """Reads one transcript, in file order."""

    tool = "claude-code"

    def __init__(self) -> None:
        self._calls: dict[str, _Call] = {}
        self._modes: dict[str, str] = {}
        self._refused_at: dict[str, int] = {}
        self._answered: set[str] = set()
        self.has_session = False

    def finish(self) -> Iterator[Event | Edit]:
        """Nothing: a tool use whose result never came did not happen."""
        yield from ()

    def read(self, record: Json, position: int) -> Iterator[Event | Edit]:
        """Events and edits of one record."""
        kind = get_text(record, "type")
        session = get_text(record, "sessionId")
        self.has_session = self.has_session or bool(session) or kind not in ENTRY_TYPES
        if not session or kind not in ENTRY_TYPES | {"pr-link", "permission-mode"}:
            return
        scene = Scene(
            session=session,
            position=position,
            at=get_time(record, "timestamp"),
            cwd=get_text(record, "cwd"),
            version=get_text(record, "version"),
            is_subagent=record.get("isSidechain") is True or bool(get_text(record, "agentId")),
        )
        if kind == "permission-mode":
            self._modes[session] = get_text(record, "permissionMode")
        elif kind == "pr-link":
            yield from _pull_request(get_text(record, "prUrl"), record.get("prNumber"), scene)
        elif kind == "progress":
            data = get_object(record, "data")
            inner = get_object(data, "message")
            if data.get("type") == "agent_progress" and inner:
                at = get_time(inner, "timestamp")
                scene = replace(scene, at=scene.at if at is None else at, is_subagent=True)
                yield from self._read_entry(get_text(inner, "type"), inner, scene)
        else:
            yield from self._read_entry(kind, record, scene)

    def _read_entry(self, kind: str, record: Json, scene: Scene) -> Iterator[Event | Edit]:
        identity = get_text(record, "uuid") or f"{scene.session}:{scene.at}:{kind}:{scene.position}"
        if kind == "assistant":
            yield from self._read_answer(record, identity, scene)
        elif kind == "user":
            yield from self._read_user(record, identity, scene)
        elif kind == "attachment":
            attachment = get_object(record, "attachment")
            what = attachment.get("type")
            if what == "edited_text_file":
                yield Event("outside_edit", identity, scene)
            elif what == "queued_command" and get_text(attachment, "commandMode") in {"", "prompt"}:
                # Typed while the agent worked and handed to it in mid-turn; no user line follows.
                text = text_of(attachment.get("prompt"))
                yield from self._read_prompt({**attachment, "type": kind}, text, identity, scene)

    def _read_answer(self, record: Json, identity: str, scene: Scene) -> Iterator[Event | Edit]:
        message = get_object(record, "message")
        if record.get("isApiErrorMessage") is True:
            yield Event("api_error", identity, scene)
            return
        if message.get("model") == "<synthetic>":
            return
        self._answered.add(scene.session)
        model = model_name(get_text(message, "model"))
        usage = get_object(message, "usage")
        tokens = Tokens(
            input=get_count(usage, "input_tokens"),
            output=get_count(usage, "output_tokens"),
            cache_read=get_count(usage, "cache_read_input_tokens"),
            cache_write=get_count(usage, "cache_creation_input_tokens"),
        )
        yield Event("response", get_text(message, "id") or identity, scene, model=model, tokens=tokens)
        for block in get_objects(message, "content"):
            if block.get("type") == "tool_use":
                call = self._open_call(block, identity, scene, model)
                yield Event("tool_call", call.identity, scene, tool_name(call.name), model)

    def _open_call(self, block: Json, entry: str, scene: Scene, model: str | None) -> _Call:
        own = get_text(block, "id")
        # Some providers number their calls per conversation: then the entry makes the id unique.
        call = _Call(own if _GLOBAL_CALL.match(own) else f"{entry}:{own}", get_text(block, "name"), scene, model)
        arguments = get_object(block, "input")
        if call.name == "Edit":
            call.path = get_text(arguments, "file_path")
            call.lines = added_lines(get_text(arguments, "old_string"), get_text(arguments, "new_string"))
        elif call.name == "Write":
            call.path = get_text(arguments, "file_path")
            call.lines = hash_lines(get_text(arguments, "content"))
        elif call.name == "MultiEdit":
            call.path = get_text(arguments, "file_path")
            edits = get_objects(arguments, "edits")
            call.lines = join_lines(
                added_lines(get_text(edit, "old_string"), get_text(edit, "new_string")) for edit in edits
            )
        elif call.name == "NotebookEdit":
            call.path = get_text(arguments, "notebook_path")
            call.lines = hash_lines("" if arguments.get("edit_mode") == "delete" else get_text(arguments, "new_source"))
        elif call.name in {"Bash", "PowerShell"}:
            command = get_text(arguments, "command")
            call.runs_tests = runs_tests(command) and arguments.get("run_in_background") is not True
            call.hides_status = hides_status(command)
            call.commits = commits(command)
        self._calls[own] = call
        return call

    def _read_user(self, record: Json, identity: str, scene: Scene) -> Iterator[Event | Edit]:
        content = get_object(record, "message").get("content")
        blocks = [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
        results = [block for block in blocks if block.get("type") == "tool_result"]
        for block in results:
            yield from self._close_call(block, record, identity, scene)
        text = text_of(content)
        if text.lstrip().startswith(_INTERRUPTION):
            refused_at = self._refused_at.get(scene.session)
            is_same_stop = (
                _INTERRUPTED_TOOL in text
                and refused_at is not None
                and scene.at is not None
                and abs(scene.at - refused_at) <= SAME_STOP_MICROSECONDS
            )
            if not is_same_stop:
                yield Event("interruption", identity, scene)
        elif not results:
            has_image = any(block.get("type") == "image" for block in blocks)
            yield from self._read_prompt(record, text, identity, scene, has_image=has_image)

    def _read_prompt(
        self, record: Json, text: str, identity: str, scene: Scene, *, has_image: bool = False
    ) -> Iterator[Event]:
        is_internal = any(
            record.get(key) is True for key in ("isMeta", "isCompactSummary", "isVisibleInTranscriptOnly")
        )
        prompt = None if is_internal or scene.is_subagent else classify_prompt(text, has_image=has_image)
        if prompt is None:
            return
        if prompt.is_machine or _is_machine_made(record):
            yield Event("machine_prompt", identity, scene)
            return
        mode = mode_name(get_text(record, "permissionMode") or self._modes.get(scene.session, ""))
        yield Event("prompt", identity, scene, mode)
        if mode:
            yield Event("permission_mode", identity, scene, mode)
        if scene.session in self._answered:
            if prompt.is_correction:
                yield Event("correction", identity, scene)
            elif prompt.is_confirmation:
                yield Event("confirmation", identity, scene)

    def _close_call(self, block: Json, record: Json, entry: str, scene: Scene) -> Iterator[Event | Edit]:
        own = get_text(block, "tool_use_id")
        call = self._calls.pop(own, None)
        if call is None:
            identity = own if _GLOBAL_CALL.match(own) else f"{entry}:{own}"
            call = _Call(identity, "", scene, None)
        text = text_of(block.get("content"))
        result = record.get("toolUseResult")
        is_error = block.get("is_error") is True
        if _is_refusal(text, result, get_text(record, "toolDenialKind"), is_error=is_error):
            if scene.at is not None:
                self._refused_at[scene.session] = scene.at
            yield Event("rejection", call.identity, scene, tool_name(call.name) if call.name else None)
            if _has_reason(text):
                yield Event("correction", call.identity, scene)
            return
        if is_error and not any(sign in text for sign in _DEPENDENT_ERRORS):
            yield Event("tool_error", call.identity, scene, tool_name(call.name) if call.name else None)
        details: Json = result if isinstance(result, dict) else {}
        is_stopped = details.get("interrupted") is True or any(sign in text for sign in _DEPENDENT_ERRORS)
        if call.runs_tests and not is_stopped and not details.get("backgroundTaskId"):
            passed = tests_passed(is_failure=is_error, is_hidden=call.hides_status, output=text)
            if passed is not None:
                yield Event("test_passed" if passed else "test_failed", call.identity, scene)
        if not is_error:
            yield from _written(call, details)
            yield from _recorded(call, details, text, scene)


def _is_machine_made(record: Json) -> bool:
    origin = get_text(get_object(record, "origin"), "kind")
    return (
        get_text(record, "promptSource") in _MACHINE_SOURCES
        or origin not in {"", "human"}
        or get_text(record, "entrypoint").startswith("sdk")
    )


def _is_refusal(text: str, result: Any, denial: str, *, is_error: bool) -> bool:
    if denial:
        return denial == "user-rejected"
    said = result if isinstance(result, str) else ""
    return (is_error and text.startswith(REFUSAL)) or said.startswith((f"Error: {REFUSAL}", "User rejected tool use"))


def _has_reason(text: str) -> bool:
    """Whether the user typed why the tool use was refused."""
    _, found, reason = text.partition(_REASON)
    reason = reason.partition(_REASON_NOTE)[0].strip()
    return bool(found and reason) and not reason.startswith(_CLARIFICATION)


def _written(call: _Call, details: Json) -> Iterator[Edit]:
    """The edit of a call that went through. What the result says was changed goes before what was asked for."""
    if call.lines is None or not call.path:
        return
    lines = call.lines
    # After the user changed the proposal, the result is no longer what the agent wrote.
    if details.get("userModified") is not True:
        applied = structured_lines(details.get("structuredPatch"))
        lines = lines if applied is None else applied
    yield Edit(call.identity, call.scene, call.path, lines, call.model)


def _recorded(call: _Call, details: Json, text: str, scene: Scene) -> Iterator[Event]:
    """Commits and pull requests that a shell command made."""
    operation = get_object(details, "gitOperation")
    sha = get_text(get_object(operation, "commit"), "sha").lower()
    if not sha and call.commits:
        sha = committed_sha(get_text(details, "stdout") or text) or ""
    if _SHA.match(sha):
        yield Event("commit", call.identity, scene, sha)
    request = get_object(operation, "pr")
    if get_text(request, "action") in {"", "created", "merged"}:
        yield from _pull_request(get_text(request, "url"), request.get("number"), scene)


def _pull_request(url: str, number: Any, scene: Scene) -> Iterator[Event]:
    if isinstance(number, int) and not isinstance(number, bool) and 0 < number < 1 << 31:
        yield Event("pull_request", f"{url or scene.session}#{number}", scene, str(number))
