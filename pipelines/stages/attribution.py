"""Credit every merged line: to the commit that introduced it, to notes, and to the session that wrote it.

Belongs here: evidence per line, gathered with the kernels and grouped. Does not belong here: which evidence wins
(`resolution.py`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from kernels.credit import last_writer
from kernels.matching import attest, fill_neighbours, match_lines
from schemas import TABLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipelines.stages.history import History

# The window of Claude Code's contribution metrics: edits from 21 days before the merge to 2 days after it.
BEFORE = timedelta(days=21)
AFTER = timedelta(days=2)


def build_credited_lines(
    history: History, notes: pl.DataFrame, edits: pl.DataFrame, lines: pl.DataFrame
) -> pl.DataFrame:
    """The table `credited_lines` of one repository.

    `notes` are its rows of git_notes; `edits` the edits that went to it: `edit_id`, `session_id`, `model`,
    `edited_at`, `path`; `lines` their session_lines.
    """
    mainline = history.commits["is_mainline"].to_numpy()
    commit_of = history.changes["commit"].to_numpy()[history.change]
    merged = np.nonzero(mainline[commit_of] & history.is_added)[0]
    writer = _find_writers(history, commit_of, merged)
    note = _find_notes(history, notes)
    own, credited = note[merged], note[np.maximum(writer, 0)]
    note_of = np.where(own >= 0, own, np.where(writer >= 0, credited, -1))
    session_of = _find_sessions(history, merged, edits, lines)
    frame = pl.DataFrame(
        {
            "change": history.change[merged],
            "commit": np.where(writer >= 0, commit_of[np.maximum(writer, 0)], commit_of[merged]),
            "note": note_of,
            "edit": session_of,
            "is_distinct": ~history.is_moved[merged],
            "is_effective": history.is_effective[merged],
        }
    )
    grouped = frame.group_by("change", "commit", "note", "edit").agg(
        lines_raw=pl.len().cast(pl.Int64),
        lines_distinct=pl.col("is_distinct").sum().cast(pl.Int64),
        lines_effective=pl.col("is_effective").sum().cast(pl.Int64),
    )
    return _name(history, grouped, notes, edits)


def _find_writers(history: History, commit_of: NDArray[np.int64], merged: NDArray[np.int64]) -> NDArray[np.int64]:
    """Row of the branch commit's line that last introduced each merged line, -1 where none did."""
    landing = history.commits["landing"].to_numpy()
    is_mainline = history.commits["is_mainline"].to_numpy()
    parents = history.commits["parents"].list.len().to_numpy()
    written = np.nonzero(history.is_added & ~is_mainline[commit_of] & (landing[commit_of] >= 0))[0]
    paths = _follow_renames(history)
    groups = landing[commit_of] * (int(paths.max(initial=0)) + 1) + paths[history.change]
    # A merge inside a branch repeats what it merged: its own lines count only where nobody else wrote them.
    rank = history.commits["rank"].to_numpy()
    priority = rank + np.where(parents > 1, 0, rank.size)
    found = last_writer(
        groups[written], history.hash[written], priority[commit_of[written]], groups[merged], history.hash[merged]
    )
    return (
        np.where(found >= 0, written[np.maximum(found, 0)], -1) if written.size else np.full(merged.size, -1, np.int64)
    )


def _follow_renames(history: History) -> NDArray[np.int64]:
    """A number for each change's path, the same for all names that a file had inside one landing."""
    changes = history.changes.select("change", "commit", "path", "old_path", "status")
    changes = changes.join(
        history.commits.select("commit", "landing", "rank", "is_mainline"),
        on="commit",
        how="left",
        maintain_order="left",
    )
    paths = changes["path"].to_list()
    renames = changes.filter((pl.col("status") == "renamed") & ~pl.col("is_mainline") & (pl.col("landing") >= 0))
    later: dict[tuple[int, str], str] = {}
    for landing, old, new in renames.sort("rank", descending=True).select("landing", "old_path", "path").iter_rows():
        final: str = later.get((landing, new)) or new
        later.setdefault((landing, old), final)
    if later:
        touched = changes.filter(
            pl.col("landing").is_in(sorted({landing for landing, _ in later})) & ~pl.col("is_mainline")
        )
        for change, landing, path in touched.select("change", "landing", "path").iter_rows():
            paths[change] = later.get((landing, path), path)
    return pl.Series(paths, dtype=pl.String).rank("dense").cast(pl.Int64).to_numpy() if paths else np.zeros(0, np.int64)


def _find_notes(history: History, notes: pl.DataFrame) -> NDArray[np.int64]:
    """Row of `notes` that attests each line, -1 for none: notes name lines of the commit's own version of a file."""
    rows = notes.with_row_index("note").join(
        history.changes.select("commit_sha", "path", "change"),
        on=["commit_sha", "path"],
        how="inner",
        maintain_order="left",
    )
    owner = np.full(history.hash.size, -1, np.int64)
    if rows.is_empty():
        return owner
    rows = rows.sort("change", "position", "note")
    added = np.nonzero(history.is_added)[0]
    offsets = np.searchsorted(history.change[added], np.arange(history.changes.height + 1))
    found = attest(
        offsets.astype(np.int64),
        history.line[added],
        rows["change"].to_numpy(),
        rows["first_line"].to_numpy(),
        rows["last_line"].to_numpy(),
    )
    number = rows["note"].to_numpy().astype(np.int64)
    owner[added] = np.where(found >= 0, number[np.maximum(found, 0)], -1)
    return owner


def _find_sessions(
    history: History, merged: NDArray[np.int64], edits: pl.DataFrame, lines: pl.DataFrame
) -> NDArray[np.int64]:
    """Row of `edits` that wrote each merged line to its path within the window, -1 for none."""
    none = np.full(merged.size, -1, np.int64)
    landed = (
        history.commits["landed_at"].dt.epoch("s").to_numpy(allow_copy=True) if history.commits.height else np.zeros(0)
    )
    known = edits.with_row_index("edit").filter(pl.col("edited_at").is_not_null())
    paths = history.changes.select("path").unique().sort("path").with_row_index("group")
    written = (
        lines.join(
            known.select("edit_id", "edit", "path", at=pl.col("edited_at").dt.epoch("s")), on="edit_id", how="inner"
        )
        .join(paths, on="path", how="inner")
        .sort("group", "hash", "at", "edit", "line")
    )
    if written.is_empty() or not merged.size:
        return none
    groups = (
        history.changes.join(paths, on="path", how="left", maintain_order="left")["group"].cast(pl.Int64).to_numpy()
    )
    change = history.change[merged]
    commit = history.changes["commit"].to_numpy()[change]
    at = np.nan_to_num(landed.astype(np.float64), nan=-1e15).astype(np.int64)[commit]
    order = np.argsort(at, kind="stable")
    found = match_lines(
        written["group"].cast(pl.Int64).to_numpy(), written["hash"].to_numpy(), written["at"].to_numpy(),
        groups[change][order], history.hash[merged][order], history.shape[merged][order], at[order],
        int(BEFORE.total_seconds()), int(AFTER.total_seconds()),
    )  # fmt: skip
    owners = none.copy()
    owners[order] = np.where(found >= 0, written["edit"].cast(pl.Int64).to_numpy()[np.maximum(found, 0)], -1)
    return fill_neighbours(change, history.line[merged], history.shape[merged], owners)


def _name(history: History, grouped: pl.DataFrame, notes: pl.DataFrame, edits: pl.DataFrame) -> pl.DataFrame:
    """Put names for row numbers, and join rows that the names make one."""
    named = (
        grouped.join(history.changes.select("change", "path", landing_sha="commit_sha"), on="change", how="left")
        .join(history.commits.select("commit", "commit_sha"), on="commit", how="left")
        .join(
            notes.with_row_index("note").select(
                pl.col("note").cast(pl.Int64), note_class="author_class", note_tool="tool", note_model="model"
            ),
            on="note",
            how="left",
        )
        .join(
            edits.with_row_index("edit").select(pl.col("edit").cast(pl.Int64), "session_id", session_model="model"),
            on="edit",
            how="left",
        )
        .with_columns(repo=pl.lit(history.repo))
    )
    table = TABLES["credited_lines"]
    sums = named.group_by(table.key).agg(pl.col("lines_raw", "lines_distinct", "lines_effective").sum())
    return sums.select(table.columns).sort(table.key, nulls_last=False)
