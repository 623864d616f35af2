"""The organisation's own word on who is who: the roster and the aliases, CSV files that people edit.

Belongs here: reading both files and saying which line is wrong. Does not belong here: a repository's mailmap
(`sources/git`), or deciding which identities are one engineer (`stages/engineers.py`).

    roster.csv     email,engineer,joined,left,time_zone     one row per address; rows of one engineer are one person
    aliases.csv    alias,email                              an address that commits carry, and the address it stands for
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pipelines.config_errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROSTER_COLUMNS = ("email", "engineer", "joined", "left", "time_zone")
ALIAS_COLUMNS = ("alias", "email")


@dataclass(frozen=True)
class RosterEntry:
    """A person. `email` is in lower case; a day or zone that the roster leaves empty is `None`."""

    email: str
    engineer: str
    joined: date | None
    left: date | None
    time_zone: str | None


def read_roster(path: Path) -> list[RosterEntry]:
    """People, ordered by e-mail. Raises `ConfigError` with the line that is wrong."""
    entries: dict[str, RosterEntry] = {}
    for line, row in _rows(path, ROSTER_COLUMNS, required=("email",)):
        email = _email(path, line, row, "email")
        if email in entries:
            raise ConfigError(
                path, line, "this e-mail address stands on an earlier line too", "keep one of the two lines"
            )
        joined, left = _day(path, line, row, "joined"), _day(path, line, row, "left")
        if joined and left and left < joined:
            raise ConfigError(path, line, f"left ({left}) is before joined ({joined})", "correct one of the two days")
        entries[email] = RosterEntry(email, row["engineer"], joined, left, _zone(path, line, row["time_zone"]))
    return [entries[email] for email in sorted(entries)]


def read_aliases(path: Path) -> dict[str, str]:
    """From alias to the address it stands for, both in lower case, chains followed to their end.

    Raises `ConfigError` with the line that is wrong, also where aliases run in a circle.
    """
    stands_for: dict[str, str] = {}
    lines: dict[str, int] = {}
    for line, row in _rows(path, ALIAS_COLUMNS, required=ALIAS_COLUMNS):
        alias, email = _email(path, line, row, "alias"), _email(path, line, row, "email")
        if stands_for.get(alias, email) != email:
            raise ConfigError(
                path, line, "this alias stands for somebody else on an earlier line", "keep one of the two lines"
            )
        stands_for[alias] = email
        lines[alias] = line
    return {alias: _end_of(path, alias, stands_for, lines) for alias in sorted(stands_for)}


def read_people(roster: Path | None, aliases: Path | None) -> dict[str, str]:
    """From address to the address that stands for the same person: the aliases, and the roster's rows of one engineer.

    The first address of an engineer, in order of the alphabet, stands for the others; an alias of any of them leads
    there too. An engineer without a name is only its own row's. Raises `ConfigError` as the two readers do.
    """
    stands_for = read_aliases(aliases) if aliases else {}
    first: dict[str, str] = {}
    same: dict[str, str] = {}
    for entry in read_roster(roster) if roster else []:
        email = stands_for.get(entry.email, entry.email)
        if entry.engineer:
            same[email] = first.setdefault(entry.engineer, email)
    merged = {email: person for email, person in same.items() if email != person}
    return merged | {alias: same.get(email, email) for alias, email in stands_for.items()}


def _end_of(path: Path, alias: str, stands_for: dict[str, str], lines: dict[str, int]) -> str:
    email = stands_for[alias]
    passed = {alias}
    while email in stands_for and stands_for[email] != email:
        if email in passed:
            raise ConfigError(
                path, lines[alias], "these aliases run in a circle", "let one address stand for itself: remove its line"
            )
        passed.add(email)
        email = stands_for[email]
    return email


def _rows(path: Path, columns: tuple[str, ...], required: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows as column -> stripped text, with the line on which each ends; blank lines and `#` comments are passed over."""
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(path, None, "it is not UTF-8", "save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(path, None, f"cannot be read: {error.strerror}", "make it a readable file") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    wanted = ",".join(columns)
    try:
        for cells in reader:
            values = [cell.strip() for cell in cells]
            if not any(values) or values[0].startswith("#"):
                continue
            if header is None:
                header = [value.lower() for value in values]
                odd = [name for name in header if name not in columns]
                missing = [name for name in required if name not in header]
                if odd or missing or len(set(header)) < len(header):
                    problem = (
                        f"column {missing[0]!r} is missing"
                        if missing
                        else f"column {odd[0]!r} is unknown"
                        if odd
                        else "a column stands twice"
                    )
                    raise ConfigError(path, reader.line_num, problem, f"the first line names the columns: {wanted}")
                continue
            if len(values) != len(header):
                problem = f"{len(values)} values for {len(header)} columns"
                raise ConfigError(
                    path, reader.line_num, problem, "separate values by commas; quote a value that holds one"
                )
            yield reader.line_num, dict.fromkeys(columns, "") | dict(zip(header, values, strict=True))
    except csv.Error as error:
        raise ConfigError(
            path, reader.line_num, f"not valid CSV: {error}", "close every quote; separate values by commas"
        ) from None
    if header is None:
        raise ConfigError(path, None, "it is empty", f"the first line names the columns: {wanted}")


def _email(path: Path, line: int, row: dict[str, str], column: str) -> str:
    value = row[column].lower()
    name, at, domain = value.partition("@")
    if not (name and at and domain) or any(character.isspace() for character in value):
        raise ConfigError(path, line, f"{column} is not an e-mail address", "write one like ada@example.com")
    return value


def _day(path: Path, line: int, row: dict[str, str], column: str) -> date | None:
    if not row[column]:
        return None
    try:
        return date.fromisoformat(row[column])
    except ValueError:
        raise ConfigError(
            path, line, f"{column} is not a date", "write it like 2024-01-31, or leave it empty"
        ) from None


def _zone(path: Path, line: int, value: str) -> str | None:
    if not value:
        return None
    try:
        return ZoneInfo(value).key
    except (OSError, ValueError, LookupError):
        raise ConfigError(
            path, line, "no time zone has this name", "write one like Europe/Berlin, or leave it empty"
        ) from None
