"""Small tables that fit together, for every table that the warehouse loads; tests break one and look what happens."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from pipelines.stages import metrics
from schemas import TABLES
from warehouse import build

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BASELINE = (date(2024, 1, 1), date(2024, 12, 31))
STAGES = ("lines_raw", "lines_distinct", "lines_effective", "lines_authored")

# repo, sha, landed on, lander, parts: (path, engineer, class, tool, evidence, strength, four line counts)
LANDED: tuple[tuple[str, str, date, str, tuple[tuple[Any, ...], ...]], ...] = (
    ("app", "a1", date(2024, 2, 28), "ana", (("x.py", "ana", "human", "", "git_ai_note", "line", (50, 40, 30, 30)),)),
    (
        "app",
        "a2",
        date(2024, 5, 6),
        "ana",
        (
            ("x.py", "ben", "ai", "claude-code", "session_match", "line", (20, 20, 18, 18)),
            ("y.py", "ben", "ai", "cursor", "co_author_trailer", "commit", (12, 11, 10, 10)),
            ("y.py", "ana", "unknown", "", "none", "none", (7, 7, 6, 6)),
        ),
    ),
    (
        "app",
        "a3",
        date(2024, 12, 31),
        "robot",
        (("go.sum", "robot", "automation", "bot", "automation_author", "author", (90, 90, 80, 0)),),
    ),
    ("app", "a4", date(2025, 4, 1), "ben", ()),
    (
        "lib",
        "b1",
        date(2024, 5, 6),
        "cem",
        (("z.lock", "cem", "generated", "", "file_category", "none", (300, 300, 250, 0)),),
    ),
    ("lib", "b2", date(2025, 1, 1), "cem", (("z.c", "cem", "human", "", "policy_assumption", "none", (9, 9, 8, 8)),)),
)


def frame(table: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows as the table's frame, in the order of its key; columns that are left out are null."""
    schema = TABLES[table].polars_schema
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema).sort(
        TABLES[table].key
    )


def make_tables() -> dict[str, pl.DataFrame]:
    """Every loaded table, anew."""
    landings: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    for repo, sha, day, lander, parts in LANDED:
        at = datetime(day.year, day.month, day.day, 23, 30, tzinfo=UTC)
        sums = [sum(part[-1][stage] for part in parts) for stage in range(4)]
        landings.append(
            {
                "repo": repo, "landing_sha": sha, "landed_at": at, "landed_on": day, "kind": "direct",
                "engineer_id": lander, "commits": 1, "files": len({part[0] for part in parts}), "lines_deleted": 3 * bool(parts),
                "is_boundary": False, **dict(zip(STAGES, sums, strict=True)),
            }
        )  # fmt: skip
        for path, engineer, author_class, tool, evidence, strength, counts in parts:
            lines.append(
                {
                    "repo": repo, "landing_sha": sha, "landed_on": day, "path": path, "engineer_id": engineer,
                    "author_class": author_class, "tool": tool, "model": "", "evidence": evidence, "strength": strength,
                    **dict(zip(STAGES, counts, strict=True)),
                }
            )  # fmt: skip
    tables = {
        "repositories": frame("repositories", [
            {"repo": repo, "path": f"src/{repo}", "mainline": "HEAD", "landings": n, "commits": n, "status": "ok"}
            for repo, n in (("app", 4), ("lib", 2))
        ]),
        "landings": frame("landings", landings),
        "commits": frame("commits", [
            {**row, "commit_sha": row["landing_sha"], "committed_at": row["landed_at"], "is_merge": False, "tools": ["cursor"], "models": []}
            for row in landings
        ]),
        "file_changes": _file_changes(lines),
        "merged_lines": frame("merged_lines", lines),
        "engineers": frame("engineers", [
            {"engineer_id": name, "is_bot": name == "robot", "first_landed_on": date(2024, 1, 1), "last_landed_on": date(2025, 4, 1)}
            for name in ("ana", "ben", "cem", "robot")
        ]),
        **_session_tables(),
        "quarantine": frame("quarantine", [{"source": "git", "path": "src/app", "position": "a9", "reason": "bad_date", "detail": "a year"}]),
    }  # fmt: skip
    return with_metrics(tables)


def with_metrics(tables: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """The tables with their metrics computed anew."""
    events = frame("session_events", [])
    return {
        **tables,
        "lines_per_engineer_quarter": metrics.build_quarters(
            tables["landings"], tables["merged_lines"], tables["engineers"], baseline=BASELINE, resamples=50
        ),
        "session_success": metrics.build_success(tables["sessions"], tables["session_outcomes"]),
        "session_friction": metrics.build_friction(tables["sessions"], tables["session_outcomes"], events),
    }


def _file_changes(lines: list[dict[str, Any]]) -> pl.DataFrame:
    grouped = (
        pl.DataFrame(lines)
        .group_by("repo", "landing_sha", "path")
        .agg(pl.col("lines_raw").sum())
        .sort("repo", "landing_sha", "path")
        .with_columns(first=pl.struct("repo", "landing_sha").is_first_distinct())
    )
    return frame("file_changes", [
        {**row, "category": "source", "language": "", "is_binary": False, "lines_deleted": 3 * row["first"]}
        for row in grouped.to_dicts()
    ])  # fmt: skip


def _session_tables() -> dict[str, pl.DataFrame]:
    sessions: list[dict[str, Any]] = []
    outcomes: list[dict[str, Any]] = []
    verdicts = (("s1", "success"), ("s2", "unclear"), ("s3", "failure"))
    for number, (session, outcome) in enumerate(verdicts):
        start = datetime(2024, 12, 30, 22, tzinfo=UTC) + timedelta(days=number)
        counts = dict.fromkeys((field.name for field in TABLES["sessions"] if field.kind == "int64"), number)
        sessions.append(
            {
                "session_id": session, "tool": "codex" if number else "claude-code", "model": None if number else "m1",
                "repo": "app" if number else None, "started_at": start, "ended_at": start + timedelta(hours=3),
                "is_automated": False, **counts,
            }
        )  # fmt: skip
        outcomes.append(
            {
                "session_id": session, "judge": "heuristic", "judge_version": "1", "outcome": outcome,
                "tier": "routine" if number else "trivial", "verified": outcome == "success",
            }
        )  # fmt: skip
    return {
        "sessions": frame("sessions", sessions),
        "session_outcomes": frame("session_outcomes", outcomes),
        "session_landings": frame(
            "session_landings", [{"session_id": "s1", "repo": "app", "landing_sha": "a2", "lines": 20}]
        ),
    }


def write_lake(folder: Path, tables: Mapping[str, pl.DataFrame], *, parts: int = 2) -> dict[str, list[Path]]:
    """Each table's rows dealt out, in turn, to as many Parquet files; file lists by table."""
    files: dict[str, list[Path]] = {}
    for name, table in tables.items():
        for part in range(parts):
            path = folder / "lake" / name / f"part={part}" / f"{name}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            table.gather_every(parts, part).write_parquet(path)
            files.setdefault(name, []).append(path)
    return files


def build_warehouse(folder: Path, tables: Mapping[str, pl.DataFrame]) -> Path:
    """A candidate made of the tables in a folder of its own."""
    return build.build_candidate(folder / "mergeline.duckdb", write_lake(folder, tables), rules_version="7")
