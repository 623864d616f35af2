"""git-ai authorship notes (`refs/notes/ai`): who wrote which lines of a commit.

Belongs here: the note's grammar (git-ai standard, authorship/3.0.0 and its predecessors) and the index of keys over
all notes. Does not belong here: whether an attested line was added by the commit, which `stages/attribution.py`
decides. Notes may carry whole transcripts: they are dropped as soon as a note is parsed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from pipelines.sources.git.objects import read_objects
from pipelines.sources.models import clean_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipelines.sources.git.isolation import Git

_AI_KEY = re.compile(r"[0-9a-f]{7,16}|s_[0-9a-f]+")
# Ten digits and more are no line of a file that anybody has.
_RANGE = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")
_TEST_TOOLS = frozenset({"mock_ai", "test-agent"})
UNKNOWN = ("unknown", "")


@dataclass(frozen=True, slots=True)
class Entry:
    """Lines `first` to `last` of `path`, from 1, attested to `key`."""

    path: str
    key: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Note:
    """A parsed note: its entries in order, and the agents that its own metadata names by key."""

    commit: str
    entries: list[Entry]
    agents: dict[str, tuple[str, str]]


class NoteError(ValueError):
    """A note that is not an authorship log; the message is a reason code."""


def parse_note(commit: str, content: bytes) -> Note:
    """Parse one authorship log. Raises `NoteError`."""
    head, divider, tail = (b"", b"---", content[4:]) if content.startswith(b"---\n") else content.partition(b"\n---\n")
    if not divider:
        raise NoteError("no_divider")
    entries: list[Entry] = []
    path = ""
    for raw in head.split(b"\n"):
        line = raw.decode("utf-8", "backslashreplace").rstrip()
        if not line:
            continue
        if not line.startswith("  "):
            path = line[1:-1] if len(line) > 1 and line[0] == line[-1] == '"' else line
            continue
        key, _, ranges = line.strip().partition(" ")
        if not path or not ranges:
            raise NoteError("entry_without_path" if not path else "entry_without_lines")
        for part in ranges.split(","):
            match = _RANGE.fullmatch(part.strip())
            if match:
                first = int(match.group(1))
                entries.append(Entry(path, key, first, int(match.group(2) or first)))
    try:
        metadata = orjson.loads(tail)
    except orjson.JSONDecodeError as error:
        raise NoteError("bad_metadata") from error
    return Note(commit, entries, _read_agents(metadata) if isinstance(metadata, dict) else {})


def _read_agents(metadata: dict[str, Any]) -> dict[str, tuple[str, str]]:
    agents: dict[str, tuple[str, str]] = {}
    for group in ("prompts", "sessions"):
        records = metadata.get(group)
        for key, record in records.items() if isinstance(records, dict) else ():
            agent = record.get("agent_id") if isinstance(record, dict) else None
            if isinstance(agent, dict):
                agents[key] = (
                    _name_tool(str(agent.get("tool") or "unknown")),
                    clean_model(str(agent.get("model") or "")),
                )
    return agents


def _name_tool(tool: str) -> str:
    tool = tool.strip().lower() or "unknown"
    return {"claude": "claude-code", "github-copilot": "copilot"}.get(tool, tool)


@dataclass(frozen=True, slots=True)
class Attestation:
    """One resolved range of a note. `position` is its order within the note: a later one wins."""

    commit: str
    path: str
    position: int
    author_class: str
    tool: str
    model: str
    first: int
    last: int


def read_notes(git: Git, tip: str, quarantine: Callable[[str, str, str], None]) -> Iterator[Attestation]:
    """Every attestation of the notes tree at `tip`. `quarantine(position, reason, detail)` is told of bad notes."""
    blobs: dict[str, str] = {}
    for entry in git.run("ls-tree", "-r", "-z", tip).split(b"\0"):
        header, _, path = entry.partition(b"\t")
        commit = path.replace(b"/", b"").decode("ascii", "replace")
        if header and len(commit) == git.hex_length:  # fan-out may be mixed: the same commit in two places
            blobs.setdefault(commit, header.split()[2].decode())
    notes: list[Note] = []
    index: dict[str, set[tuple[str, str]]] = {}
    for (commit, _), (_, kind, content) in zip(
        sorted(blobs.items()), read_objects(git, (blobs[c] for c in sorted(blobs))), strict=True
    ):
        if content is None:
            quarantine(commit, f"note_{kind}", "the note's blob cannot be read; fetch refs/notes/ai again")
            continue
        try:
            note = parse_note(commit, content)
        except NoteError as error:
            quarantine(commit, f"note_{error}", "expected a git-ai authorship log: attestations, a line `---`, JSON")
            continue
        for key, agent in note.agents.items():
            index.setdefault(key, set()).add(agent)
        notes.append(note)
    for note in notes:
        yield from _resolve(note, index)


def _resolve(note: Note, index: dict[str, set[tuple[str, str]]]) -> Iterator[Attestation]:
    for position, entry in enumerate(note.entries):
        key = entry.key.split("::")[0]
        if key.startswith("h_") or key == "human":
            yield Attestation(note.commit, entry.path, position, "human", "", "", entry.first, entry.last)
            continue
        tool, model = note.agents.get(key) or _look_up(index.get(key, set()))
        if tool in _TEST_TOOLS or not _AI_KEY.fullmatch(key):
            continue
        yield Attestation(note.commit, entry.path, position, "ai", tool, model, entry.first, entry.last)


def _look_up(agents: set[tuple[str, str]]) -> tuple[str, str]:
    """The agent that other notes give for a key; without model where they disagree on it."""
    tools = {tool for tool, _ in agents}
    if len(tools) != 1:
        return UNKNOWN
    models = {model for _, model in agents}
    return tools.pop(), models.pop() if len(models) == 1 else ""
