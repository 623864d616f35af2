"""Codex rollouts: record to events and edits.

Belongs here: the fields and traps of this one format, with and without its envelope. Does not belong here: files,
hashing of ids, counting across files.

The first `session_meta` is the file's own; later ones are those of parents whose records a fork or subagent copied
in front of its own. Copied records keep their turn: a record is identified by its turn, kind and place in the turn;
where turns have no long id, by its time and content. Token counts are cumulative: a response is the difference to the count
before, repeats are none, and where the count fell it began anew. Edits come from `patch_apply_end`; only where a
successful call has none, from the patch text of the call.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from pipelines.sources.sessions.commands import commits, committed_sha, hides_status, runs_tests, tests_passed
from pipelines.sources.sessions.labels import mode_name, model_name, tool_name
from pipelines.sources.sessions.patches import (
    find_patches,
    hash_lines,
    join_lines,
    patched_files,
    script_strings,
    unescape_script,
    unified_lines,
)
from pipelines.sources.sessions.phrases import classify_prompt
from pipelines.sources.sessions.records import (
    Edit,
    Event,
    Json,
    Scene,
    Tokens,
    get_count,
    get_object,
    get_text,
    get_time,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.sources.sessions.records import HashedLines

ENVELOPES = frozenset(
    {
        "session_meta", "turn_context", "response_item", "event_msg", "compacted", "world_state",
        "inter_agent_communication_metadata",
    }
)  # fmt: skip
CALLS = frozenset({"function_call", "custom_tool_call", "local_shell_call"})
OUTPUTS = frozenset({"function_call_output", "custom_tool_call_output"})
_BARE_ITEMS = CALLS | OUTPUTS | {"message", "reasoning"}
_SHELLS = frozenset({"shell", "exec_command", "container.exec", "local_shell", "shell_command", "unified_exec"})
_LONG_ID = 16
"""Ids of at least this length are unique everywhere; shorter ones are numbered per conversation."""
_EXIT = re.compile(r"(?:Process exited with code|^Exit code:|^exit code:|\"exit_code\":)\s*(-?\d+)", re.MULTILINE)
_REJECTED = re.compile(r"\brejected by (?:the )?user\b", re.IGNORECASE)
_PATCH_FAILED = ("apply_patch verification failed", "invalid patch", "Invalid patch", "patch rejected")
_SCRIPT_COMMAND = re.compile(r"\bcmd\"?\s*:\s*$")


def is_codex(record: Json) -> bool:
    """Whether a record has the shape of a rollout line, enveloped or of the time before envelopes."""
    if isinstance(record.get("payload"), dict):
        return record.get("type") in ENVELOPES
    if record.get("record_type") == "state":
        return True
    if "type" not in record:
        return {"id", "timestamp"} <= record.keys() and ("instructions" in record or "git" in record)
    return record["type"] in _BARE_ITEMS and ("call_id" in record or "role" in record or "summary" in record)


@dataclass(slots=True)
class _Call:
    """A tool call that waits for its output."""

    identity: str
    name: str
    scene: Scene
    model: str | None
    turn: str
    command: str = ""
    patches: list[tuple[str, HashedLines]] = field(default_factory=list)


class CodexReader:
    """Reads one rollout, in file order."""

    tool = "codex"

    def __init__(self) -> None:
        self._session = ""
        self._cwd = ""
        self._version = ""
        self._model: str | None = None
        self._mode: str | None = None
        self._turn = ""
        self._is_machine = False
        self._is_subagent = False
        self._has_answered = False
        self._totals: tuple[int, int, int] | None = None
        self._ordinals: Counter[tuple[str, str]] = Counter()
        self._calls: dict[str, _Call] = {}
        self._fallbacks: list[tuple[str, _Call]] = []
        self._patched: set[str] = set()
        self._patched_names: set[tuple[str, str]] = set()
        self._has_user_messages = False
        self._held_prompts: list[Event] = []

    @property
    def has_session(self) -> bool:
        """Whether any record named its session."""
        return bool(self._session)

    def read(self, record: Json, position: int) -> Iterator[Event | Edit]:
        """Events and edits of one record."""
        payload = record.get("payload")
        kind = get_text(record, "type")
        at = get_time(record, "timestamp")
        if isinstance(payload, dict):
            if kind == "session_meta":
                yield from self._read_meta(payload, self._scene(position, at))
            elif not self._session:
                return  # whose it is cannot be told
            elif kind == "turn_context":
                yield from self._read_context(payload, self._scene(position, at))
            elif kind == "event_msg":
                yield from self._read_event(payload, self._scene(position, at))
            elif kind == "response_item":
                yield from self._read_item(payload, self._scene(position, at))
        elif not kind and "id" in record:
            yield from self._read_meta(record, self._scene(position, at))
        elif kind in _BARE_ITEMS and self._session:
            yield from self._read_item(record, self._scene(position, at))

    def finish(self) -> Iterator[Event | Edit]:
        """Prompts of files without `user_message`, and edits whose `patch_apply_end` is not there."""
        if not self._has_user_messages:
            yield from self._held_prompts
        for own, call in self._fallbacks:
            if own in self._patched:
                continue
            # One patch may name a file more than once.
            for path in dict.fromkeys(path for path, _ in call.patches):
                if (call.turn, _last_name(path)) not in self._patched_names:
                    lines = join_lines(lines for name, lines in call.patches if name == path)
                    yield Edit(call.identity, call.scene, path, lines, call.model)

    def _scene(self, position: int, at: int | None) -> Scene:
        return Scene(self._session, position, at, self._cwd, self._version, self._is_subagent)

    def _identity(self, payload: Json, kind: str, scene: Scene, turn: str = "") -> str:
        """The same in every copy: turn, kind and place in the turn, or time and content."""
        turn = turn or get_text(payload, "turn_id") or self._turn
        if len(turn) >= _LONG_ID:
            self._ordinals[turn, kind] += 1
            return f"{turn}:{kind}:{self._ordinals[turn, kind]}"
        content = orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)
        return f"{kind}:{turn}:{scene.at}:{hashlib.blake2b(content, digest_size=16).hexdigest()}"

    def _call_identity(self, own: str, payload: Json, scene: Scene) -> str:
        return own if len(own) >= _LONG_ID else self._identity(payload, f"call {own}", scene)

    def _read_meta(self, payload: Json, scene: Scene) -> Iterator[Event]:
        if self._session:
            return  # a copied parent's
        own = get_text(payload, "id") or get_text(payload, "session_id")
        source = payload.get("source")
        subagent = source.get("subagent") if isinstance(source, dict) else None
        spawn = get_object(subagent, "thread_spawn") if isinstance(subagent, dict) else {}
        parent = get_text(spawn, "parent_thread_id") or get_text(payload, "parent_thread_id")
        self._is_subagent = bool(subagent and parent and parent != own)
        self._is_machine = bool(subagent) or source == "exec" or get_text(payload, "originator") == "codex_exec"
        self._session = parent if self._is_subagent else own
        self._cwd = get_text(payload, "cwd")
        self._version = get_text(payload, "cli_version")
        created = get_time(payload, "timestamp")
        if own:
            scene = self._scene(scene.position, scene.at if created is None else created)
            yield Event("start", own, scene)

    def _read_context(self, payload: Json, scene: Scene) -> Iterator[Event]:
        self._turn = get_text(payload, "turn_id") or self._turn
        self._cwd = get_text(payload, "cwd") or self._cwd
        self._model = model_name(get_text(payload, "model")) or self._model
        policy = payload.get("approval_policy")
        self._mode = mode_name("granular" if isinstance(policy, dict) else get_text(payload, "approval_policy"))
        if self._mode and not self._is_machine:
            yield Event("permission_mode", self._identity(payload, "context", scene), scene, self._mode)

    def _read_event(self, payload: Json, scene: Scene) -> Iterator[Event | Edit]:
        kind = get_text(payload, "type")
        if kind == "task_started":
            self._turn = get_text(payload, "turn_id") or self._turn
        elif kind == "user_message":
            self._has_user_messages = True
            yield from self._read_prompt(
                payload, get_text(payload, "message"), scene, has_image=bool(payload.get("images"))
            )
        elif kind == "agent_message":
            self._has_answered = True
        elif kind == "token_count":
            yield from self._read_tokens(payload, scene)
        elif kind == "turn_aborted":
            if get_text(payload, "reason") in {"", "interrupted"} and not self._is_machine:
                yield Event("interruption", self._identity(payload, kind, scene), scene)
        elif kind in {"error", "stream_error"}:
            yield Event("api_error", self._identity(payload, kind, scene), scene)
        elif kind == "patch_apply_end":
            yield from self._read_patch(payload, scene)

    def _read_prompt(self, payload: Json, text: str, scene: Scene, *, has_image: bool = False) -> Iterator[Event]:
        prompt = classify_prompt(text, has_image=has_image)
        if prompt is None:
            return
        identity = self._identity(payload, f"prompt {get_text(payload, 'type')}", scene)
        if prompt.is_machine or self._is_machine:
            yield Event("machine_prompt", identity, scene)
            return
        yield Event("prompt", identity, scene, self._mode)
        if self._has_answered:
            if prompt.is_correction:
                yield Event("correction", identity, scene)
            elif prompt.is_confirmation:
                yield Event("confirmation", identity, scene)

    def _read_tokens(self, payload: Json, scene: Scene) -> Iterator[Event]:
        info = get_object(payload, "info")
        total = get_object(info, "total_token_usage")
        if not total:
            return
        now = _counts(total)
        before = self._totals
        if now == before:
            return  # a refresh of rate limits
        last = get_object(info, "last_token_usage")
        if before is None or any(new < old for new, old in zip(now, before, strict=True)):
            # The first count of a file may include what a parent used, and a count that fell began anew.
            spent = _counts(last) if last else now
        else:
            spent = (now[0] - before[0], now[1] - before[1], now[2] - before[2])
        self._totals = now
        cached = min(spent[1], spent[0])
        tokens = Tokens(input=spent[0] - cached, output=spent[2], cache_read=cached)
        # By the running total, not by its place in the turn: copies leave some counts out.
        turn = self._turn if len(self._turn) >= _LONG_ID else f"{self._turn}:{scene.at}"
        identity = f"{turn}:tokens:{now[0]}:{now[1]}:{now[2]}"
        yield Event("response", identity, scene, model=self._model, tokens=tokens)

    def _read_patch(self, payload: Json, scene: Scene) -> Iterator[Edit]:
        own = get_text(payload, "call_id")
        if payload.get("success") is not True:
            return
        call = self._calls.get(own)
        identity = call.identity if call else self._call_identity(own, payload, scene)
        turn = get_text(payload, "turn_id") or self._turn
        for path, change in get_object(payload, "changes").items():
            if not isinstance(change, dict):
                continue
            self._patched.add(own)
            target = get_text(change, "move_path") or path
            self._patched_names.update({(turn, _last_name(path)), (turn, _last_name(target))})
            if change.get("type") == "update":
                yield Edit(identity, scene, target, unified_lines(get_text(change, "unified_diff")), self._model)
            elif change.get("type") == "add":
                yield Edit(identity, scene, path, hash_lines(get_text(change, "content")), self._model)

    def _read_item(self, payload: Json, scene: Scene) -> Iterator[Event | Edit]:
        kind = get_text(payload, "type")
        if kind == "message":
            if payload.get("role") == "user":
                self._held_prompts.extend(self._read_held_prompt(payload, scene))
            elif payload.get("role") == "assistant":
                self._has_answered = True
        elif kind in CALLS:
            self._has_answered = True
            own = get_text(payload, "call_id") or get_text(payload, "id")
            call = self._open_call(payload, own, scene)
            yield Event("tool_call", call.identity, scene, tool_name(call.name), self._model)
        elif kind in OUTPUTS:
            call = self._calls.pop(get_text(payload, "call_id"), None)
            if call is not None:
                yield from self._close_call(get_text(payload, "call_id"), call, payload.get("output"), scene)

    def _read_held_prompt(self, payload: Json, scene: Scene) -> Iterator[Event]:
        if not self._has_user_messages:
            yield from self._read_prompt(payload, text_of(payload.get("content")), scene)

    def _open_call(self, payload: Json, own: str, scene: Scene) -> _Call:
        kind = payload.get("type")
        name = "local_shell" if kind == "local_shell_call" else get_text(payload, "name")
        call = _Call(self._call_identity(own, payload, scene), name, scene, self._model, self._turn)
        if kind == "local_shell_call":
            call.command = _command_of(get_object(payload, "action"))
        elif kind == "custom_tool_call":
            text = get_text(payload, "input")
            call.command = _script_command(text) if name == "exec" else ""
            call.patches = [edit for patch in find_patches(text) for edit in patched_files(patch)]
        elif name in _SHELLS or name == "apply_patch":
            arguments = _parse_object(get_text(payload, "arguments"))
            call.command = _command_of(arguments)
            text = get_text(arguments, "input") or call.command
            call.patches = [edit for patch in find_patches(text) for edit in patched_files(patch)]
        self._calls[own] = call
        return call

    def _close_call(self, own: str, call: _Call, output: Any, scene: Scene) -> Iterator[Event]:
        text, status = _read_output(output)
        if _REJECTED.search(text[:200]):
            yield Event("rejection", call.identity, scene, tool_name(call.name))
            return
        is_failure = (status is not None and status != 0) or text.lstrip().startswith(_PATCH_FAILED)
        if is_failure:
            yield Event("tool_error", call.identity, scene, tool_name(call.name))
        elif call.patches and (status == 0 or "Success" in text or call.name == "exec"):
            self._fallbacks.append((own, call))
        if runs_tests(call.command) and status is not None:
            passed = tests_passed(is_failure=is_failure, is_hidden=hides_status(call.command), output=text)
            if passed is not None:
                yield Event("test_passed" if passed else "test_failed", call.identity, scene)
        if commits(call.command) and not is_failure and (sha := committed_sha(text)):
            yield Event("commit", call.identity, scene, sha)


def _counts(usage: Json) -> tuple[int, int, int]:
    """Input with cache, cached input, output."""
    return get_count(usage, "input_tokens"), get_count(usage, "cached_input_tokens"), get_count(usage, "output_tokens")


def _last_name(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1]


def _parse_object(text: str) -> Json:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _command_of(arguments: Json) -> str:
    """The shell command of a call: a string, or the last word of `["bash", "-lc", command]`."""
    command = arguments.get("command", arguments.get("cmd"))
    if isinstance(command, list):
        words = [word for word in command if isinstance(word, str)]
        is_shell = len(words) == 3 and words[1].startswith("-") and words[1].endswith("c")
        return words[2] if is_shell else " ".join(words)
    return command if isinstance(command, str) else ""


def _script_command(script: str) -> str:
    """The command of a script that runs exactly one; with several, their outputs cannot be told apart."""
    found = [
        unescape_script(literal)
        for start, literal in script_strings(script)
        if _SCRIPT_COMMAND.search(script[max(start - 20, 0) : start])
    ]
    return found[0] if len(found) == 1 else ""


def _read_output(output: Any) -> tuple[str, int | None]:
    """Text and exit status of a call's output: a string, JSON in a string, or blocks."""
    if isinstance(output, dict):
        output = output.get("content", output.get("output"))
    text = text_of(output)
    if text.startswith("{"):
        inner = _parse_object(text)
        status = get_object(inner, "metadata").get("exit_code")
        if isinstance(inner.get("output"), str):
            return inner["output"], status if isinstance(status, int) else None
    match = _EXIT.search(text[:2000])
    return text, int(match[1]) if match and len(match[1]) < 12 else None
