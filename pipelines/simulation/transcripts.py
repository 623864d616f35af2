"""Where session records lie, and what both formats of them share.

Belongs here: folders, time stamps, choosing the format. Does not belong here: the records themselves (`claude`,
`codex`).
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from pipelines.simulation import claude, codex

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from pipelines.simulation.conversation import Session

UNSAFE = re.compile(r"[^A-Za-z0-9-]")


def write_session(sessions: Path, session: Session, rng: Random) -> list[Path]:
    """Write a session's files under the folder `sessions`; give their paths."""
    if session.tool == "codex":
        local = datetime.fromtimestamp(
            session.started_at / 1000, timezone(timedelta(minutes=session.engineer.offset_minutes))
        )
        folder = sessions / "codex" / "sessions" / f"{local:%Y}" / f"{local:%m}" / f"{local:%d}"
        path = folder / f"rollout-{local:%Y-%m-%dT%H-%M-%S}-{session.session_id}.jsonl"
        return [_write(path, codex.render(session, rng))]
    folder = sessions / "claude" / "projects" / UNSAFE.sub("-", session.cwd)
    transcript = claude.render(session, rng)
    written = [_write(folder / f"{session.session_id}.jsonl", transcript.records)]
    for agent, (records, meta) in transcript.subagents.items():
        below = folder / session.session_id / "subagents"
        written.append(_write(below / f"agent-{agent}.jsonl", records))
        (below / f"agent-{agent}.meta.json").write_text(json.dumps(meta), encoding="utf-8")
    if transcript.fork:
        written.append(_write(folder / f"{transcript.fork_id}.jsonl", transcript.fork))
    return written


def _write(path: Path, records: list[dict[str, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n" for record in records)
    path.write_text("".join(lines), encoding="utf-8", newline="\n")
    return path
