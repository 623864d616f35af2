"""What reading a repository costs, beside git printing the same history: `python benchmarks/run.py PATH...`.

Each figure is a whole process: wall and CPU seconds with its children's, and the largest single process in memory. The
yardstick is `git log -p -U0` to nowhere, run right before, so that both meet the same machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

_INGEST = """
import sys
from pathlib import Path
from pipelines.config import Repository
from pipelines.identities import Identities
from pipelines.lake import Lake
from pipelines.progress import SilentProgress
from pipelines.sources.git import ingest_repository
path, out, jobs = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
read = ingest_repository(
    Repository(path=path, name="measured"), Lake(out / "lake"), Identities(out / "identities"),
    state=out / "state", jobs=jobs, progress=SilentProgress(),
)
sys.exit(read.status == "refused")
"""


@dataclass(frozen=True)
class Cost:
    """Wall seconds, CPU seconds, and megabytes of the largest process."""

    wall: float
    cpu: float
    peak: float

    def beside(self, other: Cost) -> str:
        """This cost and its ratio to another."""
        return f"{self.wall:7.1f} s {self.cpu:7.1f} s {self.peak:6.0f} MB   {self.wall / other.wall:5.2f}x {self.cpu / other.cpu:5.2f}x"


def measure(command: list[str], *, may_fail: bool = False) -> Cost:
    """Run a command to its end. Raises `RuntimeError` when it fails, unless it may: git dies at a missing object."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=Path(__file__).parent.parent)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0 and not may_fail:
        raise RuntimeError(f"{command[0]} ended with status {child.returncode}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def main(paths: list[str]) -> None:
    """Print a table for each repository: the yardstick, a full reading by 1 and 2 workers, and a reading of nothing new."""
    if not paths:
        sys.exit("name one or more repositories: python benchmarks/run.py ~/src/app")
    with tempfile.TemporaryDirectory() as folder:  # compile the kernels before anything is measured
        measure([sys.executable, "-c", _INGEST, ".", folder, "1"])
    for path in paths:
        git = measure(["git", f"--git-dir={_git_dir(path)}", "log", "-p", "-U0", "--no-ext-diff"], may_fail=True)
        print(f"{path}\n  {'':28}{'wall':>9} {'CPU':>9} {'peak':>9}    wall   CPU beside git")
        print(f"  {'git log -p -U0':28}{git.beside(git)}")
        with tempfile.TemporaryDirectory() as folder:
            for jobs in (1, 2):
                cost = measure([sys.executable, "-c", _INGEST, path, f"{folder}/{jobs}", str(jobs)])
                print(f"  {f'full reading, {jobs} worker(s)':28}{cost.beside(git)}")
            cost = measure([sys.executable, "-c", _INGEST, path, f"{folder}/2", "2"])
            print(f"  {'nothing new':28}{cost.beside(git)}")


def _git_dir(path: str) -> str:
    dot_git = Path(path) / ".git"
    return str(dot_git if dot_git.exists() else path)


if __name__ == "__main__":
    main(sys.argv[1:])
