"""Numba kernels: arrays in, arrays out.

Belongs here: one family of compiled functions per file, each self-contained, since numba's cache is keyed by the
file of the kernel alone. Does not belong here: files, frames, domain objects, configuration.
"""

import hashlib
import os
from pathlib import Path

import numba
from numba.core import config


def cache_folder() -> Path:
    """Where compiled kernels are kept: a folder named after the content of every kernel file and numba's version.

    numba's own stamp knows the kernel's file only, so a changed callee elsewhere would give stale results.
    """
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    base = Path(os.environ.get("MERGELINE_CACHE") or Path.home() / ".cache" / "mergeline")
    return base / "numba" / digest.hexdigest()[:16]


if "NUMBA_CACHE_DIR" not in os.environ:
    config.CACHE_DIR = str(cache_folder())  # pyright: ignore[reportAttributeAccessIssue] - numba sets it at run time
