"""Who wrote each merged line: kept while the history is made, matched to git's own diff at the end.

Belongs here: authors of lines, what each landing left in each file, and `truth/`. Does not belong here: any rule of
attribution. Which lines a landing added is git's answer; who wrote each is ours.
"""

from __future__ import annotations

import csv
import re
import subprocess
from array import array
from typing import IO, TYPE_CHECKING, Literal, NamedTuple, cast

from pipelines.simulation.history import HistoryError, isolated_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pipelines.simulation.conversation import Session
    from pipelines.simulation.files import Version

AuthorClass = Literal["ai", "human", "automation", "generated"]
LINE_COLUMNS = ("repo", "landing_sha", "path", "line", "author_class", "tool", "engineer", "session_id")
SESSION_COLUMNS = ("session_id", "tool", "outcome", "tier")
HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


class Stamp(NamedTuple):
    """Who wrote a line: class, tool, the engineer's e-mail, and the session, empty where there is none."""

    author_class: AuthorClass
    tool: str
    engineer: str
    session_id: str


class Truth:
    """Authors and landings of one repository."""

    def __init__(self) -> None:
        """Know nobody yet."""
        self._numbers: dict[Stamp, int] = {}
        self.stamps: list[Stamp] = []
        self._landed: dict[tuple[str, str], array[int]] = {}

    def stamp(self, author_class: AuthorClass, tool: str, engineer: str, session_id: str) -> int:
        """The number that a line carries for this author."""
        stamp = Stamp(author_class, tool, engineer, session_id)
        number = self._numbers.setdefault(stamp, len(self.stamps))
        if number == len(self.stamps):
            self.stamps.append(stamp)
        return number

    def land(self, sha: str, changes: Mapping[str, Version | None]) -> None:
        """Remember the authors of every line of each file that a landing left changed."""
        for path, version in changes.items():
            if version is not None:
                self._landed[sha, path] = array("l", [line.stamp for line in version.lines])

    def rows(self, repository: Path) -> Iterator[tuple[str, str, int, Stamp]]:
        """Landing, path, line number (from 1) and author of every added line of the finished repository."""
        for sha, path, first, count in added_lines(repository):
            authors = self._landed[sha, path]
            for line in range(first, first + count):
                yield sha, path, line, self.stamps[authors[line - 1]]


def added_lines(repository: Path) -> Iterator[tuple[str, str, int, int]]:
    """Every run of added lines per landing, oldest landing first: id, path, first line number from 1, how many.

    Raises HistoryError when git fails.
    """
    child = subprocess.Popen(
        [
            *("git", "-c", "core.quotePath=false", "-c", "diff.renameLimit=1000", f"--git-dir={repository}", "log"),
            *("--first-parent", "-m", "-p", "-M50%", "--no-ext-diff", "--no-textconv", "--no-color", "--reverse"),
            *("--src-prefix=a/", "--dst-prefix=b/", "--format=%x00%H", "refs/heads/main"),
        ],
        env=isolated_environment(),
        stdout=subprocess.PIPE,
    )
    with child:
        yield from _parse(cast("IO[bytes]", child.stdout))
    if child.returncode:
        message = f"git log ended with {child.returncode}"
        raise HistoryError(message)


def _parse(stream: IO[bytes]) -> Iterator[tuple[str, str, int, int]]:
    sha = path = ""
    for raw in stream:
        if raw.startswith(b"\0"):
            sha = raw[1:].strip().decode()
        elif raw.startswith(b"+++ b/"):
            path = raw[6:].rstrip(b"\t\n").decode()
        elif match := HUNK.match(raw):
            before = int(match[1] or 1)
            number = int(match[2])
            after = int(match[3] or 1)
            first = count = 0
            while before or after or count:
                # One line past the hunk is never read: a run that reaches its end is given out here.
                kind = stream.readline()[:1] if before or after else b""
                if kind == b"+":
                    first, count = (first, count + 1) if count else (number, 1)
                    number += 1
                    after -= 1
                    continue
                if count:
                    yield sha, path, first, count
                    first = count = 0
                if kind == b" ":
                    number += 1
                    before -= 1
                    after -= 1
                elif kind == b"-":
                    before -= 1


def write_lines(target: Path, rows: Iterator[tuple[str, Iterator[tuple[str, str, int, Stamp]]]]) -> tuple[int, int]:
    """Write `lines.csv` from (repository name, rows); give the numbers of lines and of AI lines."""
    total = ai = 0
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(LINE_COLUMNS)
        for name, added in rows:
            for sha, path, line, stamp in added:
                writer.writerow((name, sha, path, line, *stamp))
                total += 1
                ai += stamp.author_class == "ai"
    return total, ai


def write_sessions(target: Path, sessions: Sequence[Session]) -> None:
    """Write `sessions.csv`; a fork is part of the session that it was forked from."""
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(SESSION_COLUMNS)
        for session in sorted(sessions, key=lambda one: one.session_id):
            writer.writerow((session.session_id, session.tool, session.outcome, session.tier))
