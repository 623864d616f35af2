"""The Dagster UI and its daemon on loopback, as two child processes that end together.

Belongs here: starting, watching and stopping them. Does not belong here: what they show (`definitions.py`).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import FrameType

HOST = "127.0.0.1"
PORT = 3000
_STARTUP_SECONDS = 120
_STOP_SECONDS = 15


class UiError(Exception):
    """The UI cannot start, or one of its processes ended."""


def check_installed() -> None:
    """Raise `UiError`, with the mend, when the extra `ui` is not installed."""
    if find_spec("dagster_webserver") is None:
        raise UiError("the Dagster UI is not installed; run: pip install 'mergeline[ui]'")


def choose_port(wanted: int | None) -> int:
    """`wanted`, or 3000, or any free port where 3000 is taken. Raises `UiError` when `wanted` is taken."""
    for port in (wanted,) if wanted else (PORT, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise UiError(f"port {wanted} of {HOST} is taken; name another one with --port, or leave it out")


def serve(environment: Mapping[str, str], port: int, announce: Callable[[str], None]) -> None:
    """Run the web server and the daemon until SIGINT or SIGTERM; `announce` gets the URL once it answers.

    Raises `UiError` when the web server does not come up, or either process ends by itself.
    """
    module = ("--module-name", "pipelines.definitions")
    commands = (
        ("dagster_webserver", "--host", HOST, "--port", str(port), *module, "--uvicorn-log-level", "warning"),
        ("dagster._daemon", "run", *module),
    )
    with _stop_signals() as stopped, _processes(commands, environment) as processes:
        url = f"http://{HOST}:{port}"
        deadline = time.monotonic() + _STARTUP_SECONDS
        is_up = False
        while not stopped():
            for command, process in zip(commands, processes, strict=True):
                if process.poll() is not None:
                    raise UiError(f"{command[0]} ended with status {process.returncode}; its reason stands above")
            if not is_up and _answers(f"{url}/server_info"):
                is_up = True
                announce(url)
            if not is_up and time.monotonic() > deadline:
                raise UiError(f"the web server did not answer on {url} within {_STARTUP_SECONDS} seconds")
            time.sleep(0.2)


def _answers(url: str) -> bool:
    # A proxy of the environment has no business with loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        received.append(number)

    previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def _processes(
    commands: Sequence[Sequence[str]], environment: Mapping[str, str]
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start each command as `python -m` in a session of its own, and end every session as a whole."""
    started: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            argv = [sys.executable, "-m", *command]
            started.append(subprocess.Popen(argv, env={**os.environ, **environment}, start_new_session=True))
        yield started
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            _signal_all(started, number)
            if _wait_all(started):
                break


def _signal_all(processes: Sequence[subprocess.Popen[bytes]], number: int) -> None:
    for process in processes:
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            continue


def _wait_all(processes: Sequence[subprocess.Popen[bytes]]) -> bool:
    deadline = time.monotonic() + _STOP_SECONDS
    for process in processes:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return False
    return not any(_group_lives(process.pid) for process in processes)


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
