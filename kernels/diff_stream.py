"""Parse the byte stream of `git diff-tree --stdin -r -z --raw -p -U1` into arrays.

Belongs here: the grammar of that stream, resumable at any line. Does not belong here: running git, or what the
changes mean. Hunks are consumed by the line counts of their headers, so no content of a file can be taken for
syntax.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from numba import njit

from kernels.lines import hash_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Bytes = NDArray[np.uint8]

# State between calls: an int64 array of STATE_SIZE, zero before the first call, `PAIR` and `CHANGE` at -1.
PAIR, CHANGE, SECTION, SECTIONS_LEFT, OLD_LEFT, NEW_LEFT, OLD_LINE, NEW_LINE = range(8)
STATE_SIZE = 8
# Why a call ended.
NEEDS_BYTES, MALFORMED = 0, 1

TYPE_CHANGED = ord("T")


@njit(cache=True, nogil=True)
def _is_hex(byte: int) -> bool:
    return 48 <= byte <= 57 or 97 <= byte <= 102


@njit(cache=True, nogil=True)
def _octal(buffer: Bytes, i: int) -> tuple[int, int]:
    value = 0
    while 48 <= buffer[i] <= 55:
        value = value * 8 + (buffer[i] - 48)
        i += 1
    return value, i


@njit(cache=True, nogil=True)
def _decimal(buffer: Bytes, i: int) -> tuple[int, int]:
    value = 0
    while 48 <= buffer[i] <= 57:
        value = value * 10 + (buffer[i] - 48)
        i += 1
    return value, i


@njit(cache=True, nogil=True)
def parse(  # noqa: C901, PLR0912, PLR0915 - a grammar in one loop: its state is one array, not twenty arguments
    buffer: Bytes,
    filled: int,
    hex_length: int,
    state: Ints,
    fold: NDArray[np.uint16],
    statuses: Bytes,
    headers: Ints,
    change_pairs: Ints,
    change_codes: Ints,
    change_paths: Ints,
    binaries: Ints,
    line_changes: Ints,
    line_is_added: NDArray[np.bool_],
    line_numbers: NDArray[np.uint32],
    line_hashes: NDArray[np.uint64],
    line_shapes: Bytes,
    counts: Ints,
) -> tuple[int, int]:
    """Parse as many whole lines of `buffer[:filled]` as there are.

    `buffer` uint8; `hex_length` 40 or 64; `state` int64 (STATE_SIZE), carried from call to call; `fold` the table of
    `kernels.lines`; `statuses` uint8, the status letter of every change so far, with room for those of this call.
    Outputs, filled from their start: `headers` int64 (h), offsets of "<tree> <tree>" lines;
    `change_pairs` int64 (c), the pair each change belongs to; `change_codes` int64 (c, 3), status letter, old and
    new mode; `change_paths` int64 (c, 4), offset and length of the path before and after (length 0: no other path);
    `binaries` int64 (c + 1), changes that git calls binary; `line_*` (l), one per added or deleted line. `counts`
    int64 (4) says how much of each was filled: headers, changes, binaries, lines.

    Returns (consumed, why): bytes that were used, and NEEDS_BYTES or MALFORMED at `consumed`.
    """
    i = 0
    n_headers = 0
    n_changes = 0
    n_binaries = 0
    n_lines = 0
    why = NEEDS_BYTES
    while i < filled:
        if state[OLD_LEFT] > 0 or state[NEW_LEFT] > 0:
            end = i
            while end < filled and buffer[end] != 10:
                end += 1
            if end == filled:
                break
            sign = buffer[i]
            if sign == 43 and state[NEW_LEFT] > 0:
                state[NEW_LEFT] -= 1
                value, shape = hash_line(buffer, i + 1, end, fold)
                line_changes[n_lines] = state[SECTION]
                line_is_added[n_lines] = True
                line_numbers[n_lines] = state[NEW_LINE]
                line_hashes[n_lines] = value
                line_shapes[n_lines] = shape
                n_lines += 1
                state[NEW_LINE] += 1
            elif sign == 45 and state[OLD_LEFT] > 0:
                state[OLD_LEFT] -= 1
                value, shape = hash_line(buffer, i + 1, end, fold)
                line_changes[n_lines] = state[SECTION]
                line_is_added[n_lines] = False
                line_numbers[n_lines] = state[OLD_LINE]
                line_hashes[n_lines] = value
                line_shapes[n_lines] = shape
                n_lines += 1
                state[OLD_LINE] += 1
            elif sign == 32 and state[OLD_LEFT] > 0 and state[NEW_LEFT] > 0:
                state[OLD_LEFT] -= 1
                state[NEW_LEFT] -= 1
                state[OLD_LINE] += 1
                state[NEW_LINE] += 1
            elif sign != 92:  # a backslash: "\ No newline at end of file"
                why = MALFORMED
                break
            i = end + 1
            continue
        first = buffer[i]
        if first == 0:  # -z ends the raw block with one more NUL
            i += 1
            continue
        if first == 58:  # ':' a raw entry, one or two NUL-ended paths
            end = i
            while end < filled and buffer[end] != 0:
                end += 1
            path_start = end + 1
            path_end = path_start
            while path_end < filled and buffer[path_end] != 0:
                path_end += 1
            if path_end >= filled:
                break
            old_mode, j = _octal(buffer, i + 1)
            new_mode, j = _octal(buffer, j + 1)
            status = buffer[j + 2 + 2 * hex_length + 1]
            other_start = path_start
            other_end = path_start
            if status in (82, 67):  # R, C: the old path comes first
                other_end = path_end
                path_start = path_end + 1
                path_end = path_start
                while path_end < filled and buffer[path_end] != 0:
                    path_end += 1
                if path_end >= filled:
                    break
            change_pairs[n_changes] = state[PAIR]
            change_codes[n_changes, 0] = status
            change_codes[n_changes, 1] = old_mode
            change_codes[n_changes, 2] = new_mode
            change_paths[n_changes, 0] = other_start
            change_paths[n_changes, 1] = other_end - other_start
            change_paths[n_changes, 2] = path_start
            change_paths[n_changes, 3] = path_end - path_start
            n_changes += 1
            state[CHANGE] += 1
            statuses[state[CHANGE]] = status
            i = path_end + 1
            continue
        end = i
        while end < filled and buffer[end] != 10:
            end += 1
        if end == filled:
            break
        if (
            end - i == 2 * hex_length + 1
            and buffer[i + hex_length] == 32
            and _is_hex(buffer[i])
            and _is_hex(buffer[i + 1])
            and _is_hex(buffer[i + 2])
        ):
            if state[SECTION] != state[CHANGE] or state[SECTIONS_LEFT] > 0:
                why = MALFORMED
                break
            headers[n_headers] = i
            n_headers += 1
            state[PAIR] += 1
        elif first == 64 and end - i > 4 and buffer[i + 1] == 64:  # "@@ -a,b +c,d @@"
            old_line, j = _decimal(buffer, i + 4)
            old_left = 1
            if buffer[j] == 44:
                old_left, j = _decimal(buffer, j + 1)
            new_line, j = _decimal(buffer, j + 2)
            new_left = 1
            if buffer[j] == 44:
                new_left, j = _decimal(buffer, j + 1)
            state[OLD_LINE] = old_line
            state[NEW_LINE] = new_line
            state[OLD_LEFT] = old_left
            state[NEW_LEFT] = new_left
        elif first == 66:  # "Binary files a and b differ"
            binaries[n_binaries] = state[SECTION]
            n_binaries += 1
        elif first == 100 and end - i > 10 and buffer[i + 4] == 32 and buffer[i + 5] == 45:  # "diff --git "
            if state[SECTIONS_LEFT] > 0:
                state[SECTIONS_LEFT] -= 1
            else:
                state[SECTION] += 1
                if state[SECTION] > state[CHANGE]:
                    why = MALFORMED
                    break
                if statuses[state[SECTION]] == TYPE_CHANGED:  # git writes a deletion and a creation
                    state[SECTIONS_LEFT] = 1
        i = end + 1
    counts[0] = n_headers
    counts[1] = n_changes
    counts[2] = n_binaries
    counts[3] = n_lines
    return i, why
