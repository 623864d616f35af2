"""What is configured, found, readable and stale, each with what to do about it.

Belongs here: looking without reading: no commit and no session record is opened. Does not belong here: mending anything.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.console import Console

    from pipelines.config import Config

_OLDEST_GIT = (2, 32)
"""GIT_CONFIG_GLOBAL, without which a repository is not read in isolation, came with this release."""
_STALE = timedelta(days=1)
_SHOWN = 10
_RECORDS = (".jsonl", ".jsonl.zst", ".jsonl.gz")


@dataclass(frozen=True)
class Finding:
    """One line of the report: `mend` is empty where nothing is wrong; `is_urgent` where a run would fail or skip it."""

    topic: str
    text: str
    mend: str = ""
    is_urgent: bool = False


def examine(config: Config) -> int:
    """Print every finding to stdout and return the exit status: 1 where one is urgent."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    findings = [*_installation(), *_configuration(config), *_repositories(config), *_sessions(config), *_output(config)]
    for finding in findings:
        mark = "[red]x[/]" if finding.is_urgent else "[yellow]![/]" if finding.mend else "[green]ok[/]"
        console.print(f"{mark:>10} [bold]{finding.topic:<12}[/] {escape(finding.text)}")
        if finding.mend:
            console.print(f"{'':15} {escape(finding.mend)}")
    return _close(console, findings)


def _close(console: Console, findings: list[Finding]) -> int:
    urgent = sum(finding.is_urgent for finding in findings)
    advice = sum(bool(finding.mend) for finding in findings) - urgent
    console.print(f"\n{urgent} to mend, {advice} to know." if urgent or advice else "\nEverything is in order.")
    return 1 if urgent else 0


def _installation() -> Iterator[Finding]:
    from pipelines.environment import package_version

    yield Finding("mergeline", f"{package_version()} on Python {platform.python_version()}")
    git = shutil.which("git")
    if git is None:
        yield Finding("git", "is not on PATH", "install git", is_urgent=True)
        return
    text = subprocess.run([git, "version"], capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    version = tuple(int(part) for part in re.findall(r"\d+", text)[:2])
    mend = "" if version >= _OLDEST_GIT else f"install git {'.'.join(map(str, _OLDEST_GIT))} or newer"
    yield Finding("git", text, mend, is_urgent=bool(mend))


def _configuration(config: Config) -> Iterator[Finding]:
    source = str(config.source) if config.source else "none: the defaults of this folder, or the last run's arguments"
    yield Finding("config", source)
    for name, path in (("roster", config.people.roster), ("aliases", config.people.aliases)):
        if path is not None:
            yield _people(name, path)
    if config.people.roster is None and config.people.aliases is None:
        yield Finding("people", "no roster and no aliases: engineers come from commits and mailmaps alone")


def _people(name: str, path: Path) -> Finding:
    from pipelines.config_errors import ConfigError
    from pipelines.sources.people import read_aliases, read_roster

    try:
        rows = len(read_roster(path)) if name == "roster" else len(read_aliases(path))
    except ConfigError as error:
        return Finding(name, error.message, f"{path}:{error.line or 1}: {error.mend}", is_urgent=True)
    return Finding(name, f"{path}: {rows:,} rows")


def _repositories(config: Config) -> Iterator[Finding]:
    from pipelines.config import find_repository
    from pipelines.sources.git import load_reads

    if not config.repositories:
        yield Finding("repository", "none", "name one with --repo PATH or in mergeline.toml")
    for repository in config.repositories:
        topic, path = "repository", repository.path
        if not path.exists():
            yield Finding(
                topic,
                f"{repository.name}: {repository.label} does not exist",
                "correct the path, or clone it",
                is_urgent=True,
            )
        elif not os.access(path, os.R_OK | os.X_OK):
            yield Finding(
                topic,
                f"{repository.name}: {repository.label} cannot be read",
                "give this user read access",
                is_urgent=True,
            )
        elif path.name != ".git" and find_repository(path) != path:
            yield Finding(
                topic,
                f"{repository.name}: {repository.label} is no git repository",
                "name the folder that holds .git",
                is_urgent=True,
            )
        else:
            read = load_reads(config.out / "state", [repository])[0]
            how_far = "never read"
            if read.head_sha:
                how_far = f"read up to {read.head_sha[:12]} ({read.commits:,} commits, {read.status})"
            mend = (read.error or "") if read.status != "ok" else ""
            yield Finding(topic, f"{repository.name}: {repository.label}, {repository.mainline}, {how_far}", mend)


def _sessions(config: Config) -> Iterator[Finding]:
    if not config.sessions:
        yield Finding("sessions", "none", "name a folder with --sessions PATH or in mergeline.toml for session figures")
    for source in config.sessions:
        if not source.path.exists():
            yield Finding(
                "sessions", f"{source.label} does not exist", "correct the path, or remove the entry", is_urgent=True
            )
            continue
        files, newest = _count_records(source.path)
        mend = "" if files else "name the folder that holds the agent's .jsonl files"
        since = f", newest {datetime.fromtimestamp(newest, UTC):%Y-%m-%d %H:%M} UTC" if files else ""
        yield Finding("sessions", f"{source.label}: {files:,} files{since}", mend)


def _count_records(path: Path) -> tuple[int, float]:
    paths = [path] if path.is_file() else (file for file in path.rglob("*") if file.name.endswith(_RECORDS))
    times = [file.lstat().st_mtime for file in paths]
    return len(times), max(times, default=0.0)


def _output(config: Config) -> Iterator[Finding]:
    warehouse = config.out / "mergeline.duckdb"
    if not warehouse.exists():
        yield Finding("warehouse", f"{warehouse} is not published yet", "run `mergeline run`")
        return
    from warehouse.query import run_query

    row = run_query(warehouse, "SELECT max(published_at) AS at, count(*) AS runs FROM runs").row(0, named=True)
    age = datetime.now(UTC) - row["at"].replace(tzinfo=UTC)
    mend = f"the last run is {age.days} days old: run `mergeline run`" if age > _STALE else ""
    yield Finding("warehouse", f"{warehouse}: published {row['at']:%Y-%m-%d %H:%M} UTC, {row['runs']} runs", mend)
    yield from _quarantine(config, warehouse)


def _quarantine(config: Config, warehouse: Path) -> Iterator[Finding]:
    """What could not be used, by file. Only here is a session file's path shown: the warehouse holds its keyed hash."""
    from warehouse.query import run_query

    rows = run_query(
        warehouse,
        "SELECT source, path, reason, any_value(detail) AS detail, count(*) AS records FROM quarantine "
        "GROUP BY ALL ORDER BY records DESC, source, path, reason",
    )
    book = config.out / "identities" / "session_files.json"
    paths: dict[str, str] = json.loads(book.read_text()) if book.exists() else {}
    for row in rows.head(_SHOWN).iter_rows(named=True):
        records = f"{row['records']:,} record{'s' if row['records'] > 1 else ''}"
        yield Finding("quarantine", f"{paths.get(row['path'], row['path'])}: {records}, {row['reason']}", row["detail"])
    if rows.height > _SHOWN:
        yield Finding("quarantine", f"{rows.height - _SHOWN} more files", "mergeline query 'FROM quarantine'")
