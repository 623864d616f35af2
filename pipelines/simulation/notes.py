"""git-ai's notes: which lines of a commit an agent wrote, and which a known person did.

Belongs here: the text of a note (schema `authorship/3.0.0`) and who keeps notes. Does not belong here: writing it into
a repository (`history`).
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random

    from pipelines.simulation.conversation import Session
    from pipelines.simulation.files import Line, Version
    from pipelines.simulation.organisation import Engineer, Task
    from pipelines.simulation.truth import Stamp

TOOLS = {"claude-code": "claude", "codex": "codex"}
# Every fourth request is landed where nothing carries the notes over: they stay on the branch's commits.
LEFT_BEHIND = 4


def keeps_notes(task: Task, request: int, *, is_landing: bool = False) -> bool:
    """Whether notes stand on the task's branch commits, or (`is_landing`) on what landed of them.

    A merge lands the branch's own commits, so its notes are there already. A squash or a rebase carries them over,
    except for every fourth request, whose notes stay behind.
    """
    if not task.engineer.keeps_notes or task.kind != "feature" or task.mode == "devin":
        return False
    is_left_behind = request % LEFT_BEHIND == 0 and request > 0
    if is_landing:
        return task.way != "merge" and not is_left_behind
    return task.way == "merge" or is_left_behind


def note_of(
    rng: Random,
    sha: str,
    changes: Mapping[str, Version | None],
    *,
    before: Mapping[str, Version | None],
    engineer: Engineer,
    session: Session | None,
    stamps: Sequence[Stamp],
) -> str:
    """The note of a commit: the new lines of its files that the task's session or engineer wrote; else empty.

    Lines that stood in the file before are left out by their text, so common lines are mostly not attested: a gap
    that notes have in the wild as well.
    """
    email = engineer.identity.email
    person = "h_" + hashlib.sha256(str(engineer.identity).encode()).hexdigest()[:14]
    key = ""
    sessions: dict[str, object] = {}
    if session:
        tool = TOOLS[session.tool]
        owner = "s_" + hashlib.sha256(f"{tool}:{session.session_id}".encode()).hexdigest()[:14]
        key = f"{owner}::t_{rng.getrandbits(56):014x}"
        agent = {"tool": tool, "id": session.session_id, "model": session.model}
        sessions[owner] = {"agent_id": agent, "human_author": str(engineer.identity)}
    humans: dict[str, object] = {}
    blocks: list[str] = []
    for path, version in sorted(changes.items()):
        numbers: dict[str, list[int]] = {}
        old = before.get(path)
        known: set[Line] = set(old.lines) if old else set()
        for number, line in enumerate(version.lines if version else (), 1):
            stamp = stamps[line.stamp]
            if line in known:
                continue
            if session and stamp.session_id == session.session_id:
                numbers.setdefault(key, []).append(number)
            elif stamp.author_class == "human" and stamp.engineer == email:
                numbers.setdefault(person, []).append(number)
                humans[person] = {"author": str(engineer.identity)}
        if numbers:
            blocks.append(f"{path}\n")
            blocks += [f"  {name} {_ranges(found)}\n" for name, found in sorted(numbers.items())]
    if not blocks:
        return ""
    metadata = {
        "schema_version": "authorship/3.0.0",
        "git_ai_version": "1.6.22",
        "base_commit_sha": sha,
        "prompts": {},
        "sessions": sessions,
        "humans": humans,
    }
    return "".join(blocks) + "---\n" + json.dumps(metadata, indent=2)


def _ranges(numbers: list[int]) -> str:
    """Sorted line numbers as `1-3,7`."""
    parts: list[str] = []
    first = last = numbers[0]
    for number in [*numbers[1:], 0]:
        if number == last + 1:
            last = number
            continue
        parts.append(str(first) if first == last else f"{first}-{last}")
        first = last = number
    return ",".join(parts)
