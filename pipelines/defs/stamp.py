"""Whether what would be published is what is published already.

Belongs here: the stamp of a publication. Does not belong here: publishing. A run that met nothing new then ends
without building and checking the same tables again; the checks that it reports are those of the published file.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from pipelines.environment import stages_version

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def stamp_tables(files: Iterable[Path], config_hash: str) -> str:
    """SHA-256 of everything that the warehouse is made of: tables, code, configuration."""
    digest = hashlib.sha256(f"{stages_version()}\0{config_hash}".encode())
    for file in files:
        digest.update(f"{file.parent.name}\0{file.name}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def is_published(state: Path, warehouse: Path, stamp: str) -> bool:
    """Whether the published file is the one that was made from these tables, and untouched since."""
    path = state / "published.json"
    if not path.exists() or not warehouse.exists():
        return False
    return json.loads(path.read_text()) == {"stamp": stamp, "file": _identify(warehouse)}


def remember_publication(state: Path, warehouse: Path, stamp: str) -> None:
    """Note what the file that was just put in place was made from."""
    temporary = state / ".tmp-published"
    temporary.write_text(json.dumps({"stamp": stamp, "file": _identify(warehouse)}))
    temporary.replace(state / "published.json")


def _identify(warehouse: Path) -> list[int]:
    status = warehouse.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ino]
