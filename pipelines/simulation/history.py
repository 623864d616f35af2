"""Real git repositories through one `git fast-import` stream each.

Belongs here: running git apart from any configuration of the machine, and writing commits, references and notes.
Does not belong here: what is in a commit (`work`, `mainline`, `notes`).
"""

from __future__ import annotations

import os
import subprocess
from typing import IO, TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pipelines.simulation.files import Version
    from pipelines.simulation.organisation import Identity

MAINLINE = "refs/heads/main"
NOTES = "refs/notes/ai"
# Speed only: the folder is renamed into place when it is whole, so a crash leaves nothing that looks finished.
FAST = ("-c", "core.fsync=none", "-c", "fastimport.unpackLimit=0", "-c", "pack.compression=1", "-c", "gc.auto=0")


class HistoryError(RuntimeError):
    """git refused the history that was written to it."""


def isolated_environment() -> dict[str, str]:
    """An environment in which no configuration of the user or the system reaches git."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "LC_ALL": "C",
        "TZ": "UTC",
    }


def run_git(*arguments: str) -> bytes:
    """What git prints; raises HistoryError when it fails."""
    done = subprocess.run(["git", *arguments], env=isolated_environment(), capture_output=True, check=False)
    if done.returncode:
        command = next((argument for argument in arguments if not argument.startswith("-")), "")
        message = f"git {command} ended with {done.returncode}: {done.stderr.decode(errors='replace').strip()}"
        raise HistoryError(message)
    return done.stdout


class History:
    """A bare repository in the making. Every commit's id is known as soon as it is written."""

    def __init__(self, path: Path) -> None:
        """Make the repository at `path` and start the import."""
        self.path = path
        self._tips: dict[str, str] = {}
        # git finds what its own stream has written by mark only, not yet by id.
        self._commits: dict[str, int] = {}
        self._marks = 0
        run_git("init", "--quiet", "--bare", "--initial-branch=main", "--template=", str(path))
        self._child = subprocess.Popen(
            ["git", *FAST, f"--git-dir={path}", "fast-import", "--quiet", "--done", "--active-branches=64"],
            env=isolated_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._input = cast("IO[bytes]", self._child.stdin)
        self._output = cast("IO[bytes]", self._child.stdout)

    def commit(
        self,
        reference: str,
        *,
        author: Identity,
        authored: tuple[int, int],
        committer: Identity,
        committed: tuple[int, int],
        message: str,
        parents: Sequence[str],
        changes: Mapping[str, Version | None],
    ) -> str:
        """Write a commit and return its id. Times are (UTC seconds, offset in minutes); None removes a path."""
        for version in changes.values():
            if version is not None and not version.mark:
                version.mark = self._blob(version.data)
        mark = self._next_mark()
        parts = [
            f"commit {reference}\nmark :{mark}\n",
            f"author {author} {_moment(authored)}\ncommitter {committer} {_moment(committed)}\n",
            f"data {len(message.encode())}\n{message}\n",
        ]
        if parents and self._tips.get(reference) != parents[0]:
            parts.append(f"from :{self._commits[parents[0]]}\n")
        parts += [f"merge :{self._commits[parent]}\n" for parent in parents[1:]]
        parts += [f"D {path}\n" for path, version in sorted(changes.items(), key=_path_of) if version is None]
        parts += [
            f"M 100644 :{version.mark} {path}\n" for path, version in sorted(changes.items(), key=_path_of) if version
        ]
        parts.append(f"\nget-mark :{mark}\n")
        self._send("".join(parts).encode())
        sha = self._read_id()
        self._tips[reference] = sha
        self._commits[sha] = mark
        return sha

    @property
    def count(self) -> int:
        """How many commits were written."""
        return len(self._commits)

    def annotate(self, author: Identity, moment: tuple[int, int], notes: Mapping[str, str]) -> None:
        """Write git-ai's notes, by the commit that each stands on."""
        if not notes:
            return
        parts = [f"commit {NOTES}\ncommitter {author} {_moment(moment)}\ndata 0\n"]
        for sha, text in sorted(notes.items()):
            parts.append(f"N inline :{self._commits[sha]}\ndata {len(text.encode())}\n{text}\n")
        self._send("".join(parts).encode() + b"\n")

    def close(self) -> None:
        """End the import and pack the references; raises HistoryError when git refused anything."""
        self._send(b"done\n")
        self._input.close()
        self._finish()
        run_git(*FAST, f"--git-dir={self.path}", "pack-refs", "--all")

    def abandon(self) -> None:
        """Stop the import because the caller failed."""
        self._child.kill()
        self._child.wait()
        for stream in (self._child.stdin, self._child.stdout, self._child.stderr):
            if stream:
                stream.close()

    def _blob(self, data: bytes) -> int:
        mark = self._next_mark()
        self._send(b"blob\nmark :%d\ndata %d\n%b\n" % (mark, len(data), data))
        return mark

    def _next_mark(self) -> int:
        self._marks += 1
        return self._marks

    def _send(self, data: bytes) -> None:
        try:
            self._input.write(data)
        except BrokenPipeError:
            self._finish()

    def _read_id(self) -> str:
        try:
            self._input.flush()
        except BrokenPipeError:
            self._finish()
        line = self._output.readline()
        if not line:
            self._finish()
        return line.decode().strip()

    def _finish(self) -> None:
        reason = cast("IO[bytes]", self._child.stderr).read().decode(errors="replace").strip()
        if self._child.wait():
            self.abandon()
            message = f"git fast-import ended with {self._child.returncode}: {reason}"
            raise HistoryError(message)
        self._output.close()
        cast("IO[bytes]", self._child.stderr).close()


def _moment(moment: tuple[int, int]) -> str:
    seconds, offset = moment
    sign = "-" if offset < 0 else "+"
    return f"{seconds} {sign}{abs(offset) // 60:02d}{abs(offset) % 60:02d}"


def _path_of(change: tuple[str, object]) -> str:
    return change[0]
