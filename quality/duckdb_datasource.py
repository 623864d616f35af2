"""Great Expectations on DuckDB: what it lacks to validate tables of a read-only file.

Belongs here: subclasses of Great Expectations, and opening a file through them. Importing this module imports Great
Expectations, so only `engine.run_suites` does, when it runs. Does not belong here: any check.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import great_expectations as gx
from great_expectations.core import ExpectationSuite, ExpectationValidationResult
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.datasource.fluent.sql_datasource import SQLDatasource
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.core.unexpected_rows_expectation import UnexpectedRowsExpectation
from sqlalchemy.engine import URL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from great_expectations.execution_engine.execution_engine import ExecutionEngine

_CONFIG = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
}


class DuckDBExecutionEngine(SqlAlchemyExecutionEngine):
    """Keeps one connection: DuckDB drops a pending result when SQLAlchemy gives a connection back and rolls back."""

    @contextlib.contextmanager
    def get_connection(self) -> Iterator[Any]:
        """The one connection."""
        if not getattr(self, "_connection", None):
            self._connection = self.engine.connect()
        yield self._connection

    def close(self) -> None:
        """Give the file back: as long as a connection is open, this process cannot open it differently."""
        if self._connection:
            self._connection.close()
        self.engine.dispose()


class DuckDBDatasource(SQLDatasource):
    """Registers itself under its type: `data_sources.add_duckdb`."""

    type: Literal["duckdb"] = "duckdb"  # pyright: ignore[reportIncompatibleVariableOverride] - how types are named there

    @property
    def execution_engine_type(self) -> type[SqlAlchemyExecutionEngine]:
        """Ours."""
        return DuckDBExecutionEngine

    def _execution_engine_type(self) -> type[SqlAlchemyExecutionEngine]:
        return DuckDBExecutionEngine

    def get_execution_engine(self) -> SqlAlchemyExecutionEngine:
        """One engine for everything, so that closing it closes the file; the parent would make several."""
        engine = self._execution_engine or DuckDBExecutionEngine(
            engine=self.get_engine(),
            create_temp_table=False,  # it would copy every table, twice
        )
        self._execution_engine = engine
        return engine


class ExpectNoProblems(UnexpectedRowsExpectation):
    """Expects a query to give no row, and says what the first row says.

    The query runs once; its parent runs it again to count, which doubles the cost of every check.
    """

    metric_dependencies: ClassVar[tuple[str, ...]] = ("unexpected_rows_query.table",)

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,  # noqa: ARG002 - the parent's signature
        execution_engine: ExecutionEngine | None = None,  # noqa: ARG002 - the parent's signature
    ) -> dict[str, Any]:
        rows = metrics["unexpected_rows_query.table"]
        return {"success": not rows, "result": {"observed_value": rows[0]["observed"] if rows else None}}


class Warehouse:
    """A DuckDB file as a datasource of Great Expectations."""

    def __init__(self, datasource: Any) -> None:
        self._datasource = datasource

    def validate(self, table: str, queries: Sequence[str]) -> list[str | None]:
        """What each query observes on the table, in order; null where it gives no row.

        Raises `RuntimeError` for a query that could not be run.
        """
        asset = self._datasource.add_table_asset(table, table_name=table)
        batch = asset.add_batch_definition_whole_table("all").get_batch()
        expectations = [
            ExpectNoProblems(unexpected_rows_query=query, meta={"place": place}) for place, query in enumerate(queries)
        ]
        suite = ExpectationSuite(name=table, expectations=expectations)
        found: dict[int, str | None] = {}
        for result in batch.validate(suite, result_format="SUMMARY").results:
            found[result.expectation_config.meta["place"]] = _observed(table, result)
        return [found[place] for place in range(len(queries))]


def _observed(table: str, result: ExpectationValidationResult) -> str | None:
    raised = [
        str(info["exception_message"])
        for info in result.exception_info.values()
        if isinstance(info, dict) and info.get("raised_exception")
    ]
    if raised or result.exception_info.get("raised_exception"):
        said = raised or [str(result.exception_info.get("exception_message"))]
        raise RuntimeError(f"a check of {table} could not be run: {'; '.join(said)}")
    return None if result.success else str(result.result["observed_value"])


@contextlib.contextmanager
def open_warehouse(database: Path) -> Iterator[Warehouse]:
    """The file, read-only, closed again at the end."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    datasource = context.data_sources.add_duckdb(
        "warehouse",
        connection_string=URL.create("duckdb", database=str(database)).render_as_string(hide_password=False),
        kwargs={"connect_args": {"read_only": True, "config": _CONFIG}},
    )
    try:
        yield Warehouse(datasource)
    finally:
        datasource.get_execution_engine().close()
