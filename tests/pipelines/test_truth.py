"""The pipeline against an organisation of which every line's author is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from pipelines.config import load_config
from pipelines.identities import Identities
from pipelines.lake import Lake
from pipelines.progress import SilentProgress
from pipelines.simulation import simulate
from pipelines.sources.git import ingest_repository
from pipelines.sources.sessions import ingest_sessions
from pipelines.stages.histories import Rules, build_histories, build_identities
from pipelines.stages.ledger import build_ledger

if TYPE_CHECKING:
    from pathlib import Path

KEY = ("repo", "landing_sha", "path")


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """Merged lines by landing and file, with `truth_ai` and `truth_lines` beside what was made of them."""
    folder = tmp_path_factory.mktemp("organisation")
    simulate(folder / "example", engineers=6, days=150, repositories=2)
    lines = compute(folder / "example", folder / "out")
    truth = pl.read_csv(folder / "example" / "truth" / "lines.csv", schema_overrides={"session_id": pl.String})
    known = truth.group_by(KEY).agg(truth_ai=(pl.col("author_class") == "ai").sum(), truth_lines=pl.len())
    is_ai = pl.col("author_class") == "ai"
    raw = pl.col("lines_raw")
    found = lines.group_by(*KEY, "landed_on").agg(
        raw.sum(),
        lower=raw.filter(is_ai & (pl.col("strength") != "commit")).sum(),
        line_level=raw.filter(is_ai & (pl.col("strength") == "line")).sum(),
        not_ai=raw.filter(pl.col("author_class").is_in(["human", "automation", "generated"])).sum(),
    )
    return found.join(known, on=KEY, how="full", coalesce=True).with_columns(
        pl.col("truth_ai", "truth_lines").cast(pl.Int64)
    )


def compute(example: Path, out: Path) -> pl.DataFrame:
    config = load_config(example / "mergeline.toml", out=out, folder=example)
    lake, identities, progress = Lake(out / "lake"), Identities(out / "identities"), SilentProgress()
    reads = [
        ingest_repository(repository, lake, identities, state=out / "state", jobs=1, progress=progress)
        for repository in config.repositories
    ]
    ingest_sessions(config.sessions, lake, identities, state=out / "state", progress=progress)
    rules = Rules(aliases={})
    build_identities(reads, lake, identities, rules)
    ledger = build_ledger(lake)
    build_histories(config.repositories, reads, ledger, lake, identities, rules, code_version="test", progress=progress)
    return lake.read("merged_lines")


def test_every_merged_line_is_counted_once(merged: pl.DataFrame) -> None:
    assert merged.null_count().sum_horizontal().item() == 0
    assert merged.filter(pl.col("lines_raw") != pl.col("truth_lines")).is_empty()


def test_the_truth_lies_between_the_bounds_in_every_repository_and_month(merged: pl.DataFrame) -> None:
    months = merged.group_by("repo", month=pl.col("landed_on").dt.truncate("1mo")).agg(
        pl.col("lines_raw", "lower", "not_ai", "truth_ai").sum()
    )
    outside = months.filter(
        (pl.col("lower") > pl.col("truth_ai") + _unmarked_edits(months))
        | (pl.col("truth_ai") > pl.col("lines_raw") - pl.col("not_ai"))
    )
    assert months.height >= 10
    assert outside.is_empty(), outside


def _unmarked_edits(months: pl.DataFrame) -> pl.Series:
    # People edit a bot's branch without a mark, and the bot's account as author then claims their lines.
    return (months["lines_raw"] * 3 / 100).cast(pl.Int64)


def test_line_level_evidence_finds_agents_and_nobody_else(merged: pl.DataFrame) -> None:
    beyond = (merged["line_level"] - merged["truth_ai"]).clip(lower_bound=0).sum()
    assert beyond <= 0.01 * merged["line_level"].sum()
    assert merged["line_level"].sum() >= 0.7 * merged["truth_ai"].sum()
