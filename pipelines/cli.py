"""The command line. Every command imports what it needs when it runs, so that `mergeline --help` is quick.

Belongs here: arguments, exit statuses, which stream a line goes to. Does not belong here: the work itself.

Exit statuses: 0 done; 1 a blocking check failed or nothing could be read; 2 wrong usage or configuration; 3 published, but
a whole source could not be read; 75 another run holds the lock.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from datetime import datetime

_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
_OUT = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("data"),
    show_default=True,
    help="Output folder.",
)
_CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Configuration file. Default: mergeline.toml of this folder, where there is one.",
)


def _version(context: click.Context, parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's signature
    del parameter
    if value and not context.resilient_parsing:
        from pipelines.environment import package_version

        click.echo(f"mergeline {package_version()}")
        context.exit()


@click.group(context_settings=_SETTINGS)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version and exit."
)
def main() -> None:
    """Numbers about software work from git history and coding-agent sessions: checked, published, reproducible.

    \b
    Example:
      mergeline run --repo ~/src/app --sessions ~/.claude/projects
      mergeline query "SELECT * FROM ai_share WHERE grain = 'quarter'"
    """


@main.command()
@_CONFIG
@click.option(
    "--repo", "repositories", multiple=True, metavar="PATH", help="A git repository, bare or not; may be repeated."
)
@click.option("--sessions", multiple=True, metavar="PATH", help="A file or folder of agent sessions; may be repeated.")
@_OUT
@click.option(
    "--jobs", type=click.IntRange(min=1), default=None, help="Processes that read at once. Default: one per core."
)
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object on stdout instead of the summary.")
def run(
    *,
    config: Path | None,
    repositories: tuple[str, ...],
    sessions: tuple[str, ...],
    out: Path,
    jobs: int | None,
    as_json: bool,
) -> NoReturn:
    """Read, attribute, compute, check and publish: the whole pipeline once.

    What was read before is not read again. With neither --config nor --repo, mergeline.toml of the current folder says what to
    read; without one, it is the git repository of the current folder and the sessions that your agents keep.

    \b
    Examples:
      mergeline run
      mergeline run --repo ~/src/app --sessions ~/.claude/projects --out data
    """
    from pipelines.commands import execute_run, load_config_or_exit
    from pipelines.inputs import make_inputs

    inputs = make_inputs(config=config, repositories=repositories, sessions=sessions, out=out, jobs=jobs or 0)
    sys.exit(execute_run(inputs, load_config_or_exit(inputs), as_json=as_json))


@main.command()
@click.argument("sql")
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="How rows are printed.",
)
@_OUT
def query(sql: str, style: str, out: Path) -> NoReturn:
    """Run SQL on the published warehouse, read-only.

    \b
    Examples:
      mergeline query "SHOW TABLES"
      mergeline query "SELECT period, ai_lower, ai_point, ai_upper FROM ai_share WHERE grain = 'quarter' AND repo = 'all'"
      mergeline query "SELECT * FROM session_success" --format csv > success.csv
    """
    from pipelines.commands import execute_query

    sys.exit(execute_query(sql, style, out.absolute() / "mergeline.duckdb"))


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same organisation.")
@click.option("--engineers", type=click.IntRange(min=1), default=8, show_default=True, help="People who work there.")
@click.option("--days", type=click.IntRange(min=1), default=270, show_default=True, help="Days of history.")
@click.option("--repos", type=click.IntRange(min=1), default=2, show_default=True, help="Repositories.")
@click.option(
    "--start",
    type=click.DateTime(["%Y-%m-%d"]),
    default="2025-10-01",
    show_default=True,
    help="First day of the history.",
)
def simulate(*, folder: Path, seed: int, engineers: int, days: int, repos: int, start: datetime) -> None:
    """Make an organisation with git repositories, agent sessions, and a truth/ folder that says who wrote every line.

    FOLDER must not exist yet, or be empty.

    \b
    Example:
      mergeline simulate /tmp/example --seed 7 --engineers 20
      mergeline run --config /tmp/example/mergeline.toml
    """
    from pipelines.simulation import simulate as make

    click.echo(f"Making {repos} repositories and {engineers} engineers over {days} days ...", err=True)
    try:
        made = make(folder, seed=seed, engineers=engineers, days=days, repositories=repos, start=start.date())
    except FileExistsError as error:
        raise click.UsageError(str(error)) from None
    click.echo(
        f"{folder}: {made.repositories} repositories, {made.landings:,} landings, {made.commits:,} commits, {made.sessions:,} sessions"
    )
    click.echo(f"{made.lines:,} merged lines, {made.lines_ai:,} of them by AI; who wrote which: {folder / 'truth'}")


@main.command()
@_CONFIG
@_OUT
@click.option(
    "--port", type=click.IntRange(1, 65535), default=None, help="Port on 127.0.0.1. Default: 3000, or a free one."
)
def ui(*, config: Path | None, out: Path, port: int | None) -> NoReturn:
    """Serve the Dagster UI and its daemon on this machine, with the runs that `mergeline run` made. Ctrl-C ends both.

    A run that is started there reads what the last `mergeline run` into the same output read, unless --config says otherwise.

    \b
    Example:
      mergeline ui --out data
    """
    from pipelines.commands import execute_ui, load_config_or_exit
    from pipelines.inputs import make_inputs, recall_inputs

    out = out.absolute()
    inputs = make_inputs(config=config, out=out) if config else recall_inputs(out, Path.cwd())
    load_config_or_exit(inputs)
    sys.exit(execute_ui(out, str(inputs.config) if config else "", port))


@main.command()
@_CONFIG
@_OUT
def doctor(*, config: Path | None, out: Path) -> NoReturn:
    """Say what is configured, found, readable and stale, and what to do about it. Exit status 1 when something needs you.

    \b
    Example:
      mergeline doctor
    """
    from pipelines.commands import load_config_or_exit
    from pipelines.doctor import examine
    from pipelines.inputs import make_inputs, recall_inputs

    inputs = make_inputs(config=config, out=out) if config else recall_inputs(out.absolute(), Path.cwd())
    sys.exit(examine(load_config_or_exit(inputs)))


if __name__ == "__main__":
    main()
