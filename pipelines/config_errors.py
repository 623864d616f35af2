"""What is wrong with a configuration file: file, line, and how to mend it.

Belongs here: turning what the TOML parser and the validator say into one sentence for a person. Does not belong
here: the models (`config.py`).
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from tomllib import TOMLDecodeError

    from pydantic import ValidationError

_HEADER = re.compile(r"^\s*\[(\[?)\s*([^\]\[]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_\-.\"']+)\s*=")
_SYNTAX_PLACE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")


class ConfigError(Exception):
    """A configuration that cannot be used. `str()` gives file, line, what is wrong and the mend, on two lines."""

    def __init__(self, file: Path | None, line: int | None, message: str, mend: str) -> None:
        self.file = file
        self.line = line
        self.message = message
        self.mend = mend
        place = "" if file is None else f"{file}:{line}: " if line else f"{file}: "
        super().__init__(f"{place}{message}\n  {mend}")


def line_of(text: str, location: Sequence[str | int]) -> int | None:
    """Line, from 1, on which a key stands; that of the nearest table header above it where the key has none.

    `location` is the way from the root: keys, and positions in arrays of tables.
    """
    wanted = [str(part) for part in location]
    counts: dict[str, int] = {}
    inside: list[str] = []
    best: tuple[int, int] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            name = header[2].strip("\"'")
            inside = name.split(".")
            if header[1]:
                counts[name] = counts.get(name, -1) + 1
                inside = [*inside, str(counts[name])]
            where = inside
        elif key := _KEY.match(line):
            where = [*inside, *(part.strip("\"'") for part in key[1].split("."))]
        else:
            continue
        depth = len(where)
        if wanted[:depth] == where and (best is None or depth > best[0]):
            best = (depth, number)
    return best[1] if best else None


def explain_syntax(path: Path, error: TOMLDecodeError) -> ConfigError:
    """A `ConfigError` for text that is not TOML."""
    text = str(error)
    place = _SYNTAX_PLACE.search(text)
    line = int(place[1]) if place and place[1] else None
    message = _SYNTAX_PLACE.sub("", text) + (f" (column {place[2]})" if place and place[2] else "")
    return ConfigError(
        path, line, f"not valid TOML: {message}", 'values are written like name = "app", tables like [people]'
    )


def explain_validation(path: Path, text: str, error: ValidationError, model: type[BaseModel]) -> ConfigError:
    """A `ConfigError` for the first problem that the validator found, in the order of the file.

    Unknown keys go first: a key that is missing is often one that is misspelt.
    """
    problem = min(error.errors(), key=lambda one: (one["type"] != "extra_forbidden", line_of(text, one["loc"]) or 0))
    # A member of a union stands at the end of the location, in the words of the type.
    location = tuple(part for part in problem["loc"] if part not in _UNION_MEMBERS)
    name = ".".join(str(part) for part in location if isinstance(part, str))
    if problem["type"] == "extra_forbidden":
        known = _known_keys(model, location[:-1])
        near = difflib.get_close_matches(str(location[-1]), known, 1, 0.5)
        mend = (f"did you mean {near[0]!r}? " if near else "") + "known keys here: " + ", ".join(known)
        return ConfigError(path, line_of(text, location), f"unknown key {str(location[-1])!r}", mend)
    if problem["type"] == "missing" and isinstance(location[-1], int):
        return ConfigError(
            path,
            line_of(text, location),
            f"{name} needs {location[-1] + 1} entries",
            f'write {name.split(".")[-1]} = ["...", "..."]',
        )
    if problem["type"] == "missing":
        return ConfigError(path, line_of(text, location), f"{name} is missing", f"add a line: {location[-1]} = ...")
    message = f"{name}: {_lower_first(problem['msg'].removeprefix('Value error, '))}"
    return ConfigError(path, line_of(text, location), message, _mend(problem["type"], problem.get("ctx", {}), location))


_UNION_MEMBERS = ("bool", "date")


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


_MENDS = {
    "string_type": 'write a text in quotes: {key} = "..."',
    "bool_type": "write {key} = true or {key} = false, without quotes",
    "int_type": "write a whole number without quotes",
    "date_from_datetime_parsing": 'write dates like "2024-01-31"',
    "date_parsing": 'write dates like "2024-01-31"',
    "date_type": 'write dates like "2024-01-31"',
    "list_type": "write a list, or [[{key}]] above the entries",
    "tuple_type": 'write a list in brackets: {key} = ["...", "..."]',
    "model_type": "write a table: [{key}] on a line of its own, its keys below",
    "model_attributes_type": "write a table: [{key}] on a line of its own, its keys below",
    "too_short": "{key} needs more entries",
    "too_long": "{key} has too many entries",
}


def _mend(kind: str, context: dict[str, Any], location: Sequence[str | int]) -> str:
    key = next((str(part) for part in reversed(location) if isinstance(part, str)), "it")
    if key == "holidays":
        return 'write a country code like "DE", or country and region like "DE-BY"'
    if key == "time_zone":
        return "names are those of the IANA time zone database"
    if key == "baseline":
        return 'write two dates, first and last: baseline = ["2024-01-01", "2024-12-31"]'
    if key == "assume_unmarked_is_human":
        return "write true, false, or a date like 2024-01-31 without quotes"
    if key == "engineer":
        return "write the engineer's e-mail address"
    if kind in ("literal_error", "enum"):
        return f"write one of: {context.get('expected', '')}"
    return _MENDS.get(kind, "see the commented mergeline.toml of the project for what goes here").format(key=key)


def _known_keys(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """Keys of the model that `location` leads to."""
    current: type[BaseModel] = model
    for part in location:
        if isinstance(part, str):
            nested = _model_in(current.model_fields[part].annotation)
            if nested is None:
                break
            current = nested
    return list(current.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
