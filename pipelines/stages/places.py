"""Which repository and path an agent's edit went to, from keyed hashes of directories and path suffixes.

Belongs here: matching places. Does not belong here: lines; those are matched in `attribution.py`. Paths of sessions
are never known in the clear: an edit's path is found by the longest suffix that is a path of the repository.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipelines.config import Repository
    from pipelines.identities import Identities
    from pipelines.lake import Lake

# Without a directory that fits, so many of a session's edits must have paths of the repository, two parts at least.
_LEAST_SHARE_FITTING = 0.5
_LEAST_PARTS = 2

_ASSIGNED = {"edit_id": pl.UInt64(), "session_id": pl.String(), "repo": pl.String(), "path": pl.String()}


@dataclass(frozen=True)
class Places:
    """What identifies repositories on disk. `roots`: `key`, `repo`; `names`: `key`, `repo`; `paths`: `key`, `repo`, `path`."""

    roots: pl.DataFrame
    names: pl.DataFrame
    paths: pl.DataFrame


def find_places(repositories: Sequence[Repository], lake: Lake, identities: Identities) -> Places:
    """Keyed hashes of every repository's folder, names and paths."""
    roots: list[tuple[int, str]] = []
    names: list[tuple[int, str]] = []
    paths: list[tuple[int, str, str]] = []
    for repository in sorted(repositories, key=lambda item: item.name):
        folder = repository.path.resolve()
        roots.append((identities.place_keys(str(folder))[0][0], repository.name))
        labels = {repository.name.rpartition("/")[2].lower(), folder.name.lower().removesuffix(".git")}
        names.extend((identities.hash_path(f"name:{label}"), repository.name) for label in sorted(labels))
        known = lake.read("git_changes", {"repo": repository.name})["path"].unique().sort()
        paths.extend(
            (identities.path_keys(path)[0], repository.name, path) for path in known.to_list() if path.strip("/.")
        )
    schema = {"key": pl.UInt64(), "repo": pl.String()}
    return Places(
        pl.DataFrame(roots, schema=schema, orient="row"),
        pl.DataFrame(names, schema=schema, orient="row"),
        pl.DataFrame(paths, schema={**schema, "path": pl.String()}, orient="row")
        .unique(["key", "repo"])
        .sort("key", "repo"),
    )


def assign_edits(edits: pl.DataFrame, places: Places) -> pl.DataFrame:
    """Repository and path of each edit that has one: `edit_id`, `session_id`, `repo`, `path`, ordered by edit_id.

    A directory that is the repository's own decides first, then one of its name, then, where most edits of the
    session agree, the paths alone. Among equals the longer path wins, then the repository's name.
    """
    if edits.is_empty():
        return pl.DataFrame(schema=_ASSIGNED)
    keys = edits.select("edit_id", key="path_keys").explode("key").drop_nulls()
    fits = (
        keys.join(places.paths, on="key", how="inner")
        .with_columns(parts=pl.col("path").str.count_matches("/", literal=True).cast(pl.Int64) + 1)
        .sort("edit_id", "repo", pl.col("parts").neg(), "path")
        .unique(["edit_id", "repo"], keep="first", maintain_order=True)
    )
    fits = fits.join(edits.select("edit_id", "session_id"), on="edit_id", how="left")
    fits = _mark(fits, edits, "place", places.roots, "is_root")
    fits = _mark(fits, edits, "place_names", places.names, "is_named")
    edits_of = edits.group_by("session_id").agg(edits=pl.len())
    agreeing = fits.filter(pl.col("parts") >= _LEAST_PARTS).group_by("session_id", "repo").agg(fitting=pl.len())
    fits = fits.join(agreeing, on=["session_id", "repo"], how="left").join(edits_of, on="session_id", how="left")
    is_agreed = (pl.col("parts") >= _LEAST_PARTS) & (pl.col("fitting") >= _LEAST_SHARE_FITTING * pl.col("edits"))
    accepted = fits.filter(pl.col("is_root") | pl.col("is_named") | is_agreed)
    accepted = accepted.sort(
        "edit_id", pl.col("is_root").not_(), pl.col("is_named").not_(), pl.col("parts").neg(), "repo"
    )
    return accepted.unique("edit_id", keep="first", maintain_order=True).select(_ASSIGNED.keys())


def _mark(fits: pl.DataFrame, rows: pl.DataFrame, column: str, places: pl.DataFrame, name: str) -> pl.DataFrame:
    """Add the boolean `name`: whether the row's list `column` holds a key of the repository."""
    held = rows.select("edit_id", key=column).explode("key").drop_nulls().join(places, on="key", how="inner")
    held = held.select("edit_id", "repo").unique().with_columns(pl.lit(value=True).alias(name))
    return fits.join(held, on=["edit_id", "repo"], how="left").with_columns(pl.col(name).fill_null(value=False))


def locate_sessions(events: pl.DataFrame, assigned: pl.DataFrame, places: Places) -> pl.DataFrame:
    """Repository of each session: `session_id`, `repo`; where its edits went, else where it ran."""
    by_edits = assigned.group_by("session_id", "repo").agg(weight=pl.len().cast(pl.Int64)).with_columns(order=pl.lit(0))
    ran = events.filter(pl.col("place").list.len() > 0).select("session_id", "place", "place_names").unique()
    by_place: list[pl.DataFrame] = [by_edits]
    for order, column, table in ((1, "place", places.roots), (2, "place_names", places.names)):
        held = ran.select("session_id", key=column).explode("key").drop_nulls().join(table, on="key", how="inner")
        by_place.append(
            held.group_by("session_id", "repo").agg(weight=pl.len().cast(pl.Int64)).with_columns(order=pl.lit(order))
        )
    found = pl.concat(by_place).sort("session_id", "order", pl.col("weight").neg(), "repo")
    return found.unique("session_id", keep="first", maintain_order=True).select("session_id", "repo")
