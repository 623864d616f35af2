"""One line to JSON objects, and what the readers of each format give for them.

Belongs here: parsing with repair, `Event`, `Edit` and `Problem`, the strict picking of values out of untrusted JSON.
Does not belong here: any format's own fields (`claude_code.py`, `codex.py`), keyed hashing (`rows.py`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    HashedLines = tuple[NDArray[np.uint64], NDArray[np.uint8]]

Json = dict[str, Any]

LARGEST_COUNT = 1 << 40
"""No count in a record is larger: a larger one is a mistake, and 2^23 of them still fit a 64-bit sum."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SHORTEST_TIME = len("2026-01-01T00:00:00Z")


@dataclass(frozen=True, slots=True)
class Scene:
    """Where and when a record was written. Raw: ids and paths are hashed by `rows.py` and never kept."""

    session: str
    position: int
    at: int | None
    """Microseconds since 1970, UTC."""
    cwd: str = ""
    version: str = ""
    is_subagent: bool = False


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token counts of one response; input without cache reads and writes."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0


NO_TOKENS = Tokens()


@dataclass(frozen=True, slots=True)
class Event:
    """One countable event; `identity` is the same in every copy of the record."""

    kind: str
    identity: str
    scene: Scene
    value: str | None = None
    model: str | None = None
    tokens: Tokens = NO_TOKENS


@dataclass(frozen=True, slots=True)
class Edit:
    """Lines that an edit wrote to one file, hashed already."""

    identity: str
    scene: Scene
    path: str
    lines: HashedLines
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A record that cannot be used: its byte offset, a reason code and what was expected. Never its text."""

    offset: int
    reason: str
    detail: str


class Reader(Protocol):
    """A reader of one file in one format: records in file order, then `finish`."""

    tool: str

    @property
    def has_session(self) -> bool:
        """Whether any record named its session; without one nothing can be counted."""
        ...

    def read(self, record: Json, position: int) -> Iterator[Event | Edit]:
        """What one record gives; `position` counts records from 0."""
        ...

    def finish(self) -> Iterator[Event | Edit]:
        """What can only be told once the whole file is known."""
        ...


@dataclass
class Parsed:
    """Objects of one line. `reason` is empty unless something of the line could not be used."""

    objects: list[Json] = field(default_factory=list[Json])
    reason: str = ""


def parse_line(data: bytes) -> Parsed:
    """The objects of one line: usually one, several where concurrent writers lost a newline, none for a blank line.

    NUL runs of interrupted appends, a byte-order mark, invalid UTF-8 and lone surrogates are repaired.
    """
    data = data.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\0")
    if not data:
        return Parsed()
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return _parse_odd_line(data)
    if isinstance(value, dict):
        return Parsed([value])
    return Parsed(reason="not_an_object")


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _parse_odd_line(data: bytes) -> Parsed:
    text = data.decode("utf-8", "replace")
    parsed = Parsed()
    start = 0
    while start < len(text):
        if text[start] != "{":
            parsed.reason = "broken_json"
            return parsed
        try:
            value, end = _DECODER.raw_decode(text, start)
            parsed.objects.append(_repair(value))
        except RecursionError:
            parsed.reason = "nested_too_deeply"
            return parsed
        except ValueError:
            parsed.reason = "broken_json"
            return parsed
        start = end
        while start < len(text) and text[start] in " \t\r\0":
            start += 1
    return parsed


def _repair(value: Any) -> Any:
    """The same JSON value with lone surrogates replaced, so that every string can be encoded."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, list):
        return [_repair(item) for item in value]
    if isinstance(value, dict):
        return {_repair(key): _repair(item) for key, item in value.items()}
    return value


def get_text(record: Json, key: str) -> str:
    """The string at `key`, or an empty one."""
    value = record.get(key)
    return value if isinstance(value, str) else ""


def get_object(record: Json, key: str) -> Json:
    """The object at `key`, or an empty one."""
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def get_objects(record: Json, key: str) -> list[Json]:
    """The objects of the list at `key`; anything else in it is left out."""
    value = record.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def get_count(record: Json, key: str) -> int:
    """The integer at `key` if it is a plausible count, or 0."""
    value = record.get(key)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_COUNT:
        return value
    return 0


def get_time(record: Json, key: str) -> int | None:
    """The RFC 3339 time at `key` in microseconds since 1970, or None where it is no such time."""
    value = record.get(key)
    if not isinstance(value, str) or len(value) < _SHORTEST_TIME:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment - _EPOCH) // _MICROSECOND if moment.tzinfo else None


def text_of(content: Any) -> str:
    """The text of a content that is a string or a list of blocks, blocks joined by newlines."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = (get_text(block, "text") for block in content if isinstance(block, dict))
    return "\n".join(part for part in parts if part)
