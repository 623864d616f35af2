"""Records as Claude Code and Codex write them, for tests: real shapes, invented content."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from pipelines.identities import Identities
from pipelines.lake import Lake
from pipelines.progress import SilentProgress
from pipelines.sources.sessions import SessionsRead, ingest_sessions

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Json = dict[str, Any]

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NAMES = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
REFUSAL = (
    "The user doesn't want to proceed with this tool use. The tool use was rejected (eg. if it was a file edit, the new_string "
    "was NOT written to the file). "
)
REFUSED = REFUSAL + "STOP what you are doing and wait for the user to tell you how to proceed."
USAGE = {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20}


def moment(seconds: float) -> str:
    """An RFC 3339 time, `seconds` after the start of the tests' clock."""
    return (START + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def uuid(name: str) -> str:
    """A uuid that depends on the name alone."""
    return str(uuid5(NAMES, name))


class ClaudeCode:
    """Makes the records of one Claude Code session, one second apart."""

    def __init__(self, name: str = "session", *, cwd: str = "/home/ada/app", start: float = 0, **common: Any) -> None:
        self.session = uuid(name)
        self.name = name
        self.cwd = cwd
        self.common = common
        self.clock = count(int(start))
        self.numbers = count()

    def entry(self, kind: str, **fields: Any) -> Json:
        number = next(self.numbers)
        return {
            "type": kind,
            "uuid": uuid(f"{self.name} entry {number}"),
            "parentUuid": uuid(f"{self.name} entry {number - 1}") if number else None,
            "isSidechain": False,
            "userType": "external",
            "cwd": self.cwd,
            "sessionId": self.session,
            "version": "2.1.129",
            "gitBranch": "main",
            "timestamp": moment(next(self.clock)),
            **self.common,
            **fields,
        }

    def prompt(self, text: Any, **fields: Any) -> Json:
        return self.entry("user", message={"role": "user", "content": text}, **fields)

    def answer(
        self, *blocks: Json, message: str = "", usage: Json | None = None, model: str = "claude-opus-4-6", **fields: Any
    ) -> Json:
        number = next(self.numbers)
        body = {
            "id": message or f"msg_{uuid(f'{self.name} message {number}')}",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": list(blocks) or [{"type": "text", "text": "Done."}],
            "usage": USAGE if usage is None else usage,
        }
        return self.entry("assistant", requestId=f"req_{number}", message=body, **fields)

    def use(self, tool: str, /, **arguments: Any) -> Json:
        """A tool_use block."""
        return {
            "type": "tool_use",
            "id": f"toolu_{uuid(f'{self.name} use {next(self.numbers)}')}",
            "name": tool,
            "input": arguments,
        }

    def result(
        self, use: Json, content: Any = "ok", details: Any = None, *, is_error: bool | None = None, **fields: Any
    ) -> Json:
        block = {"type": "tool_result", "tool_use_id": use["id"], "content": content}
        if is_error is not None:
            block["is_error"] = is_error
        if details is not None:
            fields["toolUseResult"] = details
        return self.entry("user", message={"role": "user", "content": [block]}, **fields)

    def done(
        self, tool: str, output: Any = "ok", /, details: Any = None, *, is_error: bool | None = None, **arguments: Any
    ) -> list[Json]:
        """A tool use in an answer of its own, and its result."""
        use = self.use(tool, **arguments)
        return [self.answer(use), self.result(use, output, details, is_error=is_error)]


def copy_fork(records: Iterable[Json], name: str) -> list[Json]:
    """The same records as a fork's file holds them: everything is kept, the session id is another."""
    return [{**record, "sessionId": uuid(name)} for record in records]


class Codex:
    """Makes the records of one Codex session, one second apart."""

    def __init__(self, name: str = "rollout", *, cwd: str = "/home/ada/app", start: float = 0, **meta: Any) -> None:
        self.session = uuid(name)
        self.name = name
        self.cwd = cwd
        self.clock = count(int(start))
        self.numbers = count()
        self.meta_fields = meta
        self.totals = [0, 0, 0]
        self.turn = ""

    def record(self, kind: str, payload: Json) -> Json:
        return {"timestamp": moment(next(self.clock)), "type": kind, "payload": payload}

    def event(self, kind: str, **fields: Any) -> Json:
        return self.record("event_msg", {"type": kind, **fields})

    def item(self, kind: str, **fields: Any) -> Json:
        return self.record("response_item", {"type": kind, **fields})

    def meta(self, **fields: Any) -> Json:
        at = moment(next(self.clock))
        body = {
            "id": self.session,
            "timestamp": at,
            "cwd": self.cwd,
            "originator": "codex-tui",
            "cli_version": "0.118.0",
            "source": "cli",
        }
        return {"timestamp": at, "type": "session_meta", "payload": {**body, **self.meta_fields, **fields}}

    def begin(self, text: str, *, model: str = "gpt-5.4", policy: str = "on-request") -> list[Json]:
        """A turn's first records, the prompt among them."""
        self.turn = uuid(f"{self.name} turn {next(self.numbers)}")
        return [
            self.event("task_started", turn_id=self.turn, model_context_window=258400),
            self.record(
                "turn_context", {"turn_id": self.turn, "cwd": self.cwd, "model": model, "approval_policy": policy}
            ),
            self.item("message", role="user", content=[{"type": "input_text", "text": text}]),
            self.event("user_message", message=text, images=[]),
        ]

    def spend(self, tokens: int, cached: int, output: int) -> Json:
        self.totals = [old + new for old, new in zip(self.totals, (tokens, cached, output), strict=True)]
        return self.count(self.totals, [tokens, cached, output])

    def count(self, total: list[int], last: list[int] | None = None) -> Json:
        names = ("input_tokens", "cached_input_tokens", "output_tokens")
        info: Json = {"total_token_usage": dict(zip(names, total, strict=True))}
        if last is not None:
            info["last_token_usage"] = dict(zip(names, last, strict=True))
        return self.event("token_count", info=info, rate_limits={})

    def call(self, name: str, arguments: Json, output: Any) -> list[Json]:
        own = f"call_{uuid(f'{self.name} call {next(self.numbers)}')}"
        return [
            self.item("function_call", name=name, arguments=json.dumps(arguments), call_id=own),
            self.item("function_call_output", call_id=own, output=output),
        ]

    def patch(
        self, text: str, changes: Json | None, output: str = '{"output":"Success. Updated","metadata":{"exit_code":0}}'
    ) -> list[Json]:
        own = f"call_{uuid(f'{self.name} call {next(self.numbers)}')}"
        records = [self.item("custom_tool_call", name="apply_patch", input=text, call_id=own, status="completed")]
        if changes is not None:
            records.append(self.event("patch_apply_end", call_id=own, turn_id=self.turn, success=True, changes=changes))
        return [*records, self.item("custom_tool_call_output", call_id=own, output=output)]


def write_lines(path: Path, records: Iterable[Json | bytes]) -> Path:
    """Write a file with one record per line; bytes are written as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [record if isinstance(record, bytes) else json.dumps(record).encode() for record in records]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


class Workshop:
    """A lake, identities and state in a temporary folder, and session files beside them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home"
        self.home.mkdir(parents=True, exist_ok=True)
        self.lake = Lake(root / "out" / "lake")
        self.identities = Identities(root / "out" / "identities")

    def write(self, name: str, *records: Json | bytes | list[Json]) -> Path:
        flat: list[Json | bytes] = []
        for record in records:
            flat.extend(record) if isinstance(record, list) else flat.append(record)
        return write_lines(self.home / name, flat)

    def ingest(self, *sources: Any) -> SessionsRead:
        from pipelines.config import SessionSource

        chosen = sources or (SessionSource(path=self.home),)
        return ingest_sessions(
            chosen, self.lake, self.identities, state=self.root / "out" / "state", progress=SilentProgress()
        )

    def session(self, name: str) -> str:
        return self.identities.pseudonym("session", uuid(name))

    def kinds(self) -> dict[str, int]:
        """How many events of each kind the lake holds."""
        return dict(sorted(self.lake.read("session_events").group_by("kind").len().iter_rows()))

    def reasons(self) -> list[str]:
        return sorted(self.lake.read("quarantine")["reason"])
