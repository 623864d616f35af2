"""A working copy and the edits that can be made in it.

Belongs here: the files that one task has claimed, as they stand while it is done, and single edits. Does not belong
here: who makes which edit, and why (`work`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.simulation.code import is_code, language_of
from pipelines.simulation.files import Line, Splice, Version, indent_of, replaced, stamped, trimmed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from pipelines.simulation.code import Language, Scribe

LONGEST_FILE = 320


class WorkingCopy:
    """Copies of the claimed files. An edit gives its path, its splice and the new version, and changes nothing yet."""

    def __init__(
        self, files: Mapping[str, Version], languages: tuple[Language, ...], rng: Random, scribe: Scribe
    ) -> None:
        """Take `files` as they stand on the mainline."""
        self.contents: dict[str, Version | None] = dict(files)
        self._committed: dict[str, Version | None] = dict(files)
        self._languages = languages
        self._rng = rng
        self._scribe = scribe

    def commit(self) -> dict[str, Version | None]:
        """What changed since the last call; None for a path that is gone."""
        changes = {path: version for path, version in self.contents.items() if version is not self._committed.get(path)}
        self._committed.update(changes)
        return changes

    def files(self) -> list[tuple[str, Version]]:
        """Code files that are there, in the order in which they came."""
        return [(path, version) for path, version in self.contents.items() if version is not None and is_code(path)]

    def file(self, path: str) -> Version:
        """The content of a code file that is there."""
        return next(version for known, version in self.files() if known == path)

    def apply(self, path: str, version: Version, splice: Splice) -> None:
        """Make an edit; raises ValueError when the splice does not say what the version holds."""
        if tuple(line.text for line in version.lines[splice.start : splice.start + len(splice.added)]) != splice.added:
            message = f"the edit of {path} does not say what was written"
            raise ValueError(message)
        self.contents[path] = version

    def edit(self, stamp: int, size: int) -> tuple[str, Splice, Version]:
        """Any edit, of about `size` lines where it adds a function."""
        path, version = self._rng.choice(self.files())
        draw = self._rng.random()
        if draw < 0.12 or len(version.lines) > LONGEST_FILE:
            return self.new_file(stamp)
        if draw < 0.35:
            return self.change(path, stamp, self._rng.randrange(1, 5))
        return self.insert(path, stamp, size)

    def insert(self, path: str, stamp: int, size: int) -> tuple[str, Splice, Version]:
        """Add a function between others or at the end."""
        version = self.file(path)
        function = stamped(self._scribe.function(language_of(path), size), stamp)
        place = self._rng.choice([*version.heads(), len(version.lines)])
        if place == len(version.lines):
            function = [Line("", stamp, "common"), *trimmed(Version(function)).lines]
        after = replaced(version, place, place, function)
        return path, Splice(version, place, place, tuple(line.text for line in function)), after

    def new_file(self, stamp: int, *, is_test: bool = False) -> tuple[str, Splice, Version]:
        """A new module, or a new test."""
        language = self._rng.choice(self._languages)
        path = self._scribe.path(language, language.test_suffix if is_test else None)
        after = Version(stamped(self._scribe.module(language, self._rng.randrange(1, 4)), stamp))
        return path, Splice(None, 0, 0, tuple(line.text for line in after.lines)), after

    def change(self, path: str, stamp: int, count: int, of: int | None = None) -> tuple[str, Splice, Version]:
        """Replace up to `count` neighbouring unique lines, of the author `of` where given."""
        version = self.file(path)
        body = next(iter(version.heads()), 0)
        places = [
            index
            for index, line in enumerate(version.lines)
            if index > body and line.kind == "unique" and (of is None or line.stamp == of)
        ]
        if not places:
            return self.insert(path, stamp, count + 2)
        start = self._rng.choice(places)
        stop = start + 1
        known = set(places)
        while stop < start + count and stop in known:
            stop += 1
        language = language_of(path)
        lines = stamped(
            (self._scribe.statement(language, indent_of(line)) for line in version.lines[start:stop]), stamp
        )
        after = replaced(version, start, stop, lines)
        return path, Splice(version, start, stop, tuple(line.text for line in lines)), after

    def change_own(self, stamp: int) -> tuple[str, Splice | None, Version | None]:
        """Replace lines of this author; nothing where there are none."""
        mine = [
            path
            for path, version in self.files()
            if any(line.stamp == stamp and line.kind == "unique" for line in version.lines)
        ]
        return (
            self.change(self._rng.choice(mine), stamp, self._rng.randrange(2, 7), stamp) if mine else ("", None, None)
        )
