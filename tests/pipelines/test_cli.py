"""The command line as a user meets it: streams, exit statuses, words."""

from __future__ import annotations

import csv
import inspect
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from pipelines import cli
from pipelines.lock import RunLock
from pipelines.simulation import simulate

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]
JSON_KEYS = ["status", "warehouse", "landings", "commits", "lines_raw", "sessions", "quarantined", "checks", "seconds"]


def mergeline(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(cwd), "COLUMNS": "120"}
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME"):
        environment.pop(name, None)
    command = [sys.executable, "-m", "pipelines.cli", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def organisation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an example organisation and one published run."""
    folder = tmp_path_factory.mktemp("organisation")
    simulate(folder / "example", engineers=3, days=30, repositories=1)
    result = mergeline("run", "--config", "example/mergeline.toml", "--json", cwd=folder)
    assert result.returncode == 0, result.stderr
    (folder / "stdout.json").write_text(result.stdout)
    (folder / "stderr.txt").write_text(result.stderr)
    return folder


@pytest.mark.parametrize("command", [(), *[(name,) for name in sorted(cli.main.commands)]])
def test_every_command_explains_itself_with_an_example(command: Sequence[str]) -> None:
    result = CliRunner().invoke(cli.main, [*command, "--help"])
    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"mergeline {' '.join(command)}".strip() in result.output


def test_defaults_of_simulate_are_those_of_the_function() -> None:
    parameters = inspect.signature(simulate).parameters
    options = {
        option.name: option for option in cli.main.commands["simulate"].params if isinstance(option, click.Option)
    }
    assert options["seed"].default == parameters["seed"].default
    assert options["engineers"].default == parameters["engineers"].default
    assert options["days"].default == parameters["days"].default
    assert options["repos"].default == parameters["repositories"].default
    assert options["start"].default == str(parameters["start"].default)


def test_help_and_queries_do_not_wait_for_dagster(tmp_path: Path) -> None:
    probe = (
        "import sys; from click.testing import CliRunner; from pipelines.cli import main; "
        "CliRunner().invoke(main, ['run', '--help']); CliRunner().invoke(main, ['query', 'SELECT 1']); "
        "print(sorted({'dagster', 'great_expectations', 'numba', 'polars'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-c", probe], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_a_wrong_configuration_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "mergeline.toml").write_text('[[repositories]]\npth = "."\n')
    result = mergeline("run", cwd=tmp_path)
    assert result.returncode == 2
    assert "mergeline.toml:2: unknown key 'pth'" in result.stderr
    assert "did you mean 'path'" in result.stderr
    assert result.stdout == ""


def test_wrong_usage_is_status_2(tmp_path: Path) -> None:
    assert mergeline("run", "--jobs", "0", cwd=tmp_path).returncode == 2
    assert mergeline("run", cwd=tmp_path).returncode == 2
    assert mergeline("nothing", cwd=tmp_path).returncode == 2


def test_a_query_before_any_run_says_what_to_do(tmp_path: Path) -> None:
    result = mergeline("query", "SELECT 1", cwd=tmp_path)
    assert result.returncode == 1
    assert "mergeline run" in result.stderr


def test_a_held_lock_is_status_75(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path / "app")], check=True)
    with RunLock(tmp_path / "data"):
        result = mergeline("run", "--repo", "app", "--json", cwd=tmp_path)
    assert result.returncode == 75
    assert "another run" in result.stderr
    assert json.loads(result.stdout)["status"] == "locked"


@pytest.mark.slow
def test_nothing_readable_is_status_1(tmp_path: Path) -> None:
    result = mergeline("run", "--repo", "gone", "--json", cwd=tmp_path)
    assert result.returncode == 1
    assert "nothing could be read" in result.stderr
    closing = json.loads(result.stdout)
    assert list(closing) == JSON_KEYS
    assert closing["status"] == "failed"
    assert closing["warehouse"] is None


@pytest.mark.slow
def test_json_is_one_object_with_the_keys_of_the_contract(organisation: Path) -> None:
    closing = json.loads((organisation / "stdout.json").read_text())
    assert list(closing) == JSON_KEYS
    assert closing["status"] == "published"
    assert Path(closing["warehouse"]) == organisation / "data" / "mergeline.duckdb"
    assert min(closing["landings"], closing["commits"], closing["lines_raw"], closing["sessions"]) > 0
    assert closing["checks"]["failed"] == 0
    assert closing["checks"]["passed"] > 0
    repository = next((organisation / "example" / "repositories").glob("*.git"))
    listed = subprocess.run(
        ["git", "-C", str(repository), "rev-list", "--first-parent", "--count", "HEAD"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert closing["landings"] == int(listed.stdout)


@pytest.mark.slow
def test_the_summary_shows_the_three_numbers_and_where_to_look_next(organisation: Path) -> None:
    result = mergeline("run", "--config", "example/mergeline.toml", cwd=organisation)
    assert result.returncode == 0, result.stderr
    for words in (
        "Merged lines written by AI",
        "Lines merged per engineer per day",
        "Sessions that succeed",
        "0 of them new",
        "quarantined",
        "mergeline query",
        "mergeline ui",
    ):
        assert words in result.stdout
    assert "Traceback" not in result.stderr
    assert "Warning" not in result.stderr


@pytest.mark.slow
def test_a_missing_source_is_status_3_and_named(organisation: Path) -> None:
    example = organisation / "example"
    sources = ["--sessions", "example/sessions", "--sessions", "nowhere"]
    repository = next((example / "repositories").glob("*.git"))
    result = mergeline("run", "--repo", str(repository), "--repo", "gone", *sources, "--out", "other", cwd=organisation)
    assert result.returncode == 3, result.stderr
    assert "nowhere" in result.stdout
    assert "gone" in result.stdout
    statuses = mergeline(
        "query",
        "SELECT status FROM repositories WHERE repo = 'gone'",
        "--format",
        "csv",
        "--out",
        "other",
        cwd=organisation,
    )
    assert statuses.stdout.split() == ["status", "refused"]


@pytest.mark.slow
def test_a_run_without_sessions_says_which_number_is_missing(organisation: Path) -> None:
    repository = next((organisation / "example" / "repositories").glob("*.git"))
    result = mergeline("run", "--repo", str(repository), "--out", "alone", cwd=organisation)
    assert result.returncode == 0, result.stderr
    assert "no session was read: name a folder with --sessions" in result.stdout


@pytest.mark.slow
def test_queries_come_as_table_csv_and_json(organisation: Path) -> None:
    sql = "SELECT landing_sha, landed_on, lines_raw FROM landings ORDER BY landed_at, landing_sha LIMIT 3"
    table = mergeline("query", sql, cwd=organisation)
    assert table.returncode == 0, table.stderr
    assert "landing_sha" in table.stdout
    assert "3 rows" in table.stdout
    rows = json.loads(mergeline("query", sql, "--format", "json", cwd=organisation).stdout)
    listed = list(csv.DictReader(io.StringIO(mergeline("query", sql, "--format", "csv", cwd=organisation).stdout)))
    assert [row["landing_sha"] for row in rows] == [row["landing_sha"] for row in listed]
    assert [str(row["lines_raw"]) for row in rows] == [row["lines_raw"] for row in listed]
    assert all(row["landing_sha"] in table.stdout for row in rows)
    nested = mergeline("query", "SELECT tools FROM commits LIMIT 1", "--format", "csv", cwd=organisation)
    assert nested.returncode == 0, nested.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "sql", ["SELEC 1", "SELECT nothing FROM landings", "DELETE FROM landings", "SELECT * FROM read_csv('/etc/passwd')"]
)
def test_a_query_that_cannot_be_run_is_status_2(organisation: Path, sql: str) -> None:
    result = mergeline("query", sql, cwd=organisation)
    assert result.returncode == 2
    assert result.stdout == ""
    assert "mergeline:" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.slow
def test_doctor_finds_what_is_there_and_what_is_not(organisation: Path, tmp_path: Path) -> None:
    well = mergeline("doctor", "--config", "example/mergeline.toml", cwd=organisation)
    assert well.returncode == 0, well.stdout + well.stderr
    assert "read up to" in well.stdout
    assert "published" in well.stdout
    (tmp_path / "mergeline.toml").write_text('[[repositories]]\npath = "gone"\n[[sessions]]\npath = "."\n')
    ill = mergeline("doctor", cwd=tmp_path)
    assert ill.returncode == 1
    assert "gone does not exist" in ill.stdout
