"""Repositories that the configuration names: what was read of each, and what was not.

Belongs here: the rows of `repositories`. Does not belong here: reading any of them (`sources/git`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from schemas import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipelines.sources.git import RepositoryRead


def build_repositories(
    reads: Sequence[RepositoryRead], shown: Mapping[str, str], landings: pl.DataFrame, commits: pl.DataFrame
) -> pl.DataFrame:
    """`repositories`, ordered by name. `shown` gives each repository's path as the configuration writes it.

    A repository that was refused this time keeps the counts of what was read of it before.
    """
    table = TABLES["repositories"]
    schema = {name: table.polars_schema[name] for name in ("repo", "path", "mainline", "head_sha", "status", "error")}
    rows = [(read.repo, shown[read.repo], read.mainline, read.head_sha, read.status, read.error) for read in reads]
    landed = landings.group_by("repo").agg(
        landings=pl.len().cast(pl.Int64),
        first_landed_at=pl.col("landed_at").min(),
        last_landed_at=pl.col("landed_at").max(),
    )
    committed = commits.group_by("repo").agg(commits=pl.len().cast(pl.Int64))
    return (
        pl.DataFrame(rows, schema=schema, orient="row")
        .join(landed, on="repo", how="left")
        .join(committed, on="repo", how="left")
        .with_columns(pl.col("landings", "commits").fill_null(0))
        .select(table.columns)
        .sort(table.key)
    )
