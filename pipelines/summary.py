"""What a run says when it has published: the three numbers with their bounds, what was read, where to look next.

Belongs here: reading a few rows of the published warehouse and laying them out. Does not belong here: computing any figure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from warehouse.query import run_query

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl
    from rich.console import Console, RenderableType

    from pipelines.defs.launch import RunReport

_COUNTS = """
SELECT (SELECT count(*) FROM landings) AS landings, (SELECT count(*) FROM commits) AS commits,
  (SELECT coalesce(sum(lines_raw), 0)::BIGINT FROM landings) AS lines_raw,
  (SELECT count(*) FROM sessions) AS sessions, (SELECT count(*) FROM quarantine) AS quarantined
"""
# The last quarter that the data covers to its end and in which somebody landed something; NULL where there is none.
_FULL_QUARTER = """
SELECT max(quarter) AS quarter FROM lines_per_engineer_quarter WHERE is_headline AND NOT is_partial AND engineers > 0
"""
_AI_SHARE = """
WITH quarters AS (
  SELECT *, year(period) || 'Q' || quarter(period) AS name FROM ai_share WHERE grain = 'quarter' AND repo = 'all'
), chosen AS (
  SELECT * FROM quarters WHERE {condition}
)
SELECT sum(ai_lines_lower)::BIGINT AS lower, sum(ai_lines_point)::BIGINT AS point, sum(ai_lines_upper)::BIGINT AS upper,
  sum(lines - automation - generated)::BIGINT AS lines, sum(unknown)::BIGINT AS unknown
FROM chosen
"""
_PER_DAY = """
SELECT * FROM lines_per_engineer_quarter WHERE is_headline AND engineers > 0 ORDER BY is_partial, quarter DESC LIMIT 1
"""
_SUCCESS = """
SELECT sum(sessions)::BIGINT AS sessions, sum(successes)::BIGINT AS successes, sum(unclear)::BIGINT AS unclear,
  sum(verified)::BIGINT AS verified, any_value(judge) AS judge
FROM session_success
WHERE grain = 'quarter' AND tier = 'all' AND model = 'all' AND tool = 'all'
  AND judge = (SELECT min(judge) FROM session_success)
"""


def count_published(warehouse: Path) -> dict[str, int]:
    """The counts that `run --json` reports."""
    return dict(run_query(warehouse, _COUNTS).row(0, named=True))


def print_summary(warehouse: Path, report: RunReport, seconds: float) -> None:
    """Print the closing summary to stdout."""
    from rich.console import Console, Group
    from rich.panel import Panel

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120
    counts = count_published(warehouse)
    parts: list[RenderableType] = [_numbers(warehouse), "", *_sources(warehouse, report), "", *_next(warehouse, counts)]
    is_unchanged = report.metadata.get("warehouse", {}).get("unchanged", False)
    title = (
        f"Nothing new in {seconds:.1f} s: what was published stands"
        if is_unchanged
        else f"Published in {seconds:.1f} s"
    )
    console.print(Panel(Group(*parts), title=title, title_align="left", padding=(1, 2)))


def print_table(frame: pl.DataFrame) -> None:
    """Print the rows of a query, all of them, with numbers to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not console.is_terminal:
        # A file has no width: columns take what they need.
        console.width = 100_000
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name, dtype in frame.schema.items():
        table.add_column(_plain(name), justify="right" if dtype.is_numeric() else "left", overflow="fold")
    for row in frame.iter_rows():
        table.add_row(*[_plain("" if value is None else value) for value in row])
    console.print(table)
    _print_count(console, frame.height)


def _print_count(console: Console, rows: int) -> None:
    console.print(f"[dim]{rows:,} {'row' if rows == 1 else 'rows'}[/]")


def _plain(value: object) -> str:
    """Text that cannot steer a terminal nor be taken for markup."""
    from rich.markup import escape

    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return escape("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text))


def _numbers(warehouse: Path) -> RenderableType:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, expand=True)
    table.add_column("the three numbers", style="bold", no_wrap=True)
    table.add_column("value", justify="right", style="bold green", no_wrap=True)
    table.add_column("bounds", no_wrap=True)
    table.add_column("of what", style="dim")
    for row in (_ai_share(warehouse), _per_day(warehouse), _success(warehouse)):
        table.add_row(*row)
    return table


Row = tuple[str, str, str, str]


def _ai_share(warehouse: Path) -> Row:
    name = "Merged lines written by AI"
    quarter = _one(warehouse, _FULL_QUARTER)["quarter"]
    figures = _one(warehouse, _AI_SHARE.format(condition=f"name = '{quarter}'")) if quarter else {}
    basis = f"{quarter}, the last full quarter"
    if not figures.get("lines"):
        figures, basis = _one(warehouse, _AI_SHARE.format(condition="true")), "all time"
    lines = figures["lines"]
    if not lines:
        return name, "-", "", "no merged line to share out: no repository with landings was read"
    unknown = figures["unknown"] / lines
    basis += f"; {lines:,} lines" + (f", {unknown:.0%} of them without evidence" if figures["unknown"] else "")
    return (
        name,
        f"{figures['point'] / lines:.1%}",
        f"{figures['lower'] / lines:.1%} to {figures['upper'] / lines:.1%}",
        basis,
    )


def _per_day(warehouse: Path) -> Row:
    name = "Lines merged per engineer per day"
    frame = run_query(warehouse, _PER_DAY)
    if frame.is_empty():
        return name, "-", "", "no landing by an engineer: no repository with landings was read"
    row = frame.row(0, named=True)
    bounds = "no interval: fewer than two engineers"
    if row["value_lower"] is not None:
        bounds = f"{row['value_lower']:.1f} to {row['value_upper']:.1f}"
    basis = (
        f"{row['quarter']}{' so far' if row['is_partial'] else ''}; {row['engineers']} engineers, {row['days']} days"
    )
    if row["multiple"] is None:
        basis += "; no multiple: no landing in the baseline period"
    else:
        basis += f"; {row['multiple']:.2f} times the baseline"
        if row["multiple_lower"] is not None:
            basis += f" ({row['multiple_lower']:.2f} to {row['multiple_upper']:.2f})"
    return name, f"{row['value']:.1f}", bounds, basis


def _success(warehouse: Path) -> Row:
    name = "Sessions that succeed"
    row = _one(warehouse, _SUCCESS)
    if not row["sessions"]:
        if _one(warehouse, "SELECT count(*) AS sessions FROM sessions")["sessions"]:
            return name, "-", "", "no session with a person in it"
        return name, "-", "", "no session was read: name a folder with --sessions"
    import numpy as np

    from kernels.intervals import wilson_interval

    trials, successes = np.array([row["sessions"]], np.int64), np.array([row["successes"]], np.int64)
    lower, upper = wilson_interval(successes, trials)
    basis = f"all time; n = {row['sessions']:,}, {row['unclear']:,} unclear, {row['verified']:,} verified; judge: {row['judge']}"
    return name, f"{row['successes'] / row['sessions']:.1%}", f"{lower[0]:.1%} to {upper[0]:.1%}", basis


def _sources(warehouse: Path, report: RunReport) -> list[RenderableType]:
    """What was read, what was not, and what the checks say."""
    repositories = run_query(warehouse, "SELECT repo, status, error, landings, commits FROM repositories ORDER BY repo")
    read = report.metadata.get("git_commits", {})
    files = report.metadata.get("session_files", {})
    sessions = _one(warehouse, "SELECT count(*) AS n, coalesce(sum(lines_landed), 0)::BIGINT AS landed FROM sessions")
    usable = repositories.filter(repositories["status"] != "refused")
    history = (
        f"{_plural(usable.height, 'repository', 'repositories')}: {usable['landings'].sum():,} landings, {usable['commits'].sum():,} commits, "
        f"{read.get('commits_new', 0):,} of them new"
    )
    records = (
        f"{files.get('files_found', 0):,} session files: {files.get('files_read', 0):,} read, "
        f"{files.get('files_skipped', 0):,} as before; {sessions['n']:,} sessions, {sessions['landed']:,} of their lines landed"
    )
    unread = repositories.filter(repositories["status"] != "ok").iter_rows(named=True)
    parts: list[RenderableType] = [
        f"[bold]read[/]         {history}",
        f"             {records}",
        *[f"[bold yellow]{row['status']:<12}[/] {_plain(row['repo'])}: {_plain(row['error'] or '')}" for row in unread],
        *[
            f"[bold yellow]missing[/]      sessions {_plain(label)}: nothing to read there"
            for label in files.get("missing_sources", [])
        ],
    ]
    reasons = run_query(
        warehouse,
        "SELECT source, reason, count(*) AS records FROM quarantine GROUP BY ALL ORDER BY records DESC, source, reason",
    )
    if reasons.height:
        told = ", ".join(
            f"{row['records']:,} {row['source']} {row['reason']}" for row in reasons.head(5).iter_rows(named=True)
        )
        more = f", {reasons.height - 5} more reasons" if reasons.height > 5 else ""
        parts.append(
            f"[bold]quarantined[/]  {_plural(int(reasons['records'].sum()), 'record', 'records')}: {_plain(told)}{more}"
        )
        parts.append("             `mergeline doctor` names their files")
    else:
        parts.append("[bold]quarantined[/]  nothing")
    checks = report.count_checks()
    parts.append(
        f"[bold]checks[/]       {checks['passed']} passed"
        + (f", {checks['failed']} failed" if checks["failed"] else "")
    )
    parts.extend(
        f"[yellow]warning[/]      {check.asset}.{check.check}: {_plain(check.metadata['observed'])}"
        for check in report.failed
    )
    return parts


def _plural(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def _next(warehouse: Path, counts: dict[str, Any]) -> list[RenderableType]:
    table = "ai_share" if counts["landings"] else "sessions"
    return [
        f"[bold]warehouse[/]    {_plain(warehouse)}",
        f'[bold]query[/]        mergeline query "SELECT * FROM {table}" --out {_plain(warehouse.parent)}',  # noqa: S608 - shown, not run
        f"[bold]look[/]         mergeline ui --out {_plain(warehouse.parent)}",
    ]


def _one(warehouse: Path, sql: str) -> dict[str, Any]:
    return run_query(warehouse, sql).row(0, named=True)
