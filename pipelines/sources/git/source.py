"""A repository on disk as its plain files say, read without git: where it is, its refs, what it lacks.

Belongs here: finding the git directory, refusing what would make git read elsewhere or wait for ever, and resolving
refs. Does not belong here: objects, and running git (`isolation.py`). The repository's configuration is not read.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NOTES_REF = "refs/notes/ai"
SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SMALL = 1 << 20
_PACKED_REFS_BYTES = 1 << 30


class RepositoryError(Exception):
    """A repository that cannot be read at all: `reason` is a short code, the message says what to do."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Source:
    """A repository on disk as its plain files say, read without git."""

    git_dir: Path
    common_dir: Path

    @property
    def objects(self) -> Path:
        """Folder of the object store."""
        return self.common_dir / "objects"


def read_small(path: Path, limit: int = _SMALL) -> bytes | None:
    """Bytes of a regular file, following no link and waiting for no pipe; None where there is no such file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise RepositoryError(
            "unreadable_file",
            f"{path.name} cannot be opened: {error.strerror}; check its permissions and that it is no link",
        ) from error
    with os.fdopen(descriptor, "rb") as handle:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise RepositoryError(
                "special_file", f"{path.name} is not a regular file; make a fresh clone and name that"
            )
        if status.st_size > limit:
            raise RepositoryError(
                "oversized_file", f"{path.name} has {status.st_size} bytes, over the limit of {limit}"
            )
        return handle.read(limit + 1)


def find_source(path: Path) -> Source:
    """The git directory of a clone, bare or not, or of a linked worktree. Raises `RepositoryError`."""
    if not path.exists():
        raise RepositoryError("not_found", "there is no such folder; mend `path` in the configuration")
    dot_git = path / ".git"
    if dot_git.is_symlink():
        raise RepositoryError("linked_git_dir", "`.git` is a symbolic link; name the folder that it points to")
    if dot_git.is_dir():
        return _checked(Source(dot_git, dot_git))
    if dot_git.exists():
        return _checked(_find_worktree(dot_git))
    if (path / "objects").is_dir() and (path / "HEAD").exists():
        return _checked(Source(path, path))
    raise RepositoryError(
        "not_a_repository", "it is not a git repository: there is neither a `.git` nor `HEAD` and `objects`"
    )


def _find_worktree(dot_git: Path) -> Source:
    line = (read_small(dot_git) or b"").decode("utf-8", "surrogateescape").strip()
    if not line.startswith("gitdir: "):
        raise RepositoryError("odd_git_file", "`.git` is a file that names no git directory")
    git_dir = (dot_git.parent / line.removeprefix("gitdir: ")).resolve()
    back = (read_small(git_dir / "gitdir") or b"").decode("utf-8", "surrogateescape").strip()
    common = (read_small(git_dir / "commondir") or b"").decode("utf-8", "surrogateescape").strip()
    if not back or (git_dir / back).resolve() != dot_git.resolve() or not common:
        raise RepositoryError(
            "unconfirmed_git_file",
            "`.git` points to a git directory that does not point back; name that directory instead",
        )
    return Source(git_dir, (git_dir / common).resolve())


def _checked(source: Source) -> Source:
    """Refuse what would make git read elsewhere or wait for ever."""
    if source.git_dir == source.common_dir and (source.git_dir / "commondir").exists():
        raise RepositoryError(
            "odd_commondir", "it borrows another repository's folder (`commondir`); name that repository"
        )
    if (source.common_dir / "reftable").exists():
        raise RepositoryError(
            "reftable",
            "its refs are stored as reftable, which this git cannot read; run `git refs migrate --ref-format=files`",
        )
    if not source.objects.is_dir() or source.objects.is_symlink():
        raise RepositoryError("no_objects", "`objects` is missing or a link; make a fresh clone and name that")
    alternates = source.objects / "info" / "alternates"
    if read_small(alternates) is not None:
        raise RepositoryError(
            "alternates",
            "it borrows objects from another folder (`objects/info/alternates`); run `git repack -a -d` in it and remove that file",
        )
    for folder in (source.objects, source.objects / "pack", *_loose_folders(source.objects)):
        if not folder.is_dir():
            continue
        with os.scandir(folder) as entries:
            for entry in entries:
                mode = entry.stat(follow_symlinks=False).st_mode
                if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                    raise RepositoryError(
                        "special_file",
                        f"`objects` holds something that is neither file nor folder ({entry.name[:80]!r}); make a fresh clone and name that",
                    )
    return source


def _loose_folders(objects: Path) -> list[Path]:
    return [objects / f"{number:02x}" for number in range(256)]


def read_refs(source: Source) -> dict[str, str]:
    """Packed refs by name; loose refs are looked up one by one with `resolve`."""
    packed = read_small(source.common_dir / "packed-refs", _PACKED_REFS_BYTES) or b""
    refs: dict[str, str] = {}
    for line in packed.split(b"\n"):
        sha, _, name = line.decode("utf-8", "surrogateescape").partition(" ")
        if name and SHA.fullmatch(sha):
            refs[name.strip()] = sha
    return refs


def resolve(source: Source, name: str) -> str | None:
    """Commit id of a ref, a branch name, `HEAD` or an id; None for an unborn branch or missing notes.

    Raises `RepositoryError` for a ref that loops and for a branch that is not there.
    """
    if SHA.fullmatch(name):
        return name
    packed = read_refs(source)
    candidates = (
        ["HEAD"]
        if name == "HEAD"
        else [
            name,
            f"refs/{name}",
            f"refs/heads/{name}",
            f"refs/tags/{name}",
            f"refs/remotes/{name}",
            f"refs/remotes/origin/{name}",
        ]
    )
    for candidate in candidates:
        found = _follow(source, packed, candidate)
        if found is not None:
            return found
    if name not in ("HEAD", NOTES_REF):
        raise RepositoryError(
            "no_such_branch", f"it has no branch or tag {name[:200]!r}; mend `mainline` in the configuration"
        )
    return None


def _follow(source: Source, packed: dict[str, str], name: str) -> str | None:
    for _ in range(6):
        if ".." in name.split("/") or (name != "HEAD" and not name.startswith("refs/")):
            return None
        folder = source.git_dir if name == "HEAD" else source.common_dir
        content = (read_small(folder / name) if _is_plain(folder, name) else None) or b""
        text = content.decode("utf-8", "surrogateescape").strip()
        if text.startswith("ref:"):
            name = text.removeprefix("ref:").strip()
            continue
        if SHA.fullmatch(text):
            return text
        return packed.get(name)
    raise RepositoryError("ref_loop", "its mainline is a symbolic ref that never ends; name a branch with `mainline`")


def _is_plain(folder: Path, name: str) -> bool:
    """Whether no part of a loose ref's path is a link or a folder."""
    path = folder
    for part in name.split("/"):
        path = path / part
        if path.is_symlink():
            return False
    return not path.is_dir()


def stamp_objects(source: Source) -> str:
    """A stamp that changes when objects are added: names of packs and of folders of loose objects, with their times."""
    stamp = hashlib.sha256()
    for folder in (source.objects / "pack", *_loose_folders(source.objects)):
        if folder.is_dir():
            stamp.update(f"{folder.name}:{folder.stat().st_mtime_ns}\n".encode())
    return stamp.hexdigest()


def read_boundary(source: Source) -> tuple[str, ...]:
    """Commits whose parents a shallow clone lacks, sorted."""
    shallow = read_small(source.common_dir / "shallow", _PACKED_REFS_BYTES) or b""
    return tuple(sorted(line for line in shallow.decode("ascii", "replace").split() if SHA.fullmatch(line)))
