"""What a run was asked for, in a form that Dagster can store and a later run can repeat.

Belongs here: the arguments of a run and where they are remembered. Does not belong here: what they mean (`config.py`).
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pipelines.config import FILE_NAME, Config, load_config


@dataclass(frozen=True)
class Inputs:
    """Arguments of a run. Paths are text and absolute, so that they mean the same in every process."""

    out: str
    folder: str
    config: str = ""
    repositories: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    jobs: int = 0
    """Processes that may read at once; 0 for one per core."""

    def load(self) -> Config:
        """The effective configuration. Raises `ConfigError`."""
        return load_config(
            Path(self.config) if self.config else None,
            repositories=self.repositories,
            sessions=self.sessions,
            out=Path(self.out),
            folder=Path(self.folder),
        )

    def workers(self) -> int:
        """Processes that may read at once, at least one."""
        return self.jobs or os.cpu_count() or 1

    def remember(self) -> None:
        """Keep these arguments beside the output, so that a run started in the UI reads the same."""
        target = _memory(Path(self.out))
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".tmp-{os.getpid()}-{target.name}")
        temporary.write_text(json.dumps(asdict(self), indent=1) + "\n")
        temporary.replace(target)


def make_inputs(
    *,
    config: Path | None = None,
    repositories: tuple[str, ...] = (),
    sessions: tuple[str, ...] = (),
    out: Path | None = None,
    jobs: int = 0,
) -> Inputs:
    """Arguments as given on the command line, relative to the current folder."""
    here = Path.cwd()
    return Inputs(
        out=str((here / (out or "data")).absolute()),
        folder=str(here),
        config=str((here / config).absolute()) if config else "",
        repositories=repositories,
        sessions=sessions,
        jobs=jobs,
    )


def recall_inputs(out: Path, folder: Path) -> Inputs:
    """What the last `mergeline run` into `out` was asked for; the defaults of `folder` where there was none."""
    memory = _memory(out)
    if not memory.is_file():
        return Inputs(out=str(out.absolute()), folder=str(folder.absolute()))
    values = json.loads(memory.read_text())
    values |= {key: tuple(values[key]) for key in ("repositories", "sessions")}
    return replace(Inputs(**values), out=str(out.absolute()))


def has_configuration(folder: Path) -> bool:
    """Whether `folder` has a configuration file that a run without arguments takes."""
    return (folder / FILE_NAME).is_file()


def _memory(out: Path) -> Path:
    return out / "state" / "inputs.json"
