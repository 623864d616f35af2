"""What the first line of a commit message and a committer's address say about how a commit landed.

Belongs here: pull-request numbers and forges. Does not belong here: who wrote a commit (`marks.py`).
"""

from __future__ import annotations

import re

_PULL_REQUEST = re.compile(
    r"^Merge pull request #(\d{1,9}) from |\(#(\d{1,9})\)\s*$|^Merged in .+ \(pull request #(\d{1,9})\)\s*$"
)
_MERGE_REQUEST = re.compile(r"(?m)^See merge request \S*!(\d{1,9})\s*$")
_FORGE_COMMITTERS = frozenset({"noreply@github.com", "noreply@gitlab.com", "noreply@bitbucket.org"})


def pull_request_of(message: str) -> int | None:
    """Number of the pull or merge request that a message names; None where it names none."""
    subject = message.partition("\n")[0]
    match = _PULL_REQUEST.search(subject) or _MERGE_REQUEST.search(message)
    return int(next(group for group in match.groups() if group)) if match else None


def is_forge_commit(committer_email: str) -> bool:
    """Whether a forge's web interface made the commit: how squashes and merges by button are known."""
    return committer_email.lower() in _FORGE_COMMITTERS
