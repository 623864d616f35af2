"""Events and edits of many files to columns, with every id, path and place hashed under the organisation's key.

Belongs here: keyed hashing, merging of repeats within a file, typed columns. Does not belong here: formats, where the
rows are written.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from pipelines.sources.sessions.labels import version_name
from pipelines.sources.sessions.records import Edit, Event
from schemas import TABLES

if TYPE_CHECKING:
    from pipelines.identities import Identities
    from pipelines.sources.sessions.records import HashedLines, Problem, Scene, Tokens

PROBLEMS_PER_FILE = 100
"""More than this many quarantined records of one file are summed up in one row."""
_DRIVE = re.compile(r"^(?:\\\\\?\\)?([A-Za-z]:)[\\/]")
_TOKEN_COLUMNS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")


def normalise_path(path: str, cwd: str = "") -> str:
    """An absolute path with forward slashes; a relative one is below `cwd`. Windows paths keep their drive."""
    is_windows = _DRIVE.match(path) is not None or path.startswith("\\\\") or _DRIVE.match(cwd) is not None
    if is_windows:
        path = _DRIVE.sub(r"\1/", path).replace("\\", "/")
        cwd = _DRIVE.sub(r"\1/", cwd).replace("\\", "/")
    is_absolute = path.startswith("/") or _DRIVE.match(path) is not None
    parts: list[str] = []
    for part in (path if is_absolute or not path else f"{cwd}/{path}").split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts)


@dataclass
class Columns:
    """The rows of one bucket of files, as lists per column; `frames` makes them tables of the lake."""

    identities: Identities
    files: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    problems: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    events: list[list[Any]] = field(default_factory=list[list[Any]])
    edits: list[list[Any]] = field(default_factory=list[list[Any]])
    lines: dict[int, HashedLines] = field(default_factory=dict[int, Any])
    places: dict[str, int] = field(default_factory=dict[str, int])
    _keys: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    _seen: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    _seen_edits: set[int] = field(default_factory=set[int])

    def begin_file(self) -> None:
        """Forget what was seen: repeats are merged within a file, copies in other files stay."""
        self._seen.clear()
        self._seen_edits.clear()

    def drop_file(self, mark: tuple[int, int]) -> None:
        """Take back a file's rows, given `mark` from before it."""
        del self.events[mark[0] :]
        del self.edits[mark[1] :]

    def mark(self) -> tuple[int, int]:
        """Where the rows of the next file begin."""
        return len(self.events), len(self.edits)

    def _key(self, kind: str, text: str) -> str:
        key = self._keys.get((kind, text))
        if key is None:
            key = self._keys[kind, text] = self.identities.pseudonym(kind, text)
        return key

    def _place(self, scene: Scene) -> int:
        return self.places.setdefault(scene.cwd, len(self.places))

    def add(self, file_id: str, tool: str, item: Event | Edit) -> None:
        """Add one event or edit. Repeats of a record within a file are one row with the maximum of each token count."""
        if isinstance(item, Edit):
            self._add_edit(file_id, tool, item)
            return
        seen = self._seen.get((item.kind, item.identity))
        tokens = _token_list(item.tokens)
        if seen is not None:
            row = self.events[seen]
            row[-4:] = [max(old, new) for old, new in zip(row[-4:], tokens, strict=True)]
            row[8] = row[8] or item.model
            return
        self._seen[item.kind, item.identity] = len(self.events)
        scene = item.scene
        self.events.append(
            [
                file_id,
                self._key("session", scene.session),
                self.identities.pseudonym("record", item.identity),
                scene.position,
                item.kind,
                scene.at,
                scene.is_subagent,
                version_name(scene.version),
                item.model,
                item.value,
                tool,
                self._place(scene),
                *tokens,
            ]
        )

    def _add_edit(self, file_id: str, tool: str, edit: Edit) -> None:
        path = normalise_path(edit.path, edit.scene.cwd)
        record = self.identities.pseudonym("record", edit.identity)
        hashes, _ = edit.lines
        # With the lines in the id, a record that was altered in one copy cannot mix with the other copy's lines.
        name = f"{record}\0{self.identities.hash_path(path)}\0".encode()
        edit_id = int.from_bytes(hashlib.blake2b(name + hashes.tobytes(), digest_size=8).digest(), "little")
        if edit_id in self._seen_edits:
            return
        self._seen_edits.add(edit_id)
        self.lines[edit_id] = edit.lines
        scene = edit.scene
        self.edits.append(
            [
                file_id,
                self._key("session", scene.session),
                record,
                edit_id,
                scene.position,
                scene.at,
                edit.model,
                self.identities.path_keys(path),
                hashes.size,
                tool,
                self._place(scene),
            ]
        )

    def add_file(
        self, file_id: str, tool: str, size: int, records: int, quarantined: int, engineer_id: str | None
    ) -> None:
        """Add the row of a file that was read."""
        row = (file_id, tool, size, records, quarantined, engineer_id)
        names = ("file_id", "format", "size_bytes", "records", "quarantined", "engineer_id")
        self.files.append(dict(zip(names, row, strict=True)))

    def add_problems(self, file_id: str, source: str, problems: list[Problem]) -> None:
        """Add quarantine rows of a file, the first `PROBLEMS_PER_FILE` one by one."""
        rows = [(str(problem.offset), problem.reason, problem.detail) for problem in problems[:PROBLEMS_PER_FILE]]
        rest = problems[PROBLEMS_PER_FILE:]
        if rest:
            rows.append((str(rest[0].offset), "more_broken_records", f"{len(rest)} further records from here on"))
        names = ("source", "path", "position", "reason", "detail")
        self.problems.extend(dict(zip(names, (source, file_id, *row), strict=True)) for row in rows)

    def frames(self) -> dict[str, pl.DataFrame]:
        """Tables by name, unsorted: session_files, session_events, session_edits, session_lines, quarantine."""
        place_keys = [self.identities.place_keys(normalise_path(cwd)) for cwd in self.places]
        places = pl.DataFrame(
            {"place": [keys[0] for keys in place_keys], "place_names": [keys[1] for keys in place_keys]},
            schema={"place": pl.List(pl.UInt64()), "place_names": pl.List(pl.UInt64())},
        )
        return {
            "session_files": pl.DataFrame(self.files, schema=TABLES["session_files"].polars_schema),
            "session_events": self._frame(_EVENT_COLUMNS, self.events, places),
            "session_edits": self._frame(_EDIT_COLUMNS, self.edits, places),
            "session_lines": self._line_frame(),
            "quarantine": pl.DataFrame(self.problems, schema=TABLES["quarantine"].polars_schema),
        }

    def _frame(self, columns: dict[str, pl.DataType], rows: list[list[Any]], places: pl.DataFrame) -> pl.DataFrame:
        values = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
        frame = pl.DataFrame(
            [pl.Series(name, column, dtype) for (name, dtype), column in zip(columns.items(), values, strict=True)]
        )
        time = "occurred_at" if "occurred_at" in columns else "edited_at"
        return frame.with_columns(
            pl.col(time).cast(pl.Datetime("us", "UTC")),
            *(places[name].gather(frame["place"]).alias(name) for name in ("place", "place_names")),
        )

    def _line_frame(self) -> pl.DataFrame:
        ids = {row[3] for row in self.edits}
        kept = sorted(edit_id for edit_id in self.lines if edit_id in ids)
        sizes = [self.lines[edit_id][0].size for edit_id in kept]
        if not sum(sizes):
            return TABLES["session_lines"].empty()
        return pl.DataFrame(
            {
                "edit_id": np.repeat(np.array(kept, np.uint64), sizes),
                "line": np.concatenate([np.arange(1, size + 1, dtype=np.uint32) for size in sizes]),
                "hash": np.concatenate([self.lines[edit_id][0] for edit_id in kept]),
                "shape": np.concatenate([self.lines[edit_id][1] for edit_id in kept]),
            }
        )


_EVENT_COLUMNS: dict[str, pl.DataType] = {
    "file_id": pl.String(),
    "session_id": pl.String(),
    "record_id": pl.String(),
    "position": pl.Int64(),
    "kind": pl.String(),
    "occurred_at": pl.Int64(),
    "is_subagent": pl.Boolean(),
    "tool_version": pl.String(),
    "model": pl.String(),
    "value": pl.String(),
    "tool": pl.String(),
    "place": pl.UInt32(),
    **dict.fromkeys(_TOKEN_COLUMNS, pl.Int64()),
}
_EDIT_COLUMNS: dict[str, pl.DataType] = {
    "file_id": pl.String(),
    "session_id": pl.String(),
    "record_id": pl.String(),
    "edit_id": pl.UInt64(),
    "position": pl.Int64(),
    "edited_at": pl.Int64(),
    "model": pl.String(),
    "path_keys": pl.List(pl.UInt64()),
    "lines_written": pl.Int64(),
    "tool": pl.String(),
    "place": pl.UInt32(),
}


def _token_list(tokens: Tokens) -> list[int]:
    return [tokens.input, tokens.output, tokens.cache_read, tokens.cache_write]
