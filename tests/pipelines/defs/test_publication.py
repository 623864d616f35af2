"""Runs in real Dagster: what is published, what a failed check stops, and who holds the lock."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import polars as pl
import pytest

from pipelines.defs.launch import RunReport, run_pipeline
from pipelines.inputs import Inputs, recall_inputs
from pipelines.lake import Lake
from pipelines.lock import LockHeld, RunLock
from pipelines.progress import SilentProgress
from pipelines.simulation import simulate
from warehouse.query import run_query

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def inputs_of(folder: Path) -> Inputs:
    return Inputs(out=str(folder / "out"), folder=str(folder), config=str(folder / "example" / "mergeline.toml"))


def run(folder: Path) -> RunReport:
    return run_pipeline(inputs_of(folder), folder / "out", SilentProgress())


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def rows_of(warehouse: Path) -> dict[str, pl.DataFrame]:
    tables = run_query(warehouse, "SELECT table_name AS name FROM duckdb_tables() ORDER BY name")["name"]
    return {name: run_query(warehouse, f"SELECT * FROM {name}") for name in tables if name != "runs"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    simulate(tmp_path / "example", engineers=3, days=30, repositories=1)
    return tmp_path


def test_a_second_run_reads_nothing_and_leaves_what_is_published(folder: Path) -> None:
    first = run(folder)
    warehouse = folder / "out" / "mergeline.duckdb"
    assert first.error is None
    assert first.is_published
    assert first.metadata["git_commits"]["commits_new"] > 0
    published = digest(warehouse)
    second = run(folder)
    assert second.is_published
    assert second.metadata["git_commits"]["commits_new"] == 0
    assert second.metadata["session_files"]["files_read"] == 0
    assert second.metadata["landings"]["unchanged"]
    assert second.metadata["warehouse"]["unchanged"]
    assert digest(warehouse) == published
    checks = run_query(warehouse, "FROM quality_checks").height
    assert second.count_checks() == {"passed": checks, "failed": 0}
    assert recall_inputs(folder / "out", folder) == inputs_of(folder)


def test_the_same_inputs_publish_the_same_rows_again(folder: Path) -> None:
    first = run(folder)
    warehouse = folder / "out" / "mergeline.duckdb"
    before = rows_of(warehouse)
    warehouse.chmod(0o644)
    os.utime(warehouse, ns=(0, 0))  # no longer the file that was put in place
    second = run(folder)
    assert "unchanged" not in second.metadata["warehouse"]
    after = rows_of(warehouse)
    assert list(before) == list(after)
    for name, frame in before.items():
        assert frame.equals(after[name]), name
    runs = run_query(warehouse, "SELECT run_id, input_hash, config_hash FROM runs ORDER BY started_at")
    assert runs["run_id"].to_list() == [first.run_id, second.run_id]
    assert runs["input_hash"].n_unique() == 1
    assert runs["config_hash"].n_unique() == 1


def test_a_failed_check_leaves_the_published_warehouse_in_place(folder: Path) -> None:
    assert run(folder).is_published
    warehouse = folder / "out" / "mergeline.duckdb"
    published = digest(warehouse)
    # A quarantine row that came twice, as a damaged lake would hold it: its key is no longer unique.
    row = {"source": "git", "path": "orders", "position": "1", "reason": "damaged", "detail": "none"}
    Lake(folder / "out" / "lake").write("quarantine", pl.DataFrame([row, row]), {"source": "sessions", "bucket": "zz"})
    report = run(folder)
    assert not report.is_published
    assert [(check.asset, check.check, check.severity) for check in report.failed] == [
        ("quarantine", "key_is_unique", "error")
    ]
    assert report.count_checks()["failed"] == 1
    assert digest(warehouse) == published
    assert "warehouse" not in report.metadata
    Lake(folder / "out" / "lake").remove("quarantine", {"source": "sessions", "bucket": "zz"})
    assert run(folder).is_published
    leftovers = [path.name for path in (folder / "out").glob(".tmp-*")]
    assert leftovers == []


def test_a_second_run_at_the_same_time_is_turned_away(folder: Path) -> None:
    with RunLock(folder / "out"), pytest.raises(LockHeld, match="another run"):
        run(folder)


def test_a_source_that_cannot_be_read_costs_itself_alone(folder: Path) -> None:
    config = folder / "example" / "mergeline.toml"
    config.write_text('[[repositories]]\npath = "gone"\n' + config.read_text())
    report = run(folder)
    assert report.is_published
    assert report.metadata["repositories"]["refused"] == 1
    statuses = run_query(
        folder / "out" / "mergeline.duckdb", "SELECT repo, status FROM repositories ORDER BY status DESC"
    )
    assert statuses.rows()[0] == ("gone", "refused")


def test_nothing_readable_publishes_nothing(tmp_path: Path) -> None:
    (tmp_path / "example").mkdir()
    (tmp_path / "example" / "mergeline.toml").write_text('[[repositories]]\npath = "gone"\n')
    report = run(tmp_path)
    assert not report.is_published
    assert "nothing could be read" in str(report.error)
    assert not (tmp_path / "out" / "mergeline.duckdb").exists()
