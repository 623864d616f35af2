"""From the lake to the published warehouse: build the candidate, check it, put it in place.

The order is what protects readers. Every table's checks run on the candidate; the blocking check `publishable` stands
between the candidate and the steps after it, so that a candidate which fails is never put in place.
"""

# No `from __future__ import annotations` here: Dagster compares the type of `context` as it stands.
from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from pipelines.defs.resources import Workspace
from pipelines.defs.specs import OWNERS, count_rows, table_spec
from pipelines.defs.stamp import remember_publication, stamp_tables
from pipelines.environment import package_version
from quality.engine import CheckOutcome
from quality.suites import check_names
from schemas import MART_TABLES

_FILLED = ("quality_checks", "runs")
_IN_SQL = {
    "lines_per_engineer_day": ("landings", "merged_lines", "engineers"),
    "ai_share": ("landings", "merged_lines"),
}
_LOADED = tuple(table.name for table in MART_TABLES if table.name not in (*_FILLED, *_IN_SQL))
GATE = "publishable"
_UNCHANGED = {"unchanged": True}


class NothingReadError(Exception):
    """No repository and no session file could be read."""


@dg.multi_asset(
    name="build_candidate",
    specs=[
        *[table_spec(name, deps=deps, kinds=("sql", "duckdb")) for name, deps in _IN_SQL.items()],
        dg.AssetSpec(
            "candidate",
            deps=list(_LOADED),
            description="The warehouse as it may be published: every table, in a DuckDB file beside the published one.",
            owners=OWNERS,
            group_name="marts",
            kinds={"duckdb"},
        ),
    ],
)
def build_candidate(workspace: Workspace) -> Iterator[dg.MaterializeResult]:
    """Load the lake's tables into a new DuckDB file and compute the marts that are SQL."""
    from pipelines.sources.git.marks import load_rules
    from warehouse.build import build_candidate as build
    from warehouse.build import remove_leftovers
    from warehouse.query import run_query

    files = {name: workspace.files_of(name) for name in _LOADED}
    workspace.keep_stamp(stamp_tables((file for name in _LOADED for file in files[name]), workspace.settings.digest))
    if workspace.is_published:
        remove_leftovers(workspace.warehouse)
        for name in (*_IN_SQL, "candidate"):
            yield dg.MaterializeResult(asset_key=name, metadata=_UNCHANGED)
        return
    is_read = any(read.status != "refused" for read in workspace.reads)
    if not is_read and not count_rows(workspace.lake.files("session_files")):
        raise NothingReadError("nothing could be read: no repository and no session file; `mergeline doctor` says why")
    candidate = build(workspace.warehouse, files, rules_version=load_rules().version)
    workspace.keep_candidate(candidate)
    for name in _IN_SQL:
        rows = run_query(candidate, f"SELECT count(*) AS n FROM {name}").item()  # noqa: S608 - a name of schemas/
        yield dg.MaterializeResult(asset_key=name, metadata={"dagster/row_count": rows})
    yield dg.MaterializeResult(asset_key="candidate", metadata={"size_bytes": candidate.stat().st_size})


def _check_specs() -> list[dg.AssetCheckSpec]:
    # The tables that publication fills come after the gate: their checks count there and have no place of their own.
    specs = [
        dg.AssetCheckSpec(name, asset=table, description=f"{expected} ({severity})", additional_deps=["candidate"])
        for table, checks in check_names().items()
        if table not in _FILLED
        for name, severity, expected in checks
    ]
    gate = dg.AssetCheckSpec(
        GATE, asset="candidate", blocking=True, description="No check of severity `error` failed on any table."
    )
    return [*specs, gate]


@dg.multi_asset_check(name="check_candidate", specs=_check_specs())
def check_candidate(workspace: Workspace) -> Iterator[dg.AssetCheckResult]:
    """Run every suite on the candidate; on the published warehouse where a run has built no candidate."""
    from quality.engine import run_suites
    from warehouse.build import remove_candidate
    from warehouse.query import run_query

    if workspace.is_published:
        stored = run_query(workspace.warehouse, 'FROM quality_checks ORDER BY asset, "check"')
        outcomes = tuple(CheckOutcome(**row) for row in stored.iter_rows(named=True))
    else:
        outcomes = tuple(run_suites(workspace.candidate or workspace.warehouse))
    workspace.keep_outcomes(outcomes)
    for outcome in outcomes:
        if outcome.asset not in _FILLED:
            yield dg.AssetCheckResult(
                asset_key=outcome.asset,
                check_name=outcome.check,
                passed=outcome.passed,
                severity=dg.AssetCheckSeverity.ERROR if outcome.severity == "error" else dg.AssetCheckSeverity.WARN,
                metadata={"observed": outcome.observed or "nothing", "expected": outcome.expected},
            )
    stopping = [_describe(outcome) for outcome in outcomes if not outcome.passed and outcome.severity == "error"]
    if stopping and workspace.candidate:
        remove_candidate(workspace.candidate)
    yield dg.AssetCheckResult(
        asset_key="candidate",
        check_name=GATE,
        passed=not stopping,
        metadata={
            "checks": len(outcomes),
            "failed": sum(not outcome.passed for outcome in outcomes),
            "stopping": dg.MetadataValue.md("\n".join(f"- {one}" for one in stopping) or "none"),
        },
    )


def _describe(outcome: CheckOutcome) -> str:
    return f"{outcome.asset}.{outcome.check}: {outcome.observed}, expected {outcome.expected}"


@dg.multi_asset(
    name="publish_candidate",
    specs=[
        *[table_spec(name, deps=("candidate",), kinds=("duckdb",)) for name in _FILLED],
        dg.AssetSpec(
            "warehouse",
            deps=["candidate"],
            description="The published DuckDB file, put in place by one rename: readers never wait and never see half a run.",
            owners=OWNERS,
            group_name="marts",
            kinds={"duckdb"},
        ),
    ],
)
def publish_candidate(context: dg.AssetExecutionContext, workspace: Workspace) -> Iterator[dg.MaterializeResult]:
    """Write the checks and the run into the candidate, then swap it in."""
    from warehouse.publish import Run, publish, store_checks, store_run

    if workspace.is_published:
        for name in (*_FILLED, "warehouse"):
            yield dg.MaterializeResult(asset_key=name, metadata=_UNCHANGED)
        return
    candidate = workspace.candidate
    if candidate is None:
        raise dg.Failure(
            "There is no candidate of this run to publish: materialize `candidate` and its checks with it."
        )
    store_checks(candidate, workspace.outcomes)
    started = context.instance.get_run_stats(context.run.run_id).start_time
    now = datetime.now(UTC)
    run = Run(
        run_id=context.run.run_id,
        started_at=datetime.fromtimestamp(started, UTC) if started else now,
        finished_at=now,
        code_version=package_version(),
        config_hash=workspace.settings.digest,
        input_hash=workspace.hash_inputs(),
        published_at=now,
    )
    store_run(candidate, run)
    publish(candidate, workspace.warehouse)
    remember_publication(workspace.state, workspace.warehouse, workspace.stamp)
    yield dg.MaterializeResult(asset_key="quality_checks", metadata={"dagster/row_count": len(workspace.outcomes)})
    yield dg.MaterializeResult(
        asset_key="runs", metadata={"input_hash": run.input_hash, "config_hash": run.config_hash}
    )
    size = workspace.warehouse.stat().st_size
    yield dg.MaterializeResult(
        asset_key="warehouse", metadata={"path": dg.MetadataValue.path(str(workspace.warehouse)), "size_bytes": size}
    )


ASSETS = [build_candidate, publish_candidate]
CHECKS = [check_candidate]
