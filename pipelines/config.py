"""`mergeline.toml`, validated, with globs expanded and defaults found: what a run is asked to do.

Belongs here: the models of the configuration and what is wrong with it, in words that mend it. Does not belong
here: reading any source, nor the roster's own rows (`sources/people.py`).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections import Counter
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, ValidationError, field_validator

from pipelines.config_errors import ConfigError, explain_syntax, explain_validation, line_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "Calendar",
    "Config",
    "ConfigError",
    "Judgements",
    "Metrics",
    "People",
    "Privacy",
    "Repository",
    "SessionSource",
    "default_sessions",
    "find_repository",
    "load_config",
]

FILE_NAME = "mergeline.toml"
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_GLOB = re.compile(r"[*?\[]")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Repository(_Model):
    """A clone, bare or not. `shown` is the path as the configuration writes it; `path` is absolute."""

    path: Path
    name: str = Field(min_length=1)
    mainline: str = Field(default="HEAD", min_length=1)
    isolation: Literal["shadow", "mirror"] = "shadow"
    shown: str = ""

    @property
    def label(self) -> str:
        """The path that messages and tables may show."""
        return self.shown or str(self.path)


class SessionSource(_Model):
    """A file or folder of session records. `shown` is the path as the configuration writes it."""

    path: Path
    format: Literal["auto", "claude-code", "codex"] = "auto"
    engineer: str | None = None
    shown: str = ""

    @property
    def label(self) -> str:
        """The path that messages and tables may show."""
        return self.shown or str(self.path)


class People(_Model):
    """CSV files that say who is who, beside each repository's own mailmap."""

    roster: Path | None = None
    aliases: Path | None = None


class Calendar(_Model):
    """What a day is, and which days count as working days."""

    time_zone: str = "UTC"
    working_days: tuple[Weekday, ...] = Field(default=("mon", "tue", "wed", "thu", "fri"), min_length=1)
    holidays: str | None = Field(default=None, pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (OSError, ValueError, LookupError):
            message = f"no time zone is called {zone!r}; write a name like Europe/Berlin or UTC"
            raise ValueError(message) from None
        return zone


class Metrics(_Model):
    """What the figures are measured against."""

    baseline: tuple[date, date] = (date(2024, 1, 1), date(2024, 12, 31))
    assume_unmarked_is_human: Annotated[StrictBool | date, Field(union_mode="left_to_right")] = False

    @field_validator("baseline")
    @classmethod
    def _baseline_in_order(cls, baseline: tuple[date, date]) -> tuple[date, date]:
        if baseline[0] > baseline[1]:
            message = f"the baseline ends ({baseline[1]}) before it begins ({baseline[0]}); swap the two dates"
            raise ValueError(message)
        return baseline


class Privacy(_Model):
    """How people are protected in what is published."""

    pseudonyms: StrictBool = True
    minimum_group: StrictInt = Field(default=5, ge=1)


class Judgements(_Model):
    """Recorded verdicts and human labels."""

    path: str = Field(min_length=1)


class Config(_Model):
    """The effective configuration of a run: every path absolute, every glob expanded, every name unique."""

    repositories: tuple[Repository, ...] = ()
    sessions: tuple[SessionSource, ...] = ()
    people: People = People()
    calendar: Calendar = Calendar()
    metrics: Metrics = Metrics()
    privacy: Privacy = Privacy()
    judgements: Path | None = None
    out: Path = Path("data")
    source: Path | None = None
    """The file it came from; `None` where the defaults were taken."""

    @property
    def digest(self) -> str:
        """SHA-256 of everything that can change a number, hexadecimal: the same on every machine and in every folder."""
        values = self.model_dump(
            mode="json", exclude={"out", "source", "repositories", "sessions", "people", "judgements"}
        )
        values["repositories"] = [
            r.model_dump(mode="json", exclude={"path", "shown"})
            for r in sorted(self.repositories, key=lambda r: r.name)
        ]
        sources = [s.model_dump_json(exclude={"path", "shown"}) for s in self.sessions]
        values["sessions"] = sorted(sources)
        for name, path in (
            ("roster", self.people.roster),
            ("aliases", self.people.aliases),
            ("judgements", self.judgements),
        ):
            values[name] = hashlib.sha256(path.read_bytes()).hexdigest() if path and path.is_file() else None
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


class _RepositoryEntry(_Model):
    path: str = Field(min_length=1)
    name: str | None = Field(default=None, min_length=1, max_length=200)
    mainline: str = Field(default="HEAD", min_length=1)
    isolation: Literal["shadow", "mirror"] = "shadow"


class _SessionEntry(_Model):
    path: str = Field(min_length=1)
    format: Literal["auto", "claude-code", "codex"] = "auto"
    engineer: str | None = Field(default=None, pattern=r"^\S+@\S+$")


class _PeopleEntry(_Model):
    roster: str | None = Field(default=None, min_length=1)
    aliases: str | None = Field(default=None, min_length=1)


class _File(_Model):
    repositories: list[_RepositoryEntry] = []
    sessions: list[_SessionEntry] = []
    people: _PeopleEntry = _PeopleEntry()
    calendar: Calendar = Calendar()
    metrics: Metrics = Metrics()
    privacy: Privacy = Privacy()
    judgements: Judgements | None = None


def load_config(
    path: Path | None,
    *,
    repositories: Iterable[str | Path] = (),
    sessions: Iterable[str | Path] = (),
    out: Path | None = None,
    folder: Path,
) -> Config:
    """Read `path`, else `mergeline.toml` of `folder`, else take what `folder` and this user's agents hold.

    `repositories` and `sessions` take the place of the file's. Repositories alone (no `path`) mean: exactly these,
    no file and no session folders of the user. Relative paths are relative to the file that names them, those of the
    arguments to `folder`. Raises `ConfigError`, which names file, line and mend.
    """
    repository_paths = [str(value) for value in repositories]
    session_paths = [str(value) for value in sessions]
    if path is None and not repository_paths and (folder / FILE_NAME).is_file():
        path = folder / FILE_NAME
    text, file = _read(path) if path is not None else ("", _File())
    base = path.absolute().parent if path is not None else folder
    place = _Place(path, text)

    if repository_paths:
        entries = [_RepositoryEntry(path=value) for value in repository_paths]
        found = _expand_repositories(entries, folder, _Place(None, "", "--repo"))
    elif path is not None:
        found = _expand_repositories(file.repositories, base, place)
    else:
        own = find_repository(folder)
        found = [Repository(path=own, name=own.name, shown=".")] if own else []

    if session_paths:
        sources = _expand_sessions([_SessionEntry(path=value) for value in session_paths], folder)
    elif path is not None:
        sources = _expand_sessions(file.sessions, base)
    else:
        sources = [] if repository_paths else default_sessions()

    people = People(
        roster=_existing(file.people.roster, base, place, ("people", "roster")),
        aliases=_existing(file.people.aliases, base, place, ("people", "aliases")),
    )
    judgements = _existing(file.judgements.path, base, place, ("judgements", "path")) if file.judgements else None
    if not found and not sources:
        mend = "name one with --repo PATH or --sessions PATH, or in a mergeline.toml"
        raise ConfigError(path, None, "no repository and no session folder to read", mend)
    if out is not None and out.exists() and not out.is_dir():
        raise ConfigError(None, None, f"--out {out} is a file", "name a folder")
    return Config(
        repositories=tuple(found),
        sessions=tuple(sources),
        people=people,
        calendar=file.calendar,
        metrics=file.metrics,
        privacy=file.privacy,
        judgements=judgements,
        out=(folder / (out or Path("data"))).absolute(),
        source=path.absolute() if path is not None else None,
    )


def find_repository(folder: Path) -> Path | None:
    """The git repository that `folder` is in: the nearest folder upwards that is one, bare or not."""
    start = folder.absolute()
    return next((parent for parent in (start, *start.parents) if _is_repository(parent)), None)


def default_sessions() -> list[SessionSource]:
    """Session folders that the agents of this user keep, honouring CLAUDE_CONFIG_DIR and CODEX_HOME; only those that exist."""
    claude = os.environ.get("CLAUDE_CONFIG_DIR", "")
    # The variable may list several folders, as the agent's own tools accept it.
    homes = [Path(part.strip()).expanduser() for part in claude.split(",") if part.strip()]
    homes = homes or [Path("~/.claude").expanduser(), Path("~/.config/claude").expanduser()]
    sources = [_default_source(home / "projects", "claude-code") for home in homes if (home / "projects").is_dir()]
    codex = Path(os.environ.get("CODEX_HOME") or "~/.codex").expanduser()
    folders = (codex / "sessions", codex / "archived_sessions")
    return sources + [_default_source(folder, "codex") for folder in folders if folder.is_dir()]


def _default_source(path: Path, kind: Literal["claude-code", "codex"]) -> SessionSource:
    home = Path.home()
    shown = f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
    return SessionSource(path=path, format=kind, shown=shown)


class _Place:
    """Where a value stands, for error messages: a line of the file, or an option of the command line."""

    def __init__(self, path: Path | None, text: str, option: str = "") -> None:
        self.path = path
        self.text = text
        self.option = option

    def error(self, location: Sequence[str | int], message: str, mend: str) -> ConfigError:
        if self.path is None:
            return ConfigError(None, None, f"{self.option}: {message}", mend)
        return ConfigError(self.path, line_of(self.text, location), message, mend)


def _read(path: Path) -> tuple[str, _File]:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigError(path, None, "there is no such file", "check the path given with --config") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(path, None, f"cannot be read: {reason}", "make it a readable UTF-8 text file") from None
    try:
        values: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise explain_syntax(path, error) from None
    try:
        return text, _File.model_validate(values)
    except ValidationError as error:
        raise explain_validation(path, text, error, _File) from None


def _existing(value: str | None, base: Path, place: _Place, location: Sequence[str | int]) -> Path | None:
    if value is None:
        return None
    path = _absolute(value, base)
    if not path.is_file():
        mend = "correct the path (it is relative to the configuration file) or remove the line"
        raise place.error(location, f"{'.'.join(map(str, location))} names a file that does not exist: {value}", mend)
    return path


def _absolute(value: str, base: Path) -> Path:
    # normpath, not resolve: a link that the user chose keeps its name.
    return Path(os.path.normpath(base.absolute() / Path(value).expanduser()))


def _matches(value: str, base: Path) -> list[tuple[Path, str]]:
    """Paths that a value stands for, sorted, each with how it may be shown; one for a value without wildcards."""
    path = _absolute(value, base)
    if not _GLOB.search(value) or path.exists():
        return [(path, value)]
    steady = Path(*[part for part in path.parts if not _GLOB.search(part)][: _first_wildcard(path)])
    pattern = str(path.relative_to(steady))
    prefix = value[: len(value) - len(pattern)] if value.endswith(pattern) else f"{steady}/"
    return [(match, prefix + str(match.relative_to(steady))) for match in sorted(steady.glob(pattern))]


def _first_wildcard(path: Path) -> int:
    return next(index for index, part in enumerate(path.parts) if _GLOB.search(part))


def _is_repository(path: Path) -> bool:
    return (path / ".git").exists() or ((path / "HEAD").is_file() and (path / "objects").is_dir())


def _name_apart(paths: Iterable[Path], names: Iterable[str]) -> dict[Path, str]:
    """A name for each path: its folder's, with as many of the folders above it as tell it from all other names."""
    parts = {path: (path.parent if path.name == ".git" else path).parts[1:] for path in paths}
    depth = dict.fromkeys(parts, 1)
    while True:
        chosen = {path: "/".join(parts[path][-depth[path] :]) for path in parts}
        count = Counter([*chosen.values(), *names])
        shared = [path for path in parts if count[chosen[path]] > 1 and depth[path] < len(parts[path])]
        if not shared:
            return chosen
        for path in shared:
            depth[path] += 1


def _expand_repositories(entries: Sequence[_RepositoryEntry], base: Path, place: _Place) -> list[Repository]:
    named = {path for entry in entries for path, _ in _matches(entry.path, base) if path == _absolute(entry.path, base)}
    unnamed = [
        path
        for entry in entries
        if not entry.name
        for path, _ in _matches(entry.path, base)
        if path == _absolute(entry.path, base) or _is_repository(path)
    ]
    apart = _name_apart(unnamed, {entry.name for entry in entries if entry.name})
    taken: dict[Path, int] = {}
    names: dict[str, int] = {}
    found: list[Repository] = []
    for index, entry in enumerate(entries):
        location = ("repositories", index, "path")
        matches = _matches(entry.path, base)
        if _absolute(entry.path, base) not in named:
            # A repository with an entry of its own keeps that entry's settings, whatever patterns match it too.
            repositories = [(path, shown) for path, shown in matches if _is_repository(path)]
            matches = [(path, shown) for path, shown in repositories if path not in named and path not in taken]
            if not repositories:
                # Kept as it is, like a folder that is not there: its reader refuses it and says so in `repositories`.
                matches = [(_absolute(entry.path, base), entry.path)]
            if entry.name and len(matches) > 1:
                message = f"one name ({entry.name}) for {len(matches)} repositories that match {entry.path}"
                raise place.error(("repositories", index, "name"), message, "remove the name: each takes its folder's")
        for path, shown in matches:
            if path in taken:
                raise place.error(location, f"{entry.path} is listed twice", "remove one of the two entries")
            name = entry.name or apart.get(path, shown)  # a pattern that matches nothing is called as it is written
            if name == "all" or not name.isprintable():
                message = f"a repository cannot be called {name!r}" + (
                    ": `all` stands for all of them" if name == "all" else ""
                )
                raise place.error(location, message, 'give it another name: name = "..."')
            if name in names:
                message = f"two repositories are called {name!r}"
                raise place.error(
                    location, message, 'give one of them another name in its own [[repositories]] entry: name = "..."'
                )
            taken[path] = names[name] = index
            found.append(
                Repository(path=path, name=name, mainline=entry.mainline, isolation=entry.isolation, shown=shown)
            )
    return found


def _expand_sessions(entries: Sequence[_SessionEntry], base: Path) -> list[SessionSource]:
    """A pattern that matches nothing stays as it is: its reader reports it as missing."""
    return [
        SessionSource(path=path, format=entry.format, engineer=entry.engineer, shown=shown)
        for entry in entries
        for path, shown in _matches(entry.path, base) or [(_absolute(entry.path, base), entry.path)]
    ]
