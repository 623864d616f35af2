"""One file from its first line to its last: telling its format, reading its records, noting what is broken.

Belongs here: the loop over one file. Does not belong here: which files are read (`ingest.py`), what a record means
(`claude_code.py`, `codex.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pipelines.sources.sessions.claude_code import ClaudeCodeReader, is_claude_code
from pipelines.sources.sessions.codex import CodexReader, is_codex
from pipelines.sources.sessions.files import FileProblemError, LineReader, Stamp
from pipelines.sources.sessions.records import Problem, parse_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipelines.sources.sessions.files import Line
    from pipelines.sources.sessions.records import Edit, Event, Json, Reader

Format = Literal["auto", "claude-code", "codex"]
SNIFFED_LINES = 64
"""A file none of whose first lines has the shape of a known format is not read to its end."""
_EXPECTED = "expected a Claude Code transcript or a Codex rollout, one JSON object per line"


@dataclass
class FileReading:
    """Reads one file. Iterating gives events and edits; afterwards the other attributes say how it went."""

    path: Path
    format: Format
    records: int = 0
    problems: list[Problem] = field(default_factory=list[Problem])
    reader: Reader | None = None
    failure: FileProblemError | None = None
    """Set where reading stopped before the end: what came before it is not to be used."""

    def __post_init__(self) -> None:
        self._lines = LineReader(self.path)
        self.reader = _make_reader(self.format)

    @property
    def tool(self) -> str:
        """The format that was found, or `unknown`."""
        return self.reader.tool if self.reader else "unknown"

    @property
    def stamp(self) -> Stamp:
        """What the file was when it was opened."""
        return self._lines.stamp

    @property
    def sha256(self) -> str:
        """Hash of the file as stored; empty where it was not read to its end."""
        return self._lines.sha256

    def __iter__(self) -> Iterator[Event | Edit]:
        seen = 0
        try:
            for line in self._lines:
                seen += 1
                if self.reader is None and seen > SNIFFED_LINES:
                    break
                yield from self._read_line(line)
        except FileProblemError as problem:
            self.failure = problem
            self.records = 0
            self.problems = [Problem(0, problem.reason, problem.detail)]
            return
        if self.reader is None:
            self.problems = [Problem(0, "unknown_format", _EXPECTED)] if seen else []
            return
        yield from self.reader.finish()
        if self.records and not self.reader.has_session:
            self.problems.append(Problem(0, "no_session_id", "expected a record that names its session"))

    def _read_line(self, line: Line) -> Iterator[Event | Edit]:
        if line.data is None:
            self.problems.append(Problem(line.offset, "line_too_long", "expected a line of at most 64 MiB"))
            return
        parsed = parse_line(line.data)
        # The last line may still be written: what is cut off is read in a later run.
        if parsed.reason and line.is_terminated:
            self.problems.append(Problem(line.offset, parsed.reason, "expected one JSON object per line"))
        for record in parsed.objects:
            self.reader = self.reader or sniff_format(record)
            if self.reader is not None:
                yield from self.reader.read(record, self.records)
                self.records += 1


def _make_reader(kind: Format) -> Reader | None:
    if kind == "claude-code":
        return ClaudeCodeReader()
    return CodexReader() if kind == "codex" else None


def sniff_format(record: Json) -> Reader | None:
    """A reader for the format that a record has the shape of; None where it has that of no known one."""
    if is_claude_code(record):
        return ClaudeCodeReader()
    return CodexReader() if is_codex(record) else None
