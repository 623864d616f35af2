"""The ledger of sessions: every record of every session file counted once, whatever was copied, forked or resumed.

Belongs here: which session owns a record, which sessions are one, sums per session. Does not belong here: reading
files (`pipelines/sources/sessions`), landings (`histories.py`), verdicts (`outcomes.py`).

The rules:

- A record is its `record_id` and kind; a prompt and a machine's prompt of one id are one record. Its owner is the copy
  in the session whose first record is earliest, then (a fork keeps the times of what it copies) the one whose first
  record found nowhere else is earliest, then the smaller session id; in one session the copy outside subagents. Token
  counts are the maximum of each field over all copies, since copies are written while a response still grows.
- A session whose own first record is a copy is a fork: it is folded into the session that owns that record, and so
  are its later records. One whose every record is a copy therefore vanishes, and so does one without any record.
- Subagents carry their session's id and are part of it; their interruptions and prompts are not a person's.

Everything is ordered by values alone, never by file or row order, so that the same records give the same ledger in
any order and partitioning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from schemas import TABLES

if TYPE_CHECKING:
    from pipelines.lake import Lake

TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
_STATISTICS = (
    "session_id",
    "tool",
    "tool_version",
    "model",
    "engineer_id",
    "started_at",
    "ended_at",
    "prompts",
    "machine_prompts",
    "tool_calls",
    "tool_errors",
    "interruptions",
    "rejections",
    "corrections",
    "lines_written",
    *TOKENS,
    "is_automated",
    "permission_mode",
)


_SENIORITY = ("began_at", "own_at", "session_id")
"""Which of several sessions with a copy of a record comes first."""


@dataclass(frozen=True)
class Ledger:
    """Sessions with their records counted once.

    `sessions`: the columns of the table sessions without `repo` and `lines_landed`; `engineer_id` is what the session
    source says. `events`: columns of session_events, `session_id` the owner's, in the order of session_id,
    occurred_at, position, kind, record_id. `edits`: columns of session_edits, each edit once, ordered by edit_id.
    `lines`: session_lines of those edits, ordered by edit_id and line.
    """

    sessions: pl.DataFrame
    events: pl.DataFrame
    edits: pl.DataFrame
    lines: pl.DataFrame


def build_ledger(lake: Lake) -> Ledger:
    """Count every record once. Reads session_files, session_events, session_edits and session_lines of the lake."""
    events = lake.read("session_events")
    edits = lake.read("session_edits")
    began = _find_beginnings(events, edits)
    owned = _own_events(events, began)
    folds = _find_folds(events, owned, began)
    # A fork's beginning is none of the session that it is folded into.
    is_fork = (pl.col("kind") == "start") & (pl.col("session_id") != pl.col("root_id"))
    events = owned.join(folds, on="session_id", how="left").filter(~is_fork)
    events = events.with_columns(session_id=pl.col("root_id")).select(TABLES["session_events"].columns)
    events = events.sort("session_id", "occurred_at", "position", "kind", "record_id", nulls_last=True)
    edits = _own_edits(edits, began).join(folds, on="session_id", how="left")
    edits = edits.with_columns(session_id=pl.col("root_id")).select(TABLES["session_edits"].columns).sort("edit_id")
    lines = _read_lines(lake, edits)
    return Ledger(_sum_sessions(events, edits, lake.read("session_files")), events, edits, lines)


def _find_beginnings(events: pl.DataFrame, edits: pl.DataFrame) -> pl.DataFrame:
    """session_id, began_at, own_at: the first time that any record carries, and any record found nowhere else."""
    times = pl.concat(
        [
            events.select("session_id", "record_id", "kind", at="occurred_at"),
            edits.select("session_id", "record_id", kind=pl.lit("edit"), at="edited_at"),
        ]
    )
    is_own = pl.col("session_id").n_unique().over("record_id", "kind") == 1
    return (
        times.with_columns(own_at=pl.when(is_own).then("at"))
        .group_by("session_id")
        .agg(began_at=pl.col("at").min(), own_at=pl.col("own_at").min())
        .sort(*_SENIORITY, nulls_last=True)
    )


def _own_events(events: pl.DataFrame, began: pl.DataFrame) -> pl.DataFrame:
    """One row per record, that of its owner, with the maximum of each token count."""
    events = events.join(began, on="session_id", how="left").with_columns(
        group=pl.col("kind").replace("machine_prompt", "prompt"),
        place_key=pl.col("place").list.first(),
    )
    order = [
        *_SENIORITY,
        "is_subagent",
        "kind",
        "occurred_at",
        "position",
        "value",
        "model",
        "tool_version",
        "place_key",
        "file_id",
    ]
    most = events.group_by("record_id", "group").agg(pl.col(name).max() for name in TOKENS)
    first = events.sort(order, nulls_last=True).unique(["record_id", "group"], keep="first", maintain_order=True)
    return first.drop(TOKENS).join(most, on=["record_id", "group"], how="left").sort("record_id", "group")


def _own_edits(edits: pl.DataFrame, began: pl.DataFrame) -> pl.DataFrame:
    """One row per record and path, that of its owner; of unequal copies the one that claims fewest lines."""
    edits = edits.join(began, on="session_id", how="left").with_columns(path_key=pl.col("path_keys").list.first())
    order = [*_SENIORITY, "lines_written", "edit_id", "edited_at", "position", "model", "file_id"]
    return edits.sort(order, nulls_last=True).unique(["record_id", "path_key"], keep="first", maintain_order=True)


def _find_folds(events: pl.DataFrame, owned: pl.DataFrame, began: pl.DataFrame) -> pl.DataFrame:
    """session_id, root_id: the session that each session is counted as."""
    leading = (
        events.filter(pl.col("kind") != "start")
        .sort("is_subagent", "occurred_at", "position", "kind", "record_id", nulls_last=True)
        .unique("session_id", keep="first", maintain_order=True)
        .select("session_id", "record_id", group=pl.col("kind").replace("machine_prompt", "prompt"))
    )
    owners = owned.select("record_id", "group", owner_id="session_id")
    parents = leading.join(owners, on=["record_id", "group"], how="left")
    parent_of = dict(parents.select("session_id", "owner_id").iter_rows())
    # A parent begins no later than its fork, so that going through sessions from the earliest needs one pass.
    roots: dict[str, str] = {}
    for session_id in began["session_id"].to_list():
        parent = str(parent_of.get(session_id) or session_id)
        roots[session_id] = roots.get(parent, parent)
    return pl.DataFrame(
        {"session_id": list(roots), "root_id": list(roots.values())},
        schema={"session_id": pl.String(), "root_id": pl.String()},
    )


def _read_lines(lake: Lake, edits: pl.DataFrame) -> pl.DataFrame:
    table = TABLES["session_lines"]
    files = lake.files("session_lines")
    if not files:
        return table.empty()
    wanted = edits.lazy().select("edit_id")
    # An edit stands in several buckets; its id covers its lines, so that any copy's will do.
    lines = pl.scan_parquet(files, hive_partitioning=False).join(wanted, on="edit_id", how="semi")
    return lines.unique(table.key).sort(table.key).collect().select(table.columns)


def _count(kind: str, *, by_person: bool = False) -> pl.Expr:
    chosen = pl.col("kind") == kind
    if by_person:
        chosen &= ~pl.col("is_subagent")
    return chosen.sum().cast(pl.Int64)


def _sum_sessions(events: pl.DataFrame, edits: pl.DataFrame, files: pl.DataFrame) -> pl.DataFrame:
    ordered = pl.col("tool_version").sort_by("occurred_at", "position", "tool_version", nulls_last=True)
    sessions = (
        events.group_by("session_id")
        .agg(
            tool=pl.col("tool").min(),
            tool_version=ordered.drop_nulls().last(),
            started_at=pl.col("occurred_at").min(),
            ended_at=pl.col("occurred_at").max(),
            records=(pl.col("kind") != "start").sum(),
            prompts=_count("prompt"),
            machine_prompts=_count("machine_prompt", by_person=True),
            tool_calls=_count("tool_call"),
            tool_errors=_count("tool_error"),
            interruptions=_count("interruption", by_person=True),
            rejections=_count("rejection"),
            corrections=_count("correction"),
            **{name: pl.col(name).sum() for name in TOKENS},
        )
        .filter(pl.col("records") > 0)
        .with_columns(is_automated=pl.col("prompts") == 0)
    )
    responses = events.filter((pl.col("kind") == "response") & pl.col("model").is_not_null())
    models = _most(responses, "model", pl.col("output_tokens").sum())
    modes = _most(
        events.filter(pl.col("kind") == "permission_mode").rename({"value": "permission_mode"}),
        "permission_mode",
        pl.len(),
    )
    named = files.filter(pl.col("engineer_id").is_not_null()).select("file_id", "engineer_id")
    engineers = _most(events.join(named, on="file_id", how="inner"), "engineer_id", pl.len())
    written = edits.group_by("session_id").agg(pl.col("lines_written").sum())
    for extra in (models, modes, engineers, written):
        sessions = sessions.join(extra, on="session_id", how="left")
    sessions = sessions.with_columns(pl.col("lines_written").fill_null(0))
    schema = TABLES["sessions"].polars_schema
    return sessions.select(pl.col(name).cast(schema[name]) for name in _STATISTICS).sort("session_id")


def _most(rows: pl.DataFrame, column: str, weight: pl.Expr) -> pl.DataFrame:
    """session_id and the value of `column` with the most weight; of equals the first by name."""
    weights = rows.group_by("session_id", column).agg(weight=weight)
    weights = weights.sort("session_id", "weight", column, descending=[False, True, False])
    return weights.unique("session_id", keep="first", maintain_order=True).select("session_id", column)
