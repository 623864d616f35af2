"""Run git on a repository that nobody vouches for: our configuration, our environment, its objects.

Belongs here: the shadow git directory, the environment and options of every git child, and the reading of refs
without git. Does not belong here: what the objects mean. No name, path or option from a repository reaches a
command line; its configuration, hooks, attributes, grafts and replacements are never seen by git.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import subprocess
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

NOTES_REF = "refs/notes/ai"
SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SMALL = 1 << 20
_PACKED_REFS_BYTES = 1 << 30
_GLOBAL_CONFIG = """[safe]
\tdirectory = *
[core]
\tcommitGraph = false
\thooksPath = /dev/null
\tfsmonitor = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
"""
_OPTIONS = (
    "core.commitGraph=false",
    "core.multiPackIndex=false",
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    # git's own default, pinned: a lower threshold would call large text binary and lose its lines.
    "core.bigFileThreshold=512m",
    "core.useReplaceRefs=false",
    "core.pager=cat",
    "core.sshCommand=/bin/false",
    "core.askPass=/bin/false",
    "core.gitProxy=/bin/false",
    "core.quotePath=true",
    "credential.helper=",
    "protocol.allow=never",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "diff.algorithm=myers",
    "diff.indentHeuristic=true",
    "diff.renameLimit=1000",
    "diff.ignoreSubmodules=none",
    "diff.submodule=short",
    "diff.suppressBlankEmpty=false",
    "log.showSignature=false",
    "log.mailmap=false",
    "mailmap.file=",
    "mailmap.blob=",
    "gpg.program=/bin/false",
    "i18n.logOutputEncoding=UTF-8",
    "color.ui=false",
    "safe.bareRepository=explicit",
)


class RepositoryError(Exception):
    """A repository that cannot be read at all: `reason` is a short code, the message says what to do."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class GitError(Exception):
    """A git child that died. The message names the subcommand and its exit status, never what it printed."""


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


class Git:
    """A shadow git directory over a source's objects, and git children that see nothing else.

    Use as a context manager: the shadow is a temporary folder below `state`.
    """

    def __init__(self, source: Source, state: Path, hex_length: int) -> None:
        self.source = source
        self.hex_length = hex_length
        state.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix=".tmp-shadow-", dir=state)).resolve()
        self.git_dir = self.folder / "git"
        self.boundary = self._lay_shadow()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder)

    def _lay_shadow(self) -> frozenset[str]:
        """Write the shadow's files; returns the commits whose parents a shallow clone lacks."""
        info = self.git_dir / "objects" / "info"
        info.mkdir(parents=True)
        (self.git_dir / "refs").mkdir()
        (self.git_dir / "HEAD").write_text("ref: refs/heads/shadow\n")
        sha256 = self.hex_length == 64
        extensions = (
            "\trepositoryformatversion = 1\n[extensions]\n\tobjectFormat = sha256\n"
            if sha256
            else "\trepositoryformatversion = 0\n"
        )
        (self.git_dir / "config").write_text("[core]\n\tbare = true\n" + extensions)
        objects = os.fsencode(self.source.objects.resolve())
        quoted = b"".join(
            b"\\%03o" % byte if byte < 32 or byte in b'"\\' or byte > 126 else bytes([byte]) for byte in objects
        )
        (info / "alternates").write_bytes(b'"' + quoted + b'"\n')
        (self.folder / "gitconfig").write_text(_GLOBAL_CONFIG)
        boundary = read_boundary(self.source)
        if boundary:
            (self.git_dir / "shallow").write_text("".join(f"{sha}\n" for sha in boundary))
        return frozenset(boundary)

    @property
    def empty_tree(self) -> str:
        """Id of the empty tree in the repository's object format."""
        if self.hex_length == 64:
            return "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"
        return "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{Path(shutil.which('git') or '/usr/bin/git').parent}:/usr/bin:/bin",
            "HOME": "/nonexistent",
            "XDG_CONFIG_HOME": "/nonexistent",
            "LC_ALL": "C",
            "TZ": "UTC",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(self.folder / "gitconfig"),
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_GRAFT_FILE": "/dev/null",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "/bin/false",
            "SSH_ASKPASS": "/bin/false",
            "GIT_SSH_COMMAND": "/bin/false",
            "GIT_PROTOCOL_FROM_USER": "0",
            "GIT_ALLOW_PROTOCOL": "",
            "GIT_TEMPLATE_DIR": "",
            "GIT_PAGER": "cat",
            "GIT_EDITOR": "/bin/false",
            "GIT_ADVICE": "0",
            "GIT_CEILING_DIRECTORIES": "/",
        }

    def command(self, *arguments: str, git_dir: Path | None = None) -> list[str]:
        """The full command line of a git child. Arguments are ours; ids of objects go in by standard input.

        `git_dir` is the shadow unless another folder of ours is named.
        """
        options = [word for option in _OPTIONS for word in ("-c", option)]
        if self.hex_length == 40:
            options += ["-c", f"attr.tree={self.empty_tree}"]
        return [
            "git",
            "--no-pager",
            "--no-replace-objects",
            "--no-optional-locks",
            "--literal-pathspecs",
            f"--git-dir={git_dir or self.git_dir}",
            *options,
            *arguments,
        ]

    def start(self, *arguments: str, lines: Iterable[str] | None = None) -> subprocess.Popen[bytes]:
        """Start a git child whose standard input is `lines` (through an unnamed file) or nothing."""
        stdin: IO[bytes] | int = subprocess.DEVNULL
        if lines is not None:
            stdin = tempfile.TemporaryFile(dir=self.folder)  # noqa: SIM115 - closed below, when the child has it
            stdin.writelines(line.encode() + b"\n" for line in lines)
            stdin.seek(0)
        try:
            return subprocess.Popen(
                self.command(*arguments),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._environment(),
                cwd=self.git_dir,
                start_new_session=True,
            )
        finally:
            if not isinstance(stdin, int):
                stdin.close()

    def run_in_copy(self, copy: Path, *arguments: str) -> None:
        """Run git in a git directory of ours that may fetch from this shadow, and from nowhere else."""
        child = subprocess.run(
            self.command(*arguments, git_dir=copy),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**self._environment(), "GIT_ALLOW_PROTOCOL": "file"},
            cwd=self.git_dir,
            check=False,
        )
        if child.returncode != 0:
            raise GitError(f"git {arguments[0]} ended with status {child.returncode}")

    def write_blob(self, content: bytes) -> str:
        """Put a blob of ours into the shadow, where nobody else sees it; returns its id."""
        # Not by `git hash-object`: it would touch the source's copy of the object, where there is one.
        stored = b"blob %d\0" % len(content) + content
        sha = (hashlib.sha256 if self.hex_length == 64 else hashlib.sha1)(stored).hexdigest()
        file = self.git_dir / "objects" / sha[:2] / sha[2:]
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(zlib.compress(stored))
        return sha

    def run(self, *arguments: str, lines: Iterable[str] | None = None) -> bytes:
        """Standard output of a git child. Raises `GitError` when it does not end well."""
        child = self.start(*arguments, lines=lines)
        output, _ = child.communicate()
        if child.returncode != 0:
            raise GitError(f"git {arguments[0]} ended with status {child.returncode}")
        return output


def git_version() -> str:
    """What `git --version` prints."""
    return subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout.strip()
