"""Changes and their lines as arrays: what every reader of diffs yields.

Belongs here: the shape of the result and joining parts of it. Does not belong here: how it is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass
class Changes:
    """Changes of many pairs and their lines, in the order of the pairs.

    `pair` int64 (c), index into the pairs asked for; `status` uint8 (c), git's letter; `old_mode`, `new_mode` int32
    (c); `path`, `old_path` bytes (c), old_path empty but for renames; `is_binary` bool (c). Lines belong to changes
    by `line_change` int64 (l), ascending; `is_added` bool, `line` uint32, `hash` uint64, `shape` uint8 (l).
    """

    pair: NDArray[np.int64]
    status: NDArray[np.uint8]
    old_mode: NDArray[np.int32]
    new_mode: NDArray[np.int32]
    path: list[bytes]
    old_path: list[bytes]
    is_binary: NDArray[np.bool_]
    line_change: NDArray[np.int64]
    is_added: NDArray[np.bool_]
    line: NDArray[np.uint32]
    hash: NDArray[np.uint64]
    shape: NDArray[np.uint8]

    @classmethod
    def none(cls) -> Changes:
        """No change."""
        return join_changes([])

    @classmethod
    def of_lines(
        cls,
        *,
        is_added: NDArray[np.bool_],
        line: NDArray[np.uint32],
        hashes: NDArray[np.uint64],
        shapes: NDArray[np.uint8],
    ) -> Changes:
        """Lines of one nameless change."""
        one = np.zeros(1, np.int64)
        return cls(
            one, one.astype(np.uint8), one.astype(np.int32), one.astype(np.int32), [b""], [b""], one.astype(np.bool_),
            np.zeros(hashes.size, np.int64), is_added, line, hashes, shapes,
        )  # fmt: skip

    def without(self, pairs: NDArray[np.int64]) -> Changes:
        """All but the changes of some pairs."""
        return self.only(~np.isin(self.pair, pairs))

    def only(self, keep: NDArray[np.bool_]) -> Changes:
        """The changes that `keep` (c) marks, and their lines."""
        lines = keep[self.line_change]
        renumbered = np.cumsum(keep) - 1
        return Changes(
            pair=self.pair[keep],
            status=self.status[keep],
            old_mode=self.old_mode[keep],
            new_mode=self.new_mode[keep],
            path=[path for path, kept in zip(self.path, keep, strict=True) if kept],
            old_path=[path for path, kept in zip(self.old_path, keep, strict=True) if kept],
            is_binary=self.is_binary[keep],
            line_change=renumbered[self.line_change[lines]],
            is_added=self.is_added[lines],
            line=self.line[lines],
            hash=self.hash[lines],
            shape=self.shape[lines],
        )


def join_changes(parts: Sequence[Changes]) -> Changes:
    """Parts one after the other, their lines renumbered."""
    offsets = np.cumsum([0, *(len(part.path) for part in parts)])

    def joined(name: str, kind: type) -> NDArray:
        return np.concatenate([np.empty(0, kind), *(getattr(part, name) for part in parts)])

    return Changes(
        pair=joined("pair", np.int64),
        status=joined("status", np.uint8),
        old_mode=joined("old_mode", np.int32),
        new_mode=joined("new_mode", np.int32),
        path=[value for part in parts for value in part.path],
        old_path=[value for part in parts for value in part.old_path],
        is_binary=joined("is_binary", np.bool_),
        line_change=np.concatenate(
            [np.empty(0, np.int64), *(part.line_change + offset for part, offset in zip(parts, offsets, strict=False))]
        ),
        is_added=joined("is_added", np.bool_),
        line=joined("line", np.uint32),
        hash=joined("hash", np.uint64),
        shape=joined("shape", np.uint8),
    )
