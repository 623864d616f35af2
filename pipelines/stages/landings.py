"""Landings, the commits that came with them, and the files that they changed.

Belongs here: what a landing is and what it brought. Does not belong here: who wrote its lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from schemas import TABLES

if TYPE_CHECKING:
    from pipelines.stages.history import History


def build_landings(history: History, sponsors: pl.DataFrame, merged_lines: pl.DataFrame) -> pl.DataFrame:
    """The table `landings` of one repository; its waterfall is the sum of its merged lines."""
    mainline = history.commits.filter(pl.col("is_mainline"))
    landed = history.commits.filter(pl.col("landing") >= 0).group_by("landing_sha").agg(commits=pl.len().cast(pl.Int64))
    changed = history.changes.group_by(landing_sha="commit_sha").agg(
        files=pl.len().cast(pl.Int64), lines_raw=pl.col("lines_raw").sum(), lines_deleted=pl.col("lines_deleted").sum()
    )
    stages = merged_lines.group_by("landing_sha").agg(
        pl.col("lines_distinct", "lines_effective", "lines_authored").sum()
    )
    parents = pl.col("parents").list.len()
    kind = (
        pl.when(parents == 0).then(pl.lit("root"))
        .when(parents > 1).then(pl.lit("merge"))
        .when(pl.col("pull_request").is_not_null()).then(pl.lit("squash"))
        .otherwise(pl.lit("direct"))
    )  # fmt: skip
    rows = (
        mainline.with_columns(kind=pl.when(pl.col("is_boundary")).then(pl.lit("direct")).otherwise(kind))
        .drop("landed_at", "landing_sha")
        .rename({"commit_sha": "landing_sha", "committed_at": "landed_at"})
        .with_columns(landed_on=pl.col("landed_at").dt.date())
        .join(landed, on="landing_sha", how="left")
        .join(changed, on="landing_sha", how="left")
        .join(stages, on="landing_sha", how="left")
        .join(sponsors.rename({"commit_sha": "landing_sha"}), on="landing_sha", how="left")
        .with_columns(
            pl.col(
                "files", "lines_raw", "lines_deleted", "lines_distinct", "lines_effective", "lines_authored"
            ).fill_null(0)
        )
    )
    table = TABLES["landings"]
    return rows.select(table.columns).sort(table.key)


def build_commits(history: History, sponsors: pl.DataFrame, marks: pl.DataFrame) -> pl.DataFrame:
    """The table `commits` of one repository. `marks` as `resolution.summarise_marks` gives them."""
    empty = pl.lit([], dtype=pl.List(pl.String()))
    rows = (
        history.commits.filter(pl.col("landing") >= 0)
        .with_columns(is_merge=pl.col("parents").list.len() > 1)
        .join(sponsors, on="commit_sha", how="left")
        .join(marks.select("commit_sha", "tools", "models"), on="commit_sha", how="left")
        .with_columns(pl.col("tools").fill_null(empty), pl.col("models").fill_null(empty))
    )
    table = TABLES["commits"]
    return rows.select(table.columns).sort(table.key)


def build_file_changes(history: History, categories: pl.DataFrame) -> pl.DataFrame:
    """The table `file_changes` of one repository. `categories` as `categories.categorise` gives them."""
    is_mainline = history.commits["is_mainline"].to_numpy()[history.changes["commit"].to_numpy()]
    kind = pl.col("file_kind")
    rows = (
        history.changes.filter(pl.Series(np.asarray(is_mainline, np.bool_)))
        .join(categories, on="path", how="left")
        .with_columns(
            category=pl.when(kind != "file")
            .then(kind)
            .when(pl.col("is_binary"))
            .then(pl.lit("binary"))
            .otherwise(pl.col("category"))
        )
        .rename({"commit_sha": "landing_sha"})
    )
    table = TABLES["file_changes"]
    return rows.select(table.columns).sort(table.key)
