"""One run at a time per output folder: an advisory lock that the kernel gives back when its holder dies.

Belongs here: taking and giving back the lock. Does not belong here: what a second run does when it is held; the command line ends
with status 75, a run in the UI fails with this error's message.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


class LockHeld(Exception):  # noqa: N818 - a state of affairs, not a defect
    """Another run holds the lock of this output folder."""


class RunLock:
    """The lock `<out>/.lock`. A context manager; raises `LockHeld` at once instead of waiting."""

    def __init__(self, out: Path) -> None:
        self.path = out / ".lock"
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            by = f" (process {holder})" if holder.isdigit() else ""
            raise LockHeld(
                f"another run{by} is writing to {self.path.parent}; wait for it, or name another --out"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
