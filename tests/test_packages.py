"""The top-level packages are ours: others on the package index carry the same names (`kernels`, `schemas`, `pipelines`)."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", ["pipelines", "kernels", "schemas", "quality", "warehouse"])
def test_top_level_package_is_ours(name: str) -> None:
    file = importlib.import_module(name).__file__
    assert file is not None
    assert Path(file).parent == ROOT / name, (
        f"{name} is a namesake at {file}: install into a virtual environment of its own (make setup)"
    )


def test_every_package_is_in_the_wheel() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packaged = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    found = [path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name not in ("tests", "benchmarks")]
    assert sorted(packaged) == sorted(found)


def test_the_lock_pins_everything_with_hashes_and_names_no_place() -> None:
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    assert "--index-url" not in text
    assert "--find-links" not in text
    pinned = re.findall(
        r"^([A-Za-z0-9][^\s=]*)==[^\n]*\n((?:    --hash=sha256:[0-9a-f]{64}[^\n]*\n)*)", text, re.MULTILINE
    )
    starts = [line for line in text.splitlines() if re.match(r"[A-Za-z0-9]", line)]
    assert len(pinned) == len(starts)
    without = [name for name, hashes in pinned if not hashes]
    assert not without, f"without a hash: {without}; run `make lock`"
