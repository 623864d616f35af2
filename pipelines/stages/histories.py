"""All repositories through landings, credit and resolution; repositories without a change are left as they are.

Belongs here: the order of the stages over a repository, and when it need not run. Does not belong here: what each
stage computes (its own module).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from pipelines.stages.attribution import build_credited_lines
from pipelines.stages.categories import categorise
from pipelines.stages.engineers import build_engineer_identities
from pipelines.stages.history import load_history
from pipelines.stages.landings import build_commits, build_file_changes, build_landings
from pipelines.stages.places import assign_edits, find_places, locate_sessions
from pipelines.stages.resolution import find_sponsors, resolve_lines, summarise_marks
from schemas import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from pipelines.config import Repository
    from pipelines.identities import Identities
    from pipelines.lake import Lake
    from pipelines.progress import Progress
    from pipelines.sources.git import RepositoryRead
    from pipelines.stages.ledger import Ledger

STAGE_TABLES = ("landings", "commits", "file_changes", "credited_lines", "merged_lines", "session_landings")
_GIT_TABLES = ("git_commits", "git_changes", "git_lines", "git_marks", "git_notes")
_NO_SESSIONS = ("edit_id", "session_id", "tool", "model", "edited_at", "repo", "path")


@dataclass(frozen=True)
class Rules:
    """What of the configuration decides about lines."""

    aliases: Mapping[str, str]
    assume_unmarked_is_human: bool | date = False
    pseudonyms: bool = True


@dataclass(frozen=True)
class Computed:
    """Repositories that were computed, and those that had not changed."""

    computed: tuple[str, ...]
    unchanged: tuple[str, ...]


def build_identities(reads: Sequence[RepositoryRead], lake: Lake, identities: Identities, rules: Rules) -> None:
    """Write `engineer_identities` of every repository."""
    _keep_only(lake, "engineer_identities", reads)
    for read in reads:
        frame = build_engineer_identities(read.repo, lake, identities, rules.aliases, pseudonyms=rules.pseudonyms)
        lake.write("engineer_identities", frame, {"repo": read.repo})


def build_histories(
    repositories: Sequence[Repository],
    reads: Sequence[RepositoryRead],
    ledger: Ledger,
    lake: Lake,
    identities: Identities,
    rules: Rules,
    *,
    code_version: str,
    progress: Progress,
) -> Computed:
    """Write landings, commits, file_changes, credited_lines, merged_lines and session_landings of every repository."""
    for table in STAGE_TABLES:
        _keep_only(lake, table, reads)
    edits = locate_edits(repositories, ledger, lake, identities)
    computed: list[str] = []
    unchanged: list[str] = []
    progress.start("attribution", len(reads))
    for read in reads:
        mine = edits.filter(pl.col("repo") == read.repo)
        lines = ledger.lines.join(mine.select("edit_id"), on="edit_id", how="semi", maintain_order="left")
        stamp = _stamp(read, lake, mine, lines, rules, code_version)
        marker = lake.file_of("merged_lines", {"repo": read.repo}).with_name("stamp.json")
        if marker.exists() and json.loads(marker.read_text()) == stamp:
            unchanged.append(read.repo)
        else:
            marker.unlink(missing_ok=True)
            _build(read, mine, lines, lake, rules)
            marker.write_text(json.dumps(stamp))
            computed.append(read.repo)
        progress.advance("attribution")
    progress.finish("attribution")
    return Computed(tuple(computed), tuple(unchanged))


def locate_edits(
    repositories: Sequence[Repository], ledger: Ledger, lake: Lake, identities: Identities
) -> pl.DataFrame:
    """Edits that went to a repository: `edit_id`, `session_id`, `tool`, `model`, `edited_at`, `repo`, `path`."""
    places = find_places(repositories, lake, identities)
    assigned = assign_edits(ledger.edits, places)
    facts = ledger.edits.select("edit_id", "tool", "model", "edited_at")
    return assigned.join(facts, on="edit_id", how="left").select(_NO_SESSIONS).sort("edit_id")


def _build(read: RepositoryRead, edits: pl.DataFrame, lines: pl.DataFrame, lake: Lake, rules: Rules) -> None:
    partition = {"repo": read.repo}
    history = load_history(read.repo, read.head_sha, lake)
    marks = lake.read("git_marks", partition)
    sponsors = find_sponsors(history.commits, marks, lake.read("engineer_identities", partition))
    file_changes = build_file_changes(history, categorise(history.changes["path"]))
    credited = build_credited_lines(history, lake.read("git_notes", partition), edits, lines)
    landed_on = history.commits.filter(pl.col("is_mainline")).select(
        landing_sha="commit_sha", landed_on=pl.col("committed_at").dt.date()
    )
    merged = resolve_lines(
        credited,
        marks,
        landed_on,
        sponsors,
        file_changes,
        edits.select("session_id", "tool").unique().sort("session_id", "tool").unique("session_id", keep="first"),
        assume_unmarked_is_human=rules.assume_unmarked_is_human,
    )
    lake.write("file_changes", file_changes, partition)
    lake.write("credited_lines", credited, partition)
    lake.write("merged_lines", merged, partition)
    lake.write("landings", build_landings(history, sponsors, merged), partition)
    lake.write("commits", build_commits(history, sponsors, summarise_marks(marks)), partition)
    lake.write("session_landings", _sum_sessions(credited), partition)


def _sum_sessions(credited: pl.DataFrame) -> pl.DataFrame:
    table = TABLES["session_landings"]
    rows = credited.filter(pl.col("session_id").is_not_null() & (pl.col("lines_effective") > 0))
    return rows.group_by(table.key).agg(lines=pl.col("lines_effective").sum()).select(table.columns).sort(table.key)


def _keep_only(lake: Lake, table: str, reads: Sequence[RepositoryRead]) -> None:
    """Remove the partitions of repositories that the configuration no longer names."""
    wanted = {lake.file_of(table, {"repo": read.repo}) for read in reads}
    for file in lake.files(table):
        if file not in wanted:
            lake.remove_file(file)


def _stamp(
    read: RepositoryRead, lake: Lake, edits: pl.DataFrame, lines: pl.DataFrame, rules: Rules, code_version: str
) -> dict[str, str]:
    """What a repository's tables were computed from."""
    inputs = hashlib.sha256()
    for table in (*_GIT_TABLES, "engineer_identities"):
        for file in lake.files(table, {"repo": read.repo}):
            inputs.update(file.relative_to(lake.root).as_posix().encode() + hashlib.sha256(file.read_bytes()).digest())
    sessions = hashlib.sha256()
    for frame in (edits, lines):
        for column in frame.hash_rows().to_numpy().tobytes(), str(frame.height).encode():
            sessions.update(column)
    return {
        "head": read.head_sha or "",
        "inputs": inputs.hexdigest(),
        "sessions": sessions.hexdigest(),
        "assume": str(rules.assume_unmarked_is_human),
        "code": code_version,
    }


def find_session_repos(
    repositories: Sequence[Repository], ledger: Ledger, lake: Lake, identities: Identities
) -> pl.DataFrame:
    """Repository of each session: `session_id`, `repo`; where most of its edits went, else where it ran."""
    places = find_places(repositories, lake, identities)
    return locate_sessions(ledger.events, assign_edits(ledger.edits, places), places)


def find_session_engineers(lake: Lake) -> pl.DataFrame:
    """Engineers who landed lines of sessions: `session_id`, `engineer_id`, `lines`."""
    credited = lake.read("credited_lines").filter(pl.col("session_id").is_not_null())
    commits = lake.read("commits").select("repo", "commit_sha", "engineer_id")
    rows = credited.join(commits, on=["repo", "commit_sha"], how="inner")
    return (
        rows.group_by("session_id", "engineer_id")
        .agg(lines=pl.col("lines_raw").sum())
        .sort("session_id", "engineer_id")
    )
