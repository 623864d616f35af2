"""What `run` and `query` do between their arguments and their exit status.

Belongs here: the two commands' flow. Does not belong here: the pipeline (`pipelines/defs`), how results look (`summary.py`).
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from pipelines.config import Config
    from pipelines.defs.launch import RunReport
    from pipelines.inputs import Inputs

FAILED, USAGE, INCOMPLETE, LOCKED = 1, 2, 3, 75


def load_config_or_exit(inputs: Inputs) -> Config:
    """The effective configuration; a wrong one ends the process with its file, line and mend."""
    from pipelines.config import ConfigError

    try:
        return inputs.load()
    except ConfigError as error:
        click.echo(f"mergeline: {error}", err=True)
        sys.exit(USAGE)


def execute_run(inputs: Inputs, config: Config, *, as_json: bool) -> int:
    """Run the pipeline, print the summary or the JSON object, and return the exit status."""
    started = time.monotonic()
    click.echo(_describe(config), err=True)
    from pipelines.defs.launch import run_pipeline
    from pipelines.lock import LockHeld
    from pipelines.progress import RichProgress

    try:
        with RichProgress() as progress:
            report = run_pipeline(inputs, config.out, progress)
    except LockHeld as held:
        click.echo(f"mergeline: {held}", err=True)
        if as_json:
            click.echo(json.dumps(_closing("locked", None, None, time.monotonic() - started)))
        return LOCKED
    status, code = _judge(report)
    _explain(report, config)
    seconds = time.monotonic() - started
    warehouse = config.out / "mergeline.duckdb"
    if as_json:
        click.echo(json.dumps(_closing(status, report, warehouse if report.is_published else None, seconds)))
    elif report.is_published:
        from pipelines.summary import print_summary

        print_summary(warehouse, report, seconds)
    return code


def execute_ui(out: Path, config: str, port: int | None) -> int:
    """Serve the UI until it is stopped, and return the exit status."""
    from pipelines.defs.launch import prepare_instance
    from pipelines.environment import dagster_environment
    from pipelines.ui import UiError, check_installed, choose_port, serve

    environment = dagster_environment(out) | ({"MERGELINE_CONFIG": config} if config else {})
    try:
        check_installed()
        chosen = choose_port(port)
        click.echo("Starting the Dagster UI ...", err=True)
        prepare_instance(out)
        serve(environment, chosen, lambda url: click.echo(f"{url}  (Ctrl-C ends it)"))
    except UiError as error:
        click.echo(f"mergeline: {error}", err=True)
        return FAILED
    click.echo("Stopped.", err=True)
    return 0


def _judge(report: RunReport) -> tuple[str, int]:
    if not report.is_published:
        return "failed", FAILED
    unread = report.metadata["repositories"]["refused"] or report.metadata["session_files"]["missing_sources"]
    return ("incomplete", INCOMPLETE) if unread else ("published", 0)


def _explain(report: RunReport, config: Config) -> None:
    """Say on stderr why nothing was published, or which source is missing."""
    if report.is_published:
        return
    stopping = [check for check in report.failed if check.severity == "error"]
    for check in stopping:
        observed, expected = check.metadata["observed"], check.metadata["expected"]
        click.echo(f"blocking check failed: {check.asset}.{check.check}: {observed}; expected: {expected}", err=True)
    error = report.error
    while error is not None and error.__cause__ is not None:
        error = error.__cause__
    if error is not None and not stopping:
        click.echo(f"mergeline: {error}", err=True)
    published = config.out / "mergeline.duckdb"
    stays = "what was published before stays published" if published.exists() else "nothing is published yet"
    click.echo(f"Not published; {stays}. The run's log: mergeline ui, run {report.run_id[:8]}", err=True)


def _closing(status: str, report: RunReport | None, warehouse: Path | None, seconds: float) -> dict[str, Any]:
    """The object that `run --json` ends with; counts are null where nothing was published."""
    counts: dict[str, Any] = dict.fromkeys(("landings", "commits", "lines_raw", "sessions", "quarantined"))
    if warehouse is not None:
        from pipelines.summary import count_published

        counts = count_published(warehouse)
    return {
        "status": status,
        "warehouse": str(warehouse) if warehouse else None,
        **counts,
        "checks": report.count_checks() if report else {"passed": 0, "failed": 0},
        "seconds": round(seconds, 3),
    }


def _describe(config: Config) -> str:
    repositories = [repository.label for repository in config.repositories]
    sources = [source.label for source in config.sessions]
    lines = [
        f"Reading {', '.join(_shorten(repositories)) or 'no repository'}; sessions: {', '.join(_shorten(sources)) or 'none'}"
    ]
    if config.source is None and not sources:
        lines.append("No session folder is named: session figures stay empty. Name one with --sessions.")
    return "\n".join(lines)


def _shorten(names: list[str], limit: int = 6) -> list[str]:
    return names if len(names) <= limit else [*names[:limit], f"{len(names) - limit} more"]


def execute_query(sql: str, style: str, warehouse: Path) -> int:
    """Print the rows of a query and return the exit status."""
    if not warehouse.exists():
        click.echo(
            f"mergeline: nothing is published at {warehouse}; run `mergeline run` first, or name its --out", err=True
        )
        return FAILED
    from warehouse.query import QueryError, run_query

    try:
        frame = run_query(warehouse, sql)
    except QueryError as error:
        click.echo(f"mergeline: {error}", err=True)
        return USAGE
    try:
        _print_rows(frame, style)
    except BrokenPipeError:
        # The reader (head, less) has seen enough. Python would complain again when it flushes at exit.
        sys.stderr.close()
        return 0
    return 0


def _print_rows(frame: pl.DataFrame, style: str) -> None:
    if style == "csv":
        sys.stdout.write(_flatten(frame).write_csv())
    elif style == "json":
        sys.stdout.write(frame.write_json() + "\n")
    else:
        from pipelines.summary import print_table

        print_table(frame)
    sys.stdout.flush()


def _flatten(frame: pl.DataFrame) -> pl.DataFrame:
    """Lists and other nested values as JSON text: CSV has no way to write them."""
    import polars as pl

    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
    return frame.with_columns(
        pl.col(name).map_elements(lambda value: json.dumps(list(value), default=str), return_dtype=pl.String)
        for name in nested
    )
