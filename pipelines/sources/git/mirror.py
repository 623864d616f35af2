"""A verified copy of a repository's history: every object hashed again on its way in.

Belongs here: cloning from the shadow and fetching into the copy. Does not belong here: reading it; the copy is read
through a shadow like any other source. It costs disk and a first copy, and in return no object can be another than
its id says, and nothing changes while it is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.lake import slug_of
from pipelines.sources.git.isolation import Git
from pipelines.sources.git.source import Source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def mirror(source: Source, repo: str, tips: Sequence[str], state: Path) -> Source:
    """Bring the copy of `repo` below `state` up to date with the commits in `tips`. Raises `GitError`.

    Nothing of the source but its objects is looked at: the tips go in under neutral names.
    """
    copy = state / "mirrors" / f"{slug_of(repo)}.git"
    with Git(source, state, len(tips[0])) as git:
        refs = "".join(f"{sha} refs/heads/r{number:06d}\n" for number, sha in enumerate(tips, 1))
        (git.git_dir / "packed-refs").write_text(refs)
        (git.git_dir / "HEAD").write_text("ref: refs/heads/r000001\n")
        if not (copy / "HEAD").exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            object_format = "sha256" if git.hex_length == 64 else "sha1"
            git.run_in_copy(copy, "init", "--bare", "--quiet", f"--object-format={object_format}")
        options = ("--quiet", "--no-tags", "--prune", "--update-shallow", "--no-write-fetch-head")
        git.run_in_copy(copy, "fetch", *options, f"file://{git.git_dir}", "+refs/heads/*:refs/heads/*")
    return Source(copy, copy)
