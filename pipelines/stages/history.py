"""One repository's history as arrays: the graph, the landings, and every line with its place.

Belongs here: loading a repository's facts from the lake into the shape that kernels take, and what follows from
the graph alone. Does not belong here: evidence and classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from kernels.graph import landing_of, mainline_of, topological_rank
from kernels.lines import EFFECTIVE
from kernels.moves import moved_lines

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipelines.lake import Lake


@dataclass(frozen=True)
class History:
    """Facts of one repository.

    `commits`: the columns of git_commits and `commit` (row number), `landing` (row number of its landing, -1 for
    none), `rank` (topological), `is_mainline`, `landed_at`. `changes`: the columns of git_changes and `change` (row
    number), `commit`. Arrays by line, in the order of changes: `change` int64, `is_added` bool, `line` int64, `hash`
    uint64, `shape` uint8, `is_moved` bool (known for mainline commits alone).
    """

    repo: str
    commits: pl.DataFrame
    changes: pl.DataFrame
    change: NDArray[np.int64]
    is_added: NDArray[np.bool_]
    line: NDArray[np.int64]
    hash: NDArray[np.uint64]
    shape: NDArray[np.uint8]
    is_moved: NDArray[np.bool_]

    @property
    def is_effective(self) -> NDArray[np.bool_]:
        """Added lines that did not move and have content."""
        return self.is_added & ~self.is_moved & (self.shape == EFFECTIVE)


def load_history(repo: str, head_sha: str | None, lake: Lake) -> History:
    """Read a repository's facts and place every commit. Raises `ValueError` where the lake's tables do not fit."""
    commits = (
        lake.read("git_commits", {"repo": repo}).with_row_index("commit").with_columns(pl.col("commit").cast(pl.Int64))
    )
    commits = _place_commits(commits, head_sha)
    changes = (
        lake.read("git_changes", {"repo": repo}).with_row_index("change").with_columns(pl.col("change").cast(pl.Int64))
    )
    changes = changes.join(commits.select("commit_sha", "commit"), on="commit_sha", how="left", maintain_order="left")
    lines = lake.read("git_lines", {"repo": repo}).rechunk()
    counts = (changes["lines_raw"] + changes["lines_deleted"]).to_numpy()
    if int(counts.sum()) != lines.height or changes["commit"].null_count():
        raise ValueError(
            f"the lake's git tables of {repo} do not fit together: remove its folders below lake/git_* and run again"
        )
    change = np.repeat(np.arange(counts.size, dtype=np.int64), counts)
    is_added = lines["is_added"].to_numpy()
    line = lines["line"].to_numpy().astype(np.int64)
    hashes = lines["hash"].to_numpy()
    is_moved = _find_moved(commits, changes, counts, line, hashes, is_added)
    return History(repo, commits, changes, change, is_added, line, hashes, lines["shape"].to_numpy(), is_moved)


def _place_commits(commits: pl.DataFrame, head_sha: str | None) -> pl.DataFrame:
    index = dict(zip(commits["commit_sha"].to_list(), range(commits.height), strict=True))
    counts = commits["parents"].list.len().to_numpy()
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
    listed = commits["parents"].explode(empty_as_null=False) if commits.height else pl.Series([], dtype=pl.String)
    parents = np.fromiter((index.get(sha, -1) for sha in listed.to_list()), np.int64, int(offsets[-1]))
    head = index.get(head_sha or "", -1)
    mainline = mainline_of(offsets, parents, head)
    landing = landing_of(offsets, parents, mainline)
    is_mainline = np.zeros(commits.height, np.bool_)
    is_mainline[mainline] = True
    placed = commits.with_columns(
        pl.Series("landing", landing, pl.Int64),
        pl.Series("rank", topological_rank(offsets, parents), pl.Int64),
        pl.Series("is_mainline", is_mainline),
    )
    landed = placed.select(landing="commit", landing_sha="commit_sha", landed_at="committed_at")
    return placed.join(landed, on="landing", how="left", maintain_order="left")


def _find_moved(
    commits: pl.DataFrame,
    changes: pl.DataFrame,
    counts: NDArray[np.int64],
    line: NDArray[np.int64],
    hashes: NDArray[np.uint64],
    is_added: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Moved lines of every mainline commit. A commit's changes stand together, so its lines do too."""
    commit = np.repeat(changes["commit"].to_numpy(), counts)
    wanted = commits["is_mainline"].to_numpy()[commit]
    rows = np.nonzero(wanted)[0]
    moved = np.zeros(hashes.size, np.bool_)
    if rows.size:
        starts = np.concatenate([[0], np.nonzero(np.diff(commit[rows]))[0] + 1, [rows.size]]).astype(np.int64)
        files = np.repeat(np.arange(counts.size, dtype=np.int64), counts)
        moved[rows] = moved_lines(starts, files[rows], line[rows], hashes[rows], is_added[rows])
    return moved
