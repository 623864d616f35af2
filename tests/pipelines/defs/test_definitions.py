"""The definitions as Dagster sees them."""

from __future__ import annotations

import dagster as dg
import pytest

from pipelines.definitions import build_defs
from pipelines.defs.jobs import JOB_NAME
from quality.suites import check_names
from schemas import TABLES

BEYOND_TABLES = {"candidate", "warehouse"}


@pytest.fixture(scope="module")
def specs() -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in build_defs().resolve_all_asset_specs()}


def test_every_table_is_an_asset_and_every_asset_a_table(specs: dict[str, dg.AssetSpec]) -> None:
    assert set(specs) == set(TABLES) | BEYOND_TABLES


def test_every_asset_says_what_it_is(specs: dict[str, dg.AssetSpec]) -> None:
    for name, spec in specs.items():
        assert spec.description, name
        assert spec.owners == ["team:data"], name
        assert spec.kinds, name
        assert spec.group_name in {"sources", "stages", "metrics", "marts"}, name
        if name in TABLES:
            columns = spec.metadata["dagster/column_schema"].columns
            assert [column.name for column in columns] == list(TABLES[name].columns)
            assert all(column.description for column in columns), name


def test_every_check_has_its_place_in_the_ui() -> None:
    keys = build_defs().resolve_asset_graph().asset_check_keys
    shown = {(key.asset_key.to_user_string(), key.name) for key in keys}
    wanted = {(table, name) for table, checks in check_names().items() for name, _, _ in checks if table != "runs"}
    assert shown == wanted | {("candidate", "publishable")}


def test_only_the_gate_blocks_and_the_warehouse_stands_behind_it() -> None:
    graph = build_defs().resolve_asset_graph()
    blocking = [key for key in graph.asset_check_keys if graph.get_check_spec(key).blocking]
    assert [(key.asset_key.to_user_string(), key.name) for key in blocking] == [("candidate", "publishable")]
    for name in ("warehouse", "quality_checks", "runs"):
        assert graph.get(dg.AssetKey(name)).parent_keys == {dg.AssetKey("candidate")}


def test_the_job_takes_everything_and_the_schedule_waits_to_be_switched_on() -> None:
    defs = build_defs()
    job = defs.resolve_job_def(JOB_NAME)
    assert job.asset_layer.executable_asset_keys == set(defs.resolve_asset_graph().get_all_asset_keys())
    schedule = defs.resolve_schedule_def("daily")
    assert schedule.job_name == JOB_NAME
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
