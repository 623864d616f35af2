"""An invented organisation: real git repositories, real-shaped session records, and who wrote every merged line.

Belongs here: making data whose truth is known, for the demonstration, for tests and for measuring attribution. Does
not belong here: anything that reads or judges such data.

    organisation  people and the plan of work       mainline  branches, requests, landings
    code          text in four languages            history   git fast-import
    files         lines with their authors          notes     git-ai's notes
    edits, work   what a task does to files         truth     who wrote each merged line
    conversation  the steps of a session            claude, codex, transcripts  the records of a session
"""

from __future__ import annotations

import csv
import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING

from pipelines.simulation.mainline import Mainline
from pipelines.simulation.organisation import found_organisation
from pipelines.simulation.transcripts import write_session
from pipelines.simulation.truth import write_lines, write_sessions

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.simulation.conversation import Session
    from pipelines.simulation.organisation import Organisation

__all__ = ["Summary", "simulate"]

START = date(2025, 10, 1)
BASELINE_DAYS = 91
README = """\
# An invented organisation

Everything in this folder is made up by `mergeline simulate`: the people, the code, the conversations, the history.
Nothing here was written by a person or by an agent. The same arguments give the same bytes.

    repositories/     bare git repositories; notes of git-ai in refs/notes/ai, pull requests in refs/pull/*/head
    sessions/         session records as Claude Code and Codex keep them
    roster.csv        who works when
    mergeline.toml    a configuration that reads all of it: mergeline run --config mergeline.toml
    truth/            what no real organisation has

`truth/lines.csv` has one row per added line of each first-parent commit, as `git log --first-parent -m -p` shows
them: who wrote that line (`ai`, `human`, `automation`, `generated`), with which tool, for which engineer, in which
session. A line that was moved, restored or only reformatted keeps its author. Lock files and generated files are
`generated` whoever commits them. An agent in the cloud has no session.

`truth/sessions.csv` has one row per session: how it really ended and how hard its work was. A fork is part of the
session that it was forked from.
"""
CONFIGURATION = """\
# The configuration of an invented organisation: see README.md.

{repositories}
[[sessions]]
path = "sessions/claude/projects"
format = "claude-code"

[[sessions]]
path = "sessions/codex/sessions"
format = "codex"

[people]
roster = "roster.csv"

[metrics]
baseline = ["{first}", "{last}"]
"""

# Named one by one: the truth calls a repository by its name, without the folder's `.git`.
CONFIGURED_REPOSITORY = """\
[[repositories]]
path = "repositories/{name}.git"
name = "{name}"
"""


@dataclass(frozen=True, slots=True)
class Summary:
    """What was made: counts. `lines` are the merged (added) lines of all landings."""

    repositories: int
    engineers: int
    landings: int
    commits: int
    lines: int
    lines_ai: int
    sessions: int


def simulate(
    target: Path,
    *,
    seed: int = 1,
    engineers: int = 8,
    days: int = 270,
    repositories: int = 2,
    start: date = START,
) -> Summary:
    """Make an organisation in the folder `target`, which must not exist or be empty.

    Raises FileExistsError for a folder with anything in it, ValueError for counts below one, and HistoryError
    (`pipelines.simulation.history`) when git fails. The folder appears whole or not at all.
    """
    if min(engineers, days, repositories) < 1:
        message = f"engineers, days and repositories must be at least 1, got {engineers}, {days} and {repositories}"
        raise ValueError(message)
    target = target.absolute()
    if target.exists() and any(target.iterdir()):
        message = f"{target.name} is not empty: choose a new folder"
        raise FileExistsError(message)
    # A seeded generator, not a secure one: the same seed must give the same organisation.
    rng = Random(f"{seed}/organisation")  # noqa: S311
    organisation = found_organisation(rng, engineers=engineers, days=days, repositories=repositories, start=start)
    draft = target.with_name(f".tmp-{target.name}")
    if draft.exists():
        shutil.rmtree(draft)
    try:
        summary = _make(draft, organisation, seed)
        if target.exists():
            target.rmdir()
        draft.rename(target)
    finally:
        if draft.exists():
            shutil.rmtree(draft)
    return summary


def _make(folder: Path, organisation: Organisation, seed: int) -> Summary:
    (folder / "repositories").mkdir(parents=True)
    (folder / "truth").mkdir()
    for tool in ("claude/projects", "codex/sessions"):
        (folder / "sessions" / tool).mkdir(parents=True)
    sessions: list[Session] = []
    made: list[Mainline] = []
    for index, name in enumerate(organisation.repositories):
        rng = Random(f"{seed}/{name}")  # noqa: S311  (seeded on purpose, as above)
        written = Random(f"{seed}/{name}/records")  # noqa: S311
        mainline = Mainline(organisation, index, folder / "repositories" / f"{name}.git", rng)
        for session in mainline.run():
            write_session(folder / "sessions", session, written)
            session.steps.clear()
            sessions.append(session)
        made.append(mainline)
    rows = ((mainline.name, mainline.truth.rows(mainline.path)) for mainline in made)
    lines, lines_ai = write_lines(folder / "truth" / "lines.csv", rows)
    write_sessions(folder / "truth" / "sessions.csv", sessions)
    _write_roster(folder / "roster.csv", organisation)
    first = organisation.start
    last = first + timedelta(days=min(BASELINE_DAYS, organisation.days - 1))
    configured = "\n".join(CONFIGURED_REPOSITORY.format(name=name) for name in organisation.repositories)
    configuration = CONFIGURATION.format(repositories=configured, first=first, last=last)
    (folder / "mergeline.toml").write_text(configuration, encoding="utf-8")
    (folder / "README.md").write_text(README, encoding="utf-8")
    return Summary(
        repositories=len(made),
        engineers=len(organisation.engineers),
        landings=sum(mainline.landings for mainline in made),
        commits=sum(mainline.commits for mainline in made),
        lines=lines,
        lines_ai=lines_ai,
        sessions=len(sessions),
    )


def _write_roster(target: Path, organisation: Organisation) -> None:
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("email", "engineer", "joined", "left", "time_zone"))
        for one in organisation.engineers:
            writer.writerow((one.identity.email, one.identity.name, one.joined, one.left or "", one.zone))
