"""One git child's diff stream, read in chunks and parsed by the kernel.

Belongs here: buffers between a pipe and `kernels/diff_stream.py`. Does not belong here: which child is run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kernels import diff_stream
from kernels.lines import FOLD
from pipelines.sources.git.changes import Changes

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Sequence
    from io import RawIOBase

    from numpy.typing import NDArray

_CHUNK = 8 << 20


class StreamParser:
    """Feeds a child's output to the kernel and keeps what it finds.

    `pairs` are the pairs of trees that the child was given, the first of them number `first_pair`; none are expected
    of a child that compares two blobs.
    """

    def __init__(self, hex_length: int, pairs: Sequence[tuple[str, str]], first_pair: int) -> None:
        self.hex_length = hex_length
        self.expected = pairs
        self.first_pair = first_pair
        self.state = np.zeros(diff_stream.STATE_SIZE, np.int64)
        self.state[[diff_stream.PAIR, diff_stream.CHANGE, diff_stream.SECTION]] = -1
        self.statuses = np.zeros(1 << 12, np.uint8)
        self.pairs_seen = 0
        self.changes: list[tuple[NDArray[np.int64], NDArray[np.int64], list[bytes], list[bytes]]] = []
        self.binaries: list[NDArray[np.int64]] = []
        self.lines: list[
            tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.uint32], NDArray[np.uint64], NDArray[np.uint8]]
        ] = []

    def consume(self, child: subprocess.Popen[bytes], advance: Callable[[int], None]) -> None:
        """Read the child's output to its end. Stops early where git skipped a pair or the stream is not as expected."""
        stream = child.stdout
        if stream is None:
            raise ValueError("the child was started without a pipe")
        with stream:
            self._consume(stream.raw, advance)  # type: ignore[attr-defined]  # a pipe is a BufferedReader

    def _consume(self, stream: RawIOBase, advance: Callable[[int], None]) -> None:
        buffer = np.empty(_CHUNK, np.uint8)
        filled = 0
        while True:
            view = memoryview(buffer)  # pyright: ignore[reportArgumentType] - numpy's arrays have the buffer protocol
            while filled < buffer.size:
                got = stream.readinto(view[filled:])
                if not got:
                    break
                filled += got
            if filled == 0:
                return
            at_end = filled < buffer.size
            before = self.pairs_seen
            consumed, is_sound = self._parse(buffer, filled)
            advance(self.pairs_seen - before)
            if not is_sound or (at_end and consumed == 0):
                return
            if consumed == 0:  # one line fills the buffer
                grown = np.empty(buffer.size * 2, np.uint8)
                grown[:filled] = buffer[:filled]
                buffer = grown
                continue
            buffer[: filled - consumed] = buffer[consumed:filled].copy()
            filled -= consumed

    def _parse(self, buffer: NDArray[np.uint8], filled: int) -> tuple[int, bool]:
        newlines = int(np.count_nonzero(buffer[:filled] == 10))
        entries = filled // (2 * self.hex_length + 18) + 2
        needed = int(self.state[diff_stream.CHANGE]) + 1 + entries
        if needed > self.statuses.size:
            self.statuses = np.concatenate([self.statuses, np.zeros(max(needed, self.statuses.size), np.uint8)])
        headers = np.empty(filled // (2 * self.hex_length + 2) + 1, np.int64)
        change_pairs = np.empty(entries, np.int64)
        change_codes = np.empty((entries, 3), np.int64)
        change_paths = np.empty((entries, 4), np.int64)
        binaries = np.empty(newlines + 1, np.int64)
        line_change = np.empty(newlines + 1, np.int64)
        is_added = np.empty(newlines + 1, np.bool_)
        line = np.empty(newlines + 1, np.uint32)
        hashes = np.empty(newlines + 1, np.uint64)
        shapes = np.empty(newlines + 1, np.uint8)
        counts = np.zeros(4, np.int64)
        consumed, why = diff_stream.parse(
            buffer, filled, self.hex_length, self.state, FOLD, self.statuses, headers, change_pairs, change_codes,
            change_paths, binaries, line_change, is_added, line, hashes, shapes, counts,
        )  # fmt: skip
        n_headers, n_changes, n_binaries, n_lines = (int(count) for count in counts)
        raw = buffer[:filled].tobytes() if n_headers or n_changes else b""
        is_complete = True
        for offset in headers[:n_headers]:
            text = raw[offset : offset + 2 * self.hex_length + 1].decode("ascii")
            if self.pairs_seen >= len(self.expected) or text != " ".join(self.expected[self.pairs_seen]):
                is_complete = False  # git left a pair out without a word: what came before it stands
                break
            self.pairs_seen += 1
        if n_changes:
            paths = [raw[start : start + length] for start, length in change_paths[:n_changes, 2:].tolist()]
            old_paths = [raw[start : start + length] for start, length in change_paths[:n_changes, :2].tolist()]
            self.changes.append((change_pairs[:n_changes].copy(), change_codes[:n_changes].copy(), paths, old_paths))
        self.binaries.append(binaries[:n_binaries].copy())
        if n_lines:
            self.lines.append(
                (
                    line_change[:n_lines].copy(),
                    is_added[:n_lines].copy(),
                    line[:n_lines].copy(),
                    hashes[:n_lines].copy(),
                    shapes[:n_lines].copy(),
                )
            )
        return int(consumed), is_complete and why == diff_stream.NEEDS_BYTES

    def result(self, whole_pairs: int) -> Changes:
        """What was found for the first `whole_pairs` pairs."""
        pair = np.concatenate([np.empty(0, np.int64), *(part[0] for part in self.changes)])
        codes = np.concatenate([np.empty((0, 3), np.int64), *(part[1] for part in self.changes)])
        path = [value for part in self.changes for value in part[2]]
        old_path = [value for part in self.changes for value in part[3]]
        is_binary = np.zeros(pair.size, np.bool_)
        is_binary[np.concatenate([np.empty(0, np.int64), *self.binaries])] = True
        line_change = np.concatenate([np.empty(0, np.int64), *(part[0] for part in self.lines)])
        is_added = np.concatenate([np.empty(0, np.bool_), *(part[1] for part in self.lines)])
        line = np.concatenate([np.empty(0, np.uint32), *(part[2] for part in self.lines)])
        hashes = np.concatenate([np.empty(0, np.uint64), *(part[3] for part in self.lines)])
        shapes = np.concatenate([np.empty(0, np.uint8), *(part[4] for part in self.lines)])
        n = int(np.searchsorted(pair, whole_pairs))
        lines = int(np.searchsorted(line_change, n))
        return Changes(
            pair=pair[:n] + self.first_pair,
            status=codes[:n, 0].astype(np.uint8),
            old_mode=codes[:n, 1].astype(np.int32),
            new_mode=codes[:n, 2].astype(np.int32),
            path=path[:n],
            old_path=old_path[:n],
            is_binary=is_binary[:n],
            line_change=line_change[:lines],
            is_added=is_added[:lines],
            line=line[:lines],
            hash=hashes[:lines],
            shape=shapes[:lines],
        )
