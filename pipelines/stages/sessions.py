"""The published table of sessions: the ledger's sums with what is known of landings, repositories and engineers.

Belongs here: joining what other stages found out about sessions. Does not belong here: counting records
(`ledger.py`), verdicts (`outcomes.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from schemas import TABLES

if TYPE_CHECKING:
    from pipelines.stages.ledger import Ledger


def build_sessions(
    ledger: Ledger,
    session_landings: pl.DataFrame,
    session_repos: pl.DataFrame,
    session_engineers: pl.DataFrame,
) -> pl.DataFrame:
    """Table sessions, sorted by its key.

    `session_landings`: the table of that name. `session_repos`: session_id, repo (string), at most one row a session.
    `session_engineers`: session_id, engineer_id, lines (int64), the landed lines of each session by engineer; it
    answers where the session source names no engineer, by most lines, of equals the smaller id.
    """
    landed = session_landings.group_by("session_id").agg(lines_landed=pl.col("lines").sum())
    landers = (
        session_engineers.group_by("session_id", "engineer_id")
        .agg(pl.col("lines").sum())
        .sort("session_id", "lines", "engineer_id", descending=[False, True, False])
        .unique("session_id", keep="first", maintain_order=True)
        .select("session_id", lander_id="engineer_id")
    )
    sessions = (
        ledger.sessions.join(landed, on="session_id", how="left")
        .join(landers, on="session_id", how="left")
        .join(session_repos.select("session_id", "repo"), on="session_id", how="left")
        .with_columns(
            pl.col("lines_landed").fill_null(0),
            engineer_id=pl.coalesce("engineer_id", "lander_id"),
        )
    )
    table = TABLES["sessions"]
    schema = table.polars_schema
    return sessions.select(pl.col(name).cast(kind) for name, kind in schema.items()).sort(table.key)
