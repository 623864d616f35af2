"""Run git on a repository that nobody vouches for: our configuration, our environment, its objects.

Belongs here: the shadow git directory, and the environment and options of every git child. Does not belong here: what
the objects mean, and what can be known without git (`source.py`). No name, path or option from a repository reaches a
command line; its configuration, hooks, attributes, grafts and replacements are never seen by git.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from pipelines.sources.git.source import read_boundary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipelines.sources.git.source import Source

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


class GitError(Exception):
    """A git child that died. The message names the subcommand and its exit status, never what it printed."""


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
