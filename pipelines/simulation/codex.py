"""Sessions as Codex writes them: an envelope per record, patches twice, tokens as running totals.

Belongs here: the shapes of Codex's rollout records. Does not belong here: what happened in a session
(`conversation`, `work`), nor where the files lie (`transcripts`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pipelines.simulation.claude import moment
from pipelines.simulation.conversation import timed_uuid

if TYPE_CHECKING:
    from random import Random

    from pipelines.simulation.conversation import Session, Step
    from pipelines.simulation.files import Splice

Record = dict[str, Any]
WINDOW = 272_000


def render(session: Session, rng: Random) -> list[Record]:
    """Every record of a session, in order."""
    return _Writer(session, rng).write_all()


def unified(splice: Splice) -> str:
    """`unified_diff` of `patch_apply_end`: one hunk, tabs kept."""
    first, before, removed, after = splice.context()
    around = len(before) + len(after)
    head = f"@@ -{first + 1},{around + len(removed)} +{first + 1},{around + len(splice.added)} @@"
    return "\n".join([head, *_body(before, removed, splice, after)]) + "\n"


def _body(before: list[str], removed: list[str], splice: Splice, after: list[str]) -> list[str]:
    return [
        *(f" {text}" for text in before),
        *(f"-{text}" for text in removed),
        *(f"+{text}" for text in splice.added),
        *(f" {text}" for text in after),
    ]


class _Writer:
    def __init__(self, session: Session, rng: Random) -> None:
        self._session = session
        self._rng = rng
        self._records: list[Record] = []
        self._turn = ""
        self._turn_at = 0
        self._totals = {"input_tokens": 0, "cached_input_tokens": 0, "output_tokens": 0, "reasoning_output_tokens": 0}

    def write_all(self) -> list[Record]:
        session = self._session
        started = moment(session.started_at)
        meta: Record = {
            "id": session.session_id,
            "timestamp": started,
            "cwd": session.cwd,
            "originator": "codex-tui",
            "cli_version": f"0.{118 + int(session.progress * 26)}.0",
            "source": "cli",
            "model_provider": "openai",
            "git": {"branch": session.branch, "repository_url": f"https://github.com/example/{session.repository}.git"},
        }
        self._add(session.started_at, "session_meta", meta)
        for step in session.steps:
            self._write(step)
        if self._turn:
            self._end_turn(session.ended_at + 400)
        return self._records

    def _write(self, step: Step) -> None:
        if step.kind == "prompt":
            self._begin_turn(step)
        elif step.kind in ("say", "finish"):
            is_final = step.kind == "finish"
            self._message(step.at, step.text, "final_answer" if is_final else "commentary")
            self._count(step.at + 2)
            if is_final:
                self._end_turn(step.at + 5, step.text)
        elif step.kind in ("interrupt", "reject"):
            # Approvals are not kept in a rollout: a refusal shows as the turn that it ended.
            self._interrupt(step.at)
        elif step.kind in ("apply", "error"):
            self._patch(step)
        else:
            self._run(step)

    def _begin_turn(self, step: Step) -> None:
        if self._turn:
            self._end_turn(step.at - 500)
        session = self._session
        self._turn, self._turn_at = timed_uuid(self._rng, step.at), step.at
        started = {"turn_id": self._turn, "model_context_window": WINDOW, "started_at": step.at // 1000}
        self._event(step.at, "task_started", **started)
        policy = "never" if session.permission_mode == "bypassPermissions" else "on-request"
        context = {"turn_id": self._turn, "cwd": session.cwd, "model": session.model, "effort": "medium"}
        self._add(step.at, "turn_context", context | {"approval_policy": policy, "summary": "auto"})
        content = [{"type": "input_text", "text": step.text}]
        self._add(step.at + 1, "response_item", {"type": "message", "role": "user", "content": content})
        self._event(step.at + 1, "user_message", message=step.text, images=[])

    def _end_turn(self, at: int, text: str | None = None) -> None:
        ended = {"turn_id": self._turn, "last_agent_message": text, "completed_at": at // 1000}
        self._event(at, "task_complete", **ended, duration_ms=at - self._turn_at)
        self._turn = ""

    def _interrupt(self, at: int) -> None:
        text = "<turn_aborted>\nThe user interrupted the previous turn on purpose.\n</turn_aborted>"
        content = [{"type": "input_text", "text": text}]
        self._add(at, "response_item", {"type": "message", "role": "user", "content": content})
        self._event(at, "turn_aborted", turn_id=self._turn, reason="interrupted", duration_ms=at - self._turn_at)
        self._turn = ""

    def _message(self, at: int, text: str, phase: str) -> None:
        content = [{"type": "output_text", "text": text}]
        message = {"type": "message", "role": "assistant", "content": content, "phase": phase}
        self._event(at, "agent_message", message=text, phase=phase)
        self._add(at + 1, "response_item", message)

    def _patch(self, step: Step) -> None:
        if step.splice is None:
            message = f"a step of kind {step.kind} needs a splice"
            raise ValueError(message)
        call = self._call_id()
        absolute = f"{self._session.cwd}/{step.path}"
        first, before, removed, after = step.splice.context()
        if step.splice.before is None:
            head = f"*** Add File: {step.path}"
            lines = [f"+{text}" for text in step.splice.added]
            change: Record = {"type": "add", "content": step.splice.strings()[1]}
            report = f"A {step.path}"
        else:
            head = f"*** Update File: {step.path}"
            lines = ["@@", *_body(before, removed, step.splice, after)]
            change = {"type": "update", "unified_diff": unified(step.splice), "move_path": None}
            report = f"M {step.path}"
        if step.kind == "error":
            lines.insert(1, f" stale context at {first}")
        patch = "\n".join(["*** Begin Patch", head, *lines, "*** End Patch"])
        used = {
            "type": "custom_tool_call",
            "status": "completed",
            "call_id": call,
            "name": "apply_patch",
            "input": patch,
        }
        self._add(step.at - 300, "response_item", used)
        if step.kind == "error":
            output = f"apply_patch verification failed: Failed to find expected lines in {absolute}"
        else:
            stdout = f"Success. Updated the following files:\n{report}\n"
            output = json.dumps({"output": stdout, "metadata": {"exit_code": 0, "duration_seconds": 0.0}})
            self._event(
                step.at,
                "patch_apply_end",
                call_id=call,
                turn_id=self._turn,
                stdout=stdout,
                stderr="",
                success=True,
                changes={absolute: change},
                status="completed",
            )
        self._add(step.at + 1, "response_item", {"type": "custom_tool_call_output", "call_id": call, "output": output})
        self._count(step.at + 2)

    def _run(self, step: Step) -> None:
        call = self._call_id()
        command = f"sed -n 1,80p {step.path}" if step.kind == "read" else step.command
        arguments = json.dumps({"cmd": command, "workdir": self._session.cwd})
        used = {"type": "function_call", "name": "exec_command", "arguments": arguments, "call_id": call}
        self._add(step.at - 300, "response_item", used)
        code = 0 if step.is_ok else 1
        chunk = f"{self._rng.getrandbits(24):06x}"
        output = (
            f"Chunk ID: {chunk}\nWall time: 0.8 seconds\nProcess exited with code {code}\n"
            f"Original token count: {len(step.text) // 4}\nOutput:\n{step.text}"
        )
        self._add(step.at, "response_item", {"type": "function_call_output", "call_id": call, "output": output})
        self._count(step.at + 2)

    def _count(self, at: int) -> None:
        """A token count; now and then the same totals again, as a refresh of the rate limits writes them."""
        rng = self._rng
        last = {
            "input_tokens": rng.randrange(6_000, 30_000),
            "cached_input_tokens": rng.randrange(2_000, 6_000),
            "output_tokens": rng.randrange(60, 1_500),
            "reasoning_output_tokens": rng.randrange(0, 60),
        }
        for key, value in last.items():
            self._totals[key] += value
        info = {
            "total_token_usage": self._totals
            | {"total_tokens": self._totals["input_tokens"] + self._totals["output_tokens"]},
            "last_token_usage": last | {"total_tokens": last["input_tokens"] + last["output_tokens"]},
            "model_context_window": WINDOW,
        }
        for repeat in range(2 if rng.random() < 0.07 else 1):
            self._event(at + repeat, "token_count", info=info, rate_limits=None)

    def _call_id(self) -> str:
        return f"call_{self._rng.getrandbits(96):024x}"

    def _event(self, at: int, kind: str, **payload: object) -> None:
        self._add(at, "event_msg", {"type": kind, **payload})

    def _add(self, at: int, kind: str, payload: Record) -> None:
        self._records.append({"timestamp": moment(at), "type": kind, "payload": payload})
