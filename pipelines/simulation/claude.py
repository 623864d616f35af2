"""Sessions as Claude Code writes them: one record per content block, results apart, subagents in files of their own.

Belongs here: the shapes of Claude Code's records. Does not belong here: what happened in a session (`conversation`,
`work`), nor where the files lie (`transcripts`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipelines.simulation.conversation import Step, random_uuid

if TYPE_CHECKING:
    from random import Random

    from pipelines.simulation.conversation import Session
    from pipelines.simulation.files import Splice

Record = dict[str, Any]
REFUSAL = (
    "The user doesn't want to proceed with this tool use. The tool use was rejected (eg. if it was a file edit, the "
    "new_string was NOT written to the file). To tell you how to proceed, the user said:\n"
)
READ_LINES = 12
FIRST_RELEASE, RELEASES = 120, 98


@dataclass(slots=True)
class Transcript:
    """The records of a session, of its subagents by id (with their meta file), and of a fork."""

    records: list[Record] = field(default_factory=list)
    subagents: dict[str, tuple[list[Record], Record]] = field(default_factory=dict)
    fork: list[Record] = field(default_factory=list)
    fork_id: str = ""


def render(session: Session, rng: Random) -> Transcript:
    """Every record of a session, in order."""
    transcript = Transcript()
    writer = _Writer(session, rng, transcript)
    writer.write_all(session.steps)
    transcript.records = writer.records
    if session.is_forked:
        _fork(session, rng, transcript, writer)
    return transcript


def moment(milliseconds: int) -> str:
    """ISO 8601 in UTC with milliseconds."""
    time = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def patch_of(splice: Splice) -> list[Record]:
    """`structuredPatch`: one hunk, each leading tab turned into two spaces as Claude Code does."""
    if splice.before is None:
        return []
    first, before, removed, after = splice.context()
    lines = [f" {_untabbed(text)}" for text in before]
    lines += [f"-{_untabbed(text)}" for text in removed]
    lines += [f"+{_untabbed(text)}" for text in splice.added]
    lines += [f" {_untabbed(text)}" for text in after]
    around = len(before) + len(after)
    return [
        {
            "oldStart": first + 1,
            "oldLines": around + len(removed),
            "newStart": first + 1,
            "newLines": around + len(splice.added),
            "lines": lines,
        }
    ]


def _untabbed(text: str) -> str:
    stripped = text.lstrip("\t")
    return "  " * (len(text) - len(stripped)) + stripped


class _Writer:
    """Appends records; every chain record names the one before it as its parent."""

    def __init__(self, session: Session, rng: Random, transcript: Transcript, agent: str = "") -> None:
        self.records: list[Record] = []
        self._session = session
        self._rng = rng
        self._transcript = transcript
        self._agent = agent
        self._parent: str | None = None
        self._prompt = ""
        self._cached = rng.randrange(9_000, 22_000)
        self._version = f"2.1.{FIRST_RELEASE + int(session.progress * RELEASES)}"

    def write_all(self, steps: list[Step]) -> None:
        session = self._session
        if not self._agent:
            self._plain("permission-mode", permissionMode=session.permission_mode)
        for step in steps:
            self.write(step)
        if self._agent:
            return
        self._plain("ai-title", aiTitle="Invented work")
        if session.pull_request and session.lands:
            number = session.pull_request
            repository = f"example/{session.repository}"
            url = f"https://github.com/{repository}/pull/{number}"
            at = moment(session.ended_at + 20_000)
            self._plain("pr-link", prNumber=number, prUrl=url, prRepository=repository, timestamp=at)

    def write(self, step: Step) -> None:
        if step.kind == "prompt":
            self._prompt = random_uuid(self._rng)
            self._user(step.at, step.text, **self._prompted())
        elif step.kind in ("say", "finish"):
            self._answer(step.at, [{"type": "text", "text": step.text}], is_last=step.kind == "finish")
        elif step.kind == "interrupt":
            self._user(step.at, [{"type": "text", "text": "[Request interrupted by user]"}])
        elif step.kind == "delegate":
            self._delegate(step)
        else:
            self._use_tool(step)

    def _prompted(self) -> Record:
        if self._agent:
            return {}
        extra: Record = {"promptId": self._prompt, "permissionMode": self._session.permission_mode}
        return extra | {"origin": {"kind": "human"}, "promptSource": "typed"}

    def _use_tool(self, step: Step) -> None:
        name, arguments = self._call(step)
        content, result, is_error = self._result(step, name)
        if name == "Edit" and self._rng.random() < 0.3:
            blocks: list[Record] = [{"type": "text", "text": f"I'll edit {step.path}."}]
        else:
            blocks = []
        tool = f"toolu_{self._rng.getrandbits(96):024x}"
        asked = self._answer(
            step.at - 1_500, [*blocks, {"type": "tool_use", "id": tool, "name": name, "input": arguments}]
        )
        extra: Record = {"toolUseResult": result, "sourceToolAssistantUUID": asked}
        if step.kind == "reject":
            extra["toolDenialKind"] = "user-rejected"
        block: Record = {"tool_use_id": tool, "type": "tool_result", "content": content}
        if is_error:
            block["is_error"] = True
        self._user(step.at, [block], **extra)

    def _call(self, step: Step) -> tuple[str, Record]:
        path = f"{self._session.cwd}/{step.path}"
        if step.kind in ("run", "commit"):
            return "Bash", {"command": step.command, "description": "Run it"}
        if step.kind == "read":
            return "Read", {"file_path": path}
        if step.splice is None:
            message = f"a step of kind {step.kind} needs a splice"
            raise ValueError(message)
        old, new = step.splice.strings()
        if step.splice.before is None:
            return "Write", {"file_path": path, "content": new}
        if step.kind == "error":
            # What the agent remembers is not what the file says: the tool refuses, and nothing is written.
            return "Edit", {"file_path": path, "old_string": f"{old} // stale", "new_string": new}
        return "Edit", {"file_path": path, "old_string": old, "new_string": new}

    def _result(self, step: Step, name: str) -> tuple[str, Record | str, bool]:
        """What the model is told, what is kept beside it, and whether it is an error."""
        path = f"{self._session.cwd}/{step.path}"
        if step.kind == "reject":
            return REFUSAL + step.text, "User rejected tool use", True
        if step.kind == "error":
            text = "<tool_use_error>String to replace not found in file.</tool_use_error>"
            return text, f"Error: {text}", True
        if name == "Bash":
            return _shell(step)
        if step.splice is None:
            message = f"a step of kind {step.kind} needs a splice"
            raise ValueError(message)
        if name == "Read":
            lines = step.splice.before.lines if step.splice.before else ()
            shown = [line.text for line in lines[:READ_LINES]]
            numbered = "\n".join(f"{number:>6}→{text}" for number, text in enumerate(shown, 1))
            seen = {"content": "\n".join(shown), "numLines": len(shown), "startLine": 1, "totalLines": len(lines)}
            return numbered, {"type": "text", "file": {"filePath": path} | seen}, False
        old, new = step.splice.strings()
        if name == "Write":
            kept: Record = {
                "type": "create",
                "filePath": path,
                "content": new,
                "structuredPatch": [],
                "originalFile": None,
            }
            return f"File created successfully at: {path}", kept, False
        kept = {
            "filePath": path,
            "oldString": old,
            "newString": new,
            "originalFile": None,
            "structuredPatch": patch_of(step.splice),
            "userModified": False,
            "replaceAll": False,
        }
        return f"The file {path} has been updated successfully.", kept, False

    def _delegate(self, step: Step) -> None:
        agent = f"a{self._rng.getrandbits(64):016x}"
        tool = f"toolu_{self._rng.getrandbits(96):024x}"
        below = _Writer(self._session, self._rng, self._transcript, agent)
        below.write_all(step.steps)
        meta = {"agentType": "general-purpose", "description": "Write tests", "toolUseId": tool, "spawnDepth": 1}
        self._transcript.subagents[agent] = (below.records, meta)
        arguments = {"description": "Write tests", "prompt": step.text, "subagent_type": "general-purpose"}
        asked = self._answer(step.at - 1_000, [{"type": "tool_use", "id": tool, "name": "Agent", "input": arguments}])
        said = [{"type": "text", "text": "The tests are written."}]
        ends = step.steps[-1].at
        result = {
            "status": "completed",
            "agentId": agent,
            "agentType": "general-purpose",
            "content": said,
            "prompt": step.text,
            "totalDurationMs": ends - step.at,
            "totalToolUseCount": 2,
        }
        block = {"tool_use_id": tool, "type": "tool_result", "content": said}
        self._user(ends + 500, [block], toolUseResult=result, sourceToolAssistantUUID=asked)

    def _answer(self, at: int, blocks: list[Record], *, is_last: bool = False) -> str:
        """One response of the model: a record per block, all with its id; only the last has the full usage."""
        rng = self._rng
        message, request = f"msg_01{rng.getrandbits(88):022x}", f"req_01{rng.getrandbits(88):022x}"
        written = rng.randrange(80, 1_800)
        fresh = rng.randrange(200, 3_000)
        uuid = ""
        for index, block in enumerate(blocks):
            usage = {
                "input_tokens": 4,
                "cache_creation_input_tokens": fresh,
                "cache_read_input_tokens": self._cached,
                "cache_creation": {"ephemeral_5m_input_tokens": fresh, "ephemeral_1h_input_tokens": 0},
                "output_tokens": written if index == len(blocks) - 1 else 8,
                "service_tier": "standard",
            }
            body = {
                "id": message,
                "type": "message",
                "role": "assistant",
                "model": self._session.model,
                "content": [block],
                "stop_reason": "tool_use" if blocks[-1]["type"] == "tool_use" else "end_turn" if is_last else None,
                "stop_sequence": None,
                "usage": usage,
            }
            uuid = self._chain("assistant", at + index, message=body, requestId=request)
        self._cached += fresh
        return uuid

    def _user(self, at: int, content: str | list[Record], **extra: object) -> str:
        return self._chain("user", at, message={"role": "user", "content": content}, **extra)

    def _chain(self, kind: str, at: int, **payload: object) -> str:
        session = self._session
        uuid = random_uuid(self._rng)
        record: Record = {
            "parentUuid": self._parent,
            "isSidechain": bool(self._agent),
            "userType": "external",
            "cwd": session.cwd,
            "sessionId": session.session_id,
            "version": self._version,
            "gitBranch": session.branch,
            "type": kind,
            **payload,
            "uuid": uuid,
            "timestamp": moment(at),
            "entrypoint": "cli",
        }
        if self._agent:
            record["agentId"] = self._agent
        self.records.append(record)
        self._parent = uuid
        return uuid

    def _plain(self, kind: str, **payload: object) -> None:
        self.records.append({"type": kind, **payload, "sessionId": self._session.session_id})


def _shell(step: Step) -> tuple[str, Record | str, bool]:
    if not step.is_ok:
        text = f"Exit code 1\n{step.text}"
        return text, f"Error: {text}", True
    result: Record = {"stdout": step.text, "stderr": "", "interrupted": False, "isImage": False}
    if step.kind == "commit" and step.sha:
        result["gitOperation"] = {"commit": {"sha": step.sha[:8], "kind": "committed"}}
    return step.text, result, False


def _fork(session: Session, rng: Random, transcript: Transcript, writer: _Writer) -> None:
    """A copy of the chain under another session id, with one more question and its answer."""
    transcript.fork_id = random_uuid(rng)
    at = session.ended_at + 60_000
    known = len(writer.records)
    writer.write(Step("prompt", at, "What does this change touch?"))
    writer.write(Step("finish", at + 9_000, "Only the files above."))
    kept, added = writer.records[:known], writer.records[known:]
    transcript.records = kept
    copies = [record | {"sessionId": transcript.fork_id} for record in [*kept, *added] if "uuid" in record]
    transcript.fork = [record | {"sessionKind": "bg"} for record in copies]
