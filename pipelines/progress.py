"""How long work tells that it advances: a bar on a terminal, plain lines elsewhere, nothing in tests.

Belongs here: the protocol that readers and stages report to, and its renderings. Does not belong here: results;
those go to the closing summary.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.progress import Progress as RichBars
    from rich.progress import TaskID


class Progress(Protocol):
    """What a reader may say while it works. A task is named by a short text, for example `git app`."""

    def start(self, task: str, total: int | None) -> None:
        """Begin a task of `total` units; `None` where nobody knows how many."""
        ...

    def advance(self, task: str, amount: int = 1) -> None:
        """Report `amount` more units done."""
        ...

    def finish(self, task: str) -> None:
        """End a task; a task that never started may be finished too."""
        ...

    def warn(self, text: str) -> None:
        """Tell the user something that needs an eye, once the work goes on without it."""
        ...


class SilentProgress:
    """Reports nothing: for tests and for runs that nobody watches."""

    def start(self, task: str, total: int | None) -> None:
        """Do nothing."""

    def advance(self, task: str, amount: int = 1) -> None:
        """Do nothing."""

    def finish(self, task: str) -> None:
        """Do nothing."""

    def warn(self, text: str) -> None:
        """Do nothing."""


class RichProgress:
    """Reports to stderr: live bars on a terminal, one plain line per finished task elsewhere.

    Use as a context manager, so that the terminal is given back when the work fails.
    """

    def __init__(self, console: Console | None = None) -> None:
        from rich.console import Console

        self._console = console or Console(file=sys.stderr, highlight=False)
        self._bars: RichBars | None = None
        self._tasks: dict[str, TaskID] = {}
        self._done: dict[str, int] = {}

    def __enter__(self) -> Self:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichBars

        if self._console.is_terminal:
            bars = RichBars(
                TextColumn("{task.description}"),
                BarColumn(bar_width=None),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=self._console,
                transient=True,
            )
            bars.start()
            self._bars = bars
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def start(self, task: str, total: int | None) -> None:
        """Show a new bar; on anything but a terminal, wait for the end."""
        self._done[task] = 0
        if self._bars is not None:
            self._tasks[task] = self._bars.add_task(_escape(task), total=total)

    def advance(self, task: str, amount: int = 1) -> None:
        """Move the task's bar."""
        self._done[task] = self._done.get(task, 0) + amount
        if self._bars is not None and task in self._tasks:
            self._bars.advance(self._tasks[task], amount)

    def finish(self, task: str) -> None:
        """Take the bar away and leave one line that says how much was done."""
        done = self._done.pop(task, None)
        identifier = self._tasks.pop(task, None)
        if self._bars is not None and identifier is not None:
            self._bars.remove_task(identifier)
        if done is not None:
            self._console.print(f"{_escape(task)}: done" + (f" ({done:,})" if done else ""), soft_wrap=True)

    def warn(self, text: str) -> None:
        """Print a warning above the bars."""
        self._console.print(f"[yellow]warning:[/] {_escape(text)}", soft_wrap=True)


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape("".join(character if character.isprintable() else "?" for character in text))


_watcher: ContextVar[Progress] = ContextVar("progress")


def current_progress() -> Progress:
    """Whoever watches the work of this context: nobody, unless `watched_by` says otherwise."""
    return _watcher.get(None) or SilentProgress()


@contextmanager
def watched_by(progress: Progress) -> Iterator[None]:
    """Let everything inside report to `progress`.

    Assets get no object from the command line: Dagster builds its resources from configuration that can be written
    as JSON. A context variable reaches them where they run in the same process, and falls silent where they do not.
    """
    token = _watcher.set(progress)
    try:
        yield
    finally:
        _watcher.reset(token)
