"""Where this installation is: its version, its Dagster home, and the environment that Dagster's processes need.

Belongs here: what is true of the installation before any configuration is read. Does not belong here: Dagster
itself (`pipelines/defs`).
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib import metadata
from pathlib import Path


def package_version() -> str:
    """Version of the installed distribution."""
    return metadata.version("mergeline")


@lru_cache(maxsize=1)
def stages_version() -> str:
    """Changes whenever a rule, a kernel or a schema does, released or not: what was computed before is then not reused."""
    package = Path(__file__).parent
    digest = hashlib.sha256(package_version().encode())
    floors = [package.parent / floor for floor in ("kernels", "schemas", "warehouse", "quality")]
    for folder in (package / "stages", *floors):
        for file in sorted(folder.rglob("*")):
            if file.suffix in (".py", ".toml", ".sql"):
                digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def dagster_home() -> Path:
    """The folder of our `dagster.yaml`: the project in a checkout, this package where it was installed as a wheel."""
    package = Path(__file__).parent
    folders = (package.parent, package)
    home = next((folder for folder in folders if (folder / "dagster.yaml").is_file()), None)
    if home is None:
        raise FileNotFoundError(f"dagster.yaml is missing from {folders[0]}: restore it from the repository")
    return home


def dagster_environment(out: Path) -> dict[str, str]:
    """Variables under which every Dagster process of one output folder finds the same instance."""
    return {"DAGSTER_HOME": str(dagster_home()), "MERGELINE_STATE": str(out / "dagster"), "MERGELINE_OUT": str(out)}
