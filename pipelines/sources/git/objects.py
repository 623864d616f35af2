"""Read commits and blobs by id through `git cat-file --batch`, and parse commit objects ourselves.

Belongs here: raw objects and their grammar. Does not belong here: diffs, evidence, or which commits are wanted.
`git log`'s text is never parsed: times before 1970, odd encodings and forged headers come through only in the
raw object.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING

from pipelines.sources.git.source import SHA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pipelines.sources.git.isolation import Git

_EARLIEST = int(datetime(1, 1, 1, tzinfo=UTC).timestamp())
_LATEST = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())
# A zone alone is no time: where the seconds are missing, there is none.
_TIME = re.compile(rb"(?:^|\s)(-?\d+(?=\s+[+-]\d)|\d+)(?:\s+[+-]\d+)?\s*$")


@dataclass(frozen=True)
class Identity:
    """A name and an e-mail address as recorded, decoded leniently."""

    name: str
    email: str


@dataclass(frozen=True)
class Commit:
    """A commit object. Times are seconds since 1970 in UTC, None outside the years 1 to 9999."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Identity
    committer: Identity
    authored_at: int | None
    committed_at: int | None
    message: str

    @property
    def is_sound(self) -> bool:
        """Whether tree and parents are ids: nothing else may reach git's standard input."""
        return all(SHA.fullmatch(name) for name in (self.tree, *self.parents))


def read_commits(git: Git, shas: Iterable[str], quarantine: Callable[[str, str, str], None]) -> Iterator[Commit]:
    """Yield the commit of each id that can be read; `quarantine(position, reason, detail)` is told of the others."""
    for sha, kind, content in read_objects(git, shas):
        commit = parse_commit(sha, content) if kind == "commit" and content is not None else None
        if commit and commit.is_sound:
            yield commit
            continue
        reason = "malformed" if commit else kind
        quarantine(sha, f"commit_{reason}", "the commit's object cannot be read; run `git fsck` and fetch it again")


def read_objects(git: Git, shas: Iterable[str]) -> Iterator[tuple[str, str, bytes | None]]:
    """Yield (id, type, content) for each id in order; type `missing` and None where it cannot be read.

    A child that dies on a damaged object is started again behind it. The content's hash is checked against the id:
    an object whose bytes are another's has the type `mismatch`.
    """
    wanted = list(shas)
    position = 0
    while position < len(wanted):
        child = git.start("cat-file", "--batch", lines=wanted[position:])
        stream = child.stdout
        if stream is None:
            raise AssertionError("cat-file was started without a pipe")
        try:
            with stream:
                for answer in _read_answers(stream, wanted, position):
                    yield _verify(git, answer)
                    position += 1
        finally:  # also where the caller reads no further
            child.wait()
        if position < len(wanted):
            yield wanted[position], "missing", None
            position += 1


def _read_answers(stream: IO[bytes], wanted: list[str], position: int) -> Iterator[tuple[str, str, bytes | None]]:
    for sha in wanted[position:]:
        header = stream.readline()
        if not header.endswith(b"\n"):
            return
        words = header.split()
        if len(words) != 3:  # "<id> missing"
            yield sha, "missing", None
            continue
        size = int(words[2])
        content = stream.read(size + 1)
        if len(content) != size + 1:
            return
        yield sha, words[1].decode(), content[:-1]


def _verify(git: Git, answer: tuple[str, str, bytes | None]) -> tuple[str, str, bytes | None]:
    sha, kind, content = answer
    if content is None:
        return answer
    digest = hashlib.sha256() if git.hex_length == 64 else hashlib.sha1(usedforsecurity=False)
    digest.update(f"{kind} {len(content)}\0".encode())
    digest.update(content)
    return answer if digest.hexdigest() == sha else (sha, "mismatch", None)


def parse_commit(sha: str, content: bytes) -> Commit:
    """Parse a commit object. Missing or odd headers give empty fields, never an error."""
    header, _, body = content.partition(b"\n\n")
    fields: dict[bytes, bytes] = {}
    parents: list[str] = []
    for line in header.split(b"\n"):
        key, _, value = line.partition(b" ")
        if key == b"parent":
            parent = value.strip().decode("ascii", "replace")
            if parent not in parents:  # a repeated parent brings nothing in
                parents.append(parent)
        elif key and key not in fields:
            fields[key] = value
    author, authored_at = _parse_signature(fields.get(b"author", b""))
    committer, committed_at = _parse_signature(fields.get(b"committer", b""))
    codec = fields.get(b"encoding", b"").decode("ascii", "replace").strip()
    return Commit(
        sha=sha,
        tree=fields.get(b"tree", b"").strip().decode("ascii", "replace"),
        parents=tuple(parents),
        author=author,
        committer=committer,
        authored_at=authored_at,
        committed_at=committed_at,
        message=decode_text(body, codec),
    )


def decode_text(content: bytes, codec: str = "") -> str:
    """Text as UTF-8, else in the codec that the commit names, else as Latin-1, which never fails."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        text = content.decode(codec or "latin-1")
        text.encode()  # some codecs give half a surrogate pair, which no table can hold
    except (ValueError, LookupError):
        return content.decode("latin-1")
    return text


def _parse_signature(value: bytes) -> tuple[Identity, int | None]:
    """`Name <e-mail> seconds zone`; the last `>` ends the e-mail, whatever stands in the name."""
    person, bracket, rest = value.rpartition(b">")
    if not bracket:
        match = _TIME.search(value)
        person, rest = (value[: match.start()], value[match.start() :]) if match else (value, b"")
    name, _, email = person.partition(b"<")
    match = _TIME.search(rest)
    seconds = int(match.group(1)) if match and len(match.group(1)) < 20 else None
    if seconds is not None and not _EARLIEST <= seconds <= _LATEST:
        seconds = None
    return Identity(_clean(name), _clean(email)), seconds


def _clean(value: bytes) -> str:
    return decode_text(value).strip().replace("\0", "")[:1000]
