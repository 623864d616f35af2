"""Which commits a tip reaches, and which of them are new since the tip that was read last.

Belongs here: walking history with git, and without it where git would stop. Does not belong here: landings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.sources.git.isolation import GitError
from pipelines.sources.git.objects import read_commits

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipelines.sources.git.isolation import Git


def find_new_commits(
    git: Git, head: str, last: str | None, held: set[str] | None, quarantine: Callable[[str, str, str], None]
) -> tuple[set[str], set[str] | None]:
    """Commits that `head` reaches and `last` does not, and those that `last` reached and `head` does not.

    `held` are the commits that the lake holds after a reading that was cut short: they take the place of what `last`
    reached. The second is None where the old tip cannot be walked any more: all of `head` is then new.
    """
    if held is not None:
        every = _list_all(git, head, quarantine)
        return every - held, held - every
    if last is not None:
        try:
            return _list(git, head, last), _list(git, last, head)
        except GitError:
            pass  # the old tip was collected, or history is damaged: read it whole below
    return _list_all(git, head, quarantine), None


def _list_all(git: Git, head: str, quarantine: Callable[[str, str, str], None]) -> set[str]:
    try:
        return _list(git, head, None)
    except GitError:
        return _walk(git, head, quarantine)


def _list(git: Git, tip: str, without: str | None) -> set[str]:
    lines = [tip] if without is None else [tip, f"^{without}"]
    return set(git.run("rev-list", "--stdin", lines=lines).decode("ascii").split())


def _walk(git: Git, head: str, quarantine: Callable[[str, str, str], None]) -> set[str]:
    """Every commit that can be reached through readable commits; `rev-list` gives up at the first damaged one."""
    seen: set[str] = {head}
    found: set[str] = set()
    frontier = [head]
    while frontier:
        following: list[str] = []
        for commit in read_commits(git, frontier, quarantine):
            found.add(commit.sha)
            if commit.sha in git.boundary:
                continue
            for parent in commit.parents:
                if parent not in seen:
                    seen.add(parent)
                    following.append(parent)
        frontier = following
    return found
