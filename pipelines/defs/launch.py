"""A run of the whole pipeline in this process, on the instance that the UI shows.

Belongs here: the one door through which the command line reaches Dagster. Does not belong here: what is printed.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import dagster as dg
from dagster import DagsterEventType

from pipelines.definitions import build_defs
from pipelines.defs.jobs import JOB_NAME
from pipelines.defs.publication import GATE
from pipelines.environment import dagster_environment
from pipelines.lock import LockHeld, RunLock
from pipelines.progress import Progress, watched_by

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipelines.inputs import Inputs


@dataclass(frozen=True)
class CheckResult:
    """One quality check of the run."""

    asset: str
    check: str
    severity: str
    passed: bool
    metadata: dict[str, Any]


@dataclass(frozen=True)
class RunReport:
    """How a run went: `metadata` holds what each materialised asset said of itself."""

    run_id: str
    is_published: bool
    error: BaseException | None = None
    checks: tuple[CheckResult, ...] = ()
    metadata: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def failed(self) -> list[CheckResult]:
        """Failed checks of tables, without the gate that sums them up."""
        return [check for check in self.checks if not check.passed and check.check != GATE]

    def count_checks(self) -> dict[str, int]:
        """How many checks passed and failed, as the gate counted them; none where the run did not come so far."""
        gate = next((check for check in self.checks if check.check == GATE), None)
        if gate is None:
            return {"passed": 0, "failed": 0}
        total, failed = int(gate.metadata["checks"]), int(gate.metadata["failed"])
        return {"passed": total - failed, "failed": failed}


def prepare_instance(out: Path) -> None:
    """Create the storage of the instance, once, before several processes open it at the same time."""
    with _open_instance(out):
        pass


def run_pipeline(inputs: Inputs, out: Path, progress: Progress) -> RunReport:
    """Materialise every asset and run every check. Raises `LockHeld` when another run writes to `out`.

    What a step raises is not raised here: it is in the report, and the run is in the instance with its whole trace.
    """
    with RunLock(out):
        # Given back at once: the run takes it for itself. This look spares the instance a run that cannot begin.
        inputs.remember()
    values = asdict(inputs) | {"repositories": list(inputs.repositories), "sessions": list(inputs.sessions)}
    run_config = {
        "resources": {"workspace": {"config": values}},
        # The command line tells what happened; the log of every step is in the instance.
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }
    job = build_defs().resolve_job_def(JOB_NAME)
    with _open_instance(out) as instance, watched_by(progress):
        run_id = str(uuid4())
        error: Exception | None = None
        try:
            job.execute_in_process(run_config=run_config, instance=instance, run_id=run_id)
        except Exception as raised:  # noqa: BLE001 - whatever a step raises belongs into the report
            error = raised
            for cause in _causes(raised):
                if isinstance(cause, LockHeld):
                    raise cause from None
        return _report(instance, run_id, error)


def _report(instance: dg.DagsterInstance, run_id: str, error: Exception | None) -> RunReport:
    """What a run left in the instance, however it ended."""
    checks: list[CheckResult] = []
    metadata: dict[str, dict[str, Any]] = {}
    for entry in instance.all_logs(run_id):
        event = entry.dagster_event
        if event is None:
            continue
        if event.event_type == DagsterEventType.ASSET_CHECK_EVALUATION:
            evaluation = event.asset_check_evaluation_data
            severity = "warning" if evaluation.severity == dg.AssetCheckSeverity.WARN else "error"
            name = evaluation.asset_key.to_user_string()
            said = {key: value.value for key, value in evaluation.metadata.items()}
            checks.append(CheckResult(name, evaluation.check_name, severity, evaluation.passed, said))
        elif event.event_type == DagsterEventType.ASSET_MATERIALIZATION:
            materialization = event.step_materialization_data.materialization
            name = materialization.asset_key.to_user_string()
            metadata[name] = {key: value.value for key, value in materialization.metadata.items()}
    return RunReport(run_id, "warehouse" in metadata, error, tuple(checks), metadata)


def _open_instance(out: Path) -> dg.DagsterInstance:
    (out / "dagster").mkdir(parents=True, exist_ok=True)
    os.environ.update(dagster_environment(out))
    return dg.DagsterInstance.get()


def _causes(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    seen: set[int] = set()
    while current is not None and id(current) not in seen:  # a context may lead back to where it came from
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__
