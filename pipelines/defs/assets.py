"""The assets from the readers to the figures: each step calls one reader or stage and says what it wrote."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from pipelines.defs.resources import Workspace
from pipelines.defs.specs import lake_result, table_spec
from pipelines.environment import stages_version
from pipelines.progress import current_progress

# A reader fails for reasons that pass: a repository that is being fetched, a disk that is slow to wake.
_READER_RETRIES = dg.RetryPolicy(max_retries=2, delay=1, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
_GIT_TABLES = ("git_commits", "git_changes", "git_lines", "git_marks", "git_notes")
_SESSION_TABLES = ("session_files", "session_events", "session_edits", "session_lines")
_HISTORY_TABLES = ("landings", "commits", "file_changes", "credited_lines", "merged_lines", "session_landings")

Results = Iterator[dg.MaterializeResult]


@dg.multi_asset(
    name="git_history",
    specs=[table_spec(name, kinds=("git", "numba", "parquet")) for name in _GIT_TABLES],
    retry_policy=_READER_RETRIES,
)
def git_history(workspace: Workspace) -> Results:
    """Read what is new in every repository. A repository that cannot be read is refused, and the others are read."""
    from pipelines.sources.git import ingest_repository

    reads = [
        ingest_repository(
            repository,
            workspace.lake,
            workspace.identities,
            state=workspace.state,
            jobs=workspace.workers,
            progress=current_progress(),
        )
        for repository in workspace.settings.repositories
    ]
    said = {
        "commits_new": sum(read.commits_new for read in reads),
        "lines_new": sum(read.lines_new for read in reads),
        "refused": sum(read.status == "refused" for read in reads),
    }
    for name in _GIT_TABLES:
        yield lake_result(workspace.lake, name, said if name == "git_commits" else None)


@dg.multi_asset(
    name="session_records",
    specs=[table_spec(name, kinds=("python", "parquet")) for name in _SESSION_TABLES],
    retry_policy=_READER_RETRIES,
)
def session_records(workspace: Workspace) -> Results:
    """Read every new or changed session file; broken records go to quarantine."""
    from pipelines.sources.sessions import ingest_sessions

    read = ingest_sessions(
        workspace.settings.sessions,
        workspace.lake,
        workspace.identities,
        state=workspace.state,
        progress=current_progress(),
    )
    said = {
        "files_found": read.files,
        "files_read": read.files_read,
        "files_skipped": read.files_skipped,
        "missing_sources": read.missing,
    }
    for name in _SESSION_TABLES:
        yield lake_result(workspace.lake, name, said if name == "session_files" else None)


@dg.multi_asset(
    name="quarantine", specs=[table_spec("quarantine", deps=("git_commits", "session_files"), kinds=("parquet",))]
)
def quarantine(workspace: Workspace) -> Results:
    """Count what the readers could not use; they wrote it down themselves."""
    rows = workspace.lake.read("quarantine")
    reasons = (
        rows.group_by("source", "reason")
        .len("records")
        .sort("records", "source", "reason", descending=[True, False, False])
    )
    table = "\n".join(
        [
            "| source | reason | records |",
            "| --- | --- | ---: |",
            *(f"| {a} | {b} | {n} |" for a, b, n in reasons.rows()),
        ]
    )
    yield lake_result(workspace.lake, "quarantine", {"reasons": dg.MetadataValue.md(table)})


@dg.multi_asset(
    name="engineer_identities", specs=[table_spec("engineer_identities", deps=("git_commits", "git_marks"))]
)
def engineer_identities(workspace: Workspace) -> Results:
    """Find out which identities are one engineer, by mailmap and aliases."""
    from pipelines.stages.histories import build_identities

    build_identities(workspace.reads, workspace.lake, workspace.identities, workspace.rules)
    yield lake_result(workspace.lake, "engineer_identities")


@dg.multi_asset(
    name="histories",
    specs=[
        table_spec(
            name,
            deps=(*_GIT_TABLES, "session_events", "session_edits", "session_lines", "engineer_identities"),
            kinds=("numba", "polars", "parquet"),
        )
        for name in _HISTORY_TABLES
    ],
)
def histories(workspace: Workspace) -> Results:
    """Find every commit's landing, credit every merged line, and weigh the evidence about who wrote it."""
    from pipelines.stages.histories import build_histories

    done = build_histories(
        workspace.settings.repositories,
        workspace.reads,
        workspace.ledger,
        workspace.lake,
        workspace.identities,
        workspace.rules,
        code_version=stages_version(),
        progress=current_progress(),
    )
    said = {"computed": list(done.computed), "unchanged": list(done.unchanged)}
    for name in _HISTORY_TABLES:
        yield lake_result(workspace.lake, name, said if name == "landings" else None)


@dg.multi_asset(
    name="engineers",
    specs=[table_spec("engineers", deps=("engineer_identities", "landings", "merged_lines"))],
)
def engineers(workspace: Workspace) -> Results:
    """Summarise everyone who landed something."""
    from pipelines.stages.engineers import summarise_engineers

    workspace.lake.write("engineers", summarise_engineers(workspace.lake))
    yield lake_result(workspace.lake, "engineers")


@dg.multi_asset(name="repositories", specs=[table_spec("repositories", deps=("git_commits", "landings", "commits"))])
def repositories(workspace: Workspace) -> Results:
    """Say of every configured repository what was read of it."""
    from pipelines.stages.repositories import build_repositories

    lake, reads = workspace.lake, workspace.reads
    shown = {repository.name: repository.label for repository in workspace.settings.repositories}
    lake.write("repositories", build_repositories(reads, shown, lake.read("landings"), lake.read("commits")))
    yield lake_result(lake, "repositories", {"refused": sum(read.status == "refused" for read in reads)})


@dg.multi_asset(
    name="sessions",
    specs=[
        table_spec("sessions", deps=(*_SESSION_TABLES, "session_landings", "credited_lines", "commits", "git_changes"))
    ],
)
def sessions(workspace: Workspace) -> Results:
    """Sum every session's records, each counted once, with what landed of it."""
    from pipelines.stages.histories import find_session_engineers, find_session_repos
    from pipelines.stages.sessions import build_sessions

    lake, ledger = workspace.lake, workspace.ledger
    repos = find_session_repos(workspace.settings.repositories, ledger, lake, workspace.identities)
    rows = build_sessions(ledger, lake.read("session_landings"), repos, find_session_engineers(lake))
    lake.write("sessions", rows)
    yield lake_result(lake, "sessions")


@dg.multi_asset(
    name="session_outcomes",
    specs=[table_spec("session_outcomes", deps=("sessions", "session_events", "session_edits"))],
)
def session_outcomes(workspace: Workspace) -> Results:
    """Judge how every session ended."""
    from pipelines.stages.outcomes import judge_sessions

    lake = workspace.lake
    lake.write("session_outcomes", judge_sessions(workspace.ledger, lake.read("sessions")))
    yield lake_result(lake, "session_outcomes")


@dg.multi_asset(
    name="lines_per_engineer_quarter",
    specs=[
        table_spec(
            "lines_per_engineer_quarter",
            deps=("landings", "merged_lines", "engineers"),
            kinds=("numba", "polars", "parquet"),
        )
    ],
)
def lines_per_engineer_quarter(workspace: Workspace) -> Results:
    """Lines merged per engineer per day, by quarter, with bootstrap intervals."""
    from pipelines.stages.metrics import build_quarters

    lake = workspace.lake
    frame = build_quarters(
        lake.read("landings"),
        lake.read("merged_lines"),
        lake.read("engineers"),
        baseline=workspace.settings.metrics.baseline,
    )
    lake.write("lines_per_engineer_quarter", frame)
    yield lake_result(lake, "lines_per_engineer_quarter")


@dg.multi_asset(
    name="session_rates",
    specs=[
        table_spec("session_success", deps=("sessions", "session_outcomes"), kinds=("numba", "polars", "parquet")),
        table_spec("session_friction", deps=("sessions", "session_outcomes", "session_events")),
    ],
)
def session_rates(workspace: Workspace) -> Results:
    """How often sessions succeed, and how often a person has to step in."""
    from pipelines.stages.metrics import build_friction, build_success

    lake = workspace.lake
    rows, outcomes = lake.read("sessions"), lake.read("session_outcomes")
    lake.write("session_success", build_success(rows, outcomes))
    lake.write("session_friction", build_friction(rows, outcomes, workspace.ledger.events))
    for name in ("session_success", "session_friction"):
        yield lake_result(lake, name)


ASSETS = [
    git_history,
    session_records,
    quarantine,
    engineer_identities,
    histories,
    engineers,
    repositories,
    sessions,
    session_outcomes,
    lines_per_engineer_quarter,
    session_rates,
]
