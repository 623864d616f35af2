"""Files held in memory with the author of each line beside its text.

Belongs here: lines, versions of a file, and the replacement of a run of lines. Does not belong here: what the text
says (`code`) or who changes it when (`work`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from random import Random

LineKind = Literal["head", "unique", "common"]
Text = tuple[str, LineKind]


class Line(NamedTuple):
    """A line's text without its end, the number of its author's stamp, and what kind of line it is.

    A `head` begins a function, a `unique` line occurs nowhere else, a `common` one (braces, returns, blanks) may.
    """

    text: str
    stamp: int
    kind: LineKind


@dataclass(eq=False, slots=True)
class Version:
    """One content of one file; `mark` is the blob's number in the import stream, 0 until it was sent."""

    lines: Sequence[Line]
    mark: int = field(default=0)

    @property
    def data(self) -> bytes:
        """The bytes that git stores."""
        return "".join(f"{line.text}\n" for line in self.lines).encode()

    def heads(self) -> list[int]:
        """Where functions begin."""
        return [index for index, line in enumerate(self.lines) if line.kind == "head"]

    def end_of(self, head: int) -> int:
        """Where the function that begins at `head` ends: at the next one, or at the end of the file."""
        for index in range(head + 1, len(self.lines)):
            if self.lines[index].kind == "head":
                return index
        return len(self.lines)


@dataclass(frozen=True, slots=True)
class Splice:
    """Lines `start` (from 0) up to `stop` of `before` were replaced by `added`; `before` is None for a new file."""

    before: Version | None
    start: int
    stop: int
    added: tuple[str, ...]

    def context(self, size: int = 3) -> tuple[int, list[str], list[str], list[str]]:
        """First line of the hunk (from 0), lines before the change, lines removed, lines after it."""
        lines = self.before.lines if self.before else ()
        first = max(0, self.start - size)
        return (
            first,
            [line.text for line in lines[first : self.start]],
            [line.text for line in lines[self.start : self.stop]],
            [line.text for line in lines[self.stop : self.stop + size]],
        )

    def strings(self) -> tuple[str, str]:
        """The old and the new text of a replacement whose old text occurs once in the file.

        A pure insertion is anchored at the unique line that follows it, else at the nearest one before it.
        """
        if self.before is None:
            return "", "".join(f"{text}\n" for text in self.added)
        lines = self.before.lines
        added = list(self.added)
        if self.start < self.stop:
            return "\n".join(line.text for line in lines[self.start : self.stop]), "\n".join(added)
        if self.start < len(lines) and lines[self.start].kind != "common":
            anchor = lines[self.start].text
            return anchor, "\n".join([*added, anchor])
        first = next(index for index in range(self.start - 1, -1, -1) if lines[index].kind != "common")
        anchors = [line.text for line in lines[first : self.start]]
        return "\n".join(anchors), "\n".join([*anchors, *added])


def stamped(texts: Iterable[Text], stamp: int) -> list[Line]:
    """Texts as lines of one author."""
    return [Line(text, stamp, kind) for text, kind in texts]


def replaced(version: Version, start: int, stop: int, lines: Iterable[Line]) -> Version:
    """The version with the lines from `start` up to `stop` replaced."""
    return Version([*version.lines[:start], *lines, *version.lines[stop:]])


def indent_of(line: Line) -> str:
    """The white space that a line begins with."""
    return line.text[: len(line.text) - len(line.text.lstrip())]


def trimmed(version: Version) -> Version:
    """Without blank lines at the end."""
    count = len(version.lines)
    while count and not version.lines[count - 1].text.strip():
        count -= 1
    return Version(version.lines[:count])


def without_function(version: Version, stamp: int, rng: Random) -> Version:
    """Without one function that is the agent's alone; as it was where there is none, or nothing else."""
    whole = [
        (head, version.end_of(head))
        for head in version.heads()
        if all(line.stamp == stamp for line in version.lines[head : version.end_of(head)])
    ]
    if len(whole) < 1 or len(version.heads()) < 2:
        return version
    start, stop = rng.choice(whole)
    return trimmed(replaced(version, start, stop, ()))
