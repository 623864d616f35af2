"""Normalise and hash lines of text: the identity of a line, wherever it is met.

Belongs here: what makes two lines equal, and the class of a line's shape. Does not belong here: where lines come
from (`diff_stream.py`) or what their equality means.

A line's normal form: decoded as UTF-8, an undecodable byte standing for itself; trimmed; runs of white space one
space; every quotation mark the same; each character below U+0800 in lower case by itself. Its hash is FNV-1a over
code points with MurmurHash3's finaliser, so that near-equal lines differ in all bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]

BLANK, SHORT, PUNCTUATION, EFFECTIVE, LONG = range(5)
SHORT_CHARACTERS = 3
LONG_CHARACTERS = 1000

SPACE, QUOTE = 0x20, 0x22
_QUOTES = "'\"\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f"
_WORD = 0x1000
"""Bit of the fold table that marks a character which is neither white space nor punctuation."""


def _build_fold() -> NDArray[np.uint16]:
    """Folded code point of every character below U+0800, with the `_WORD` bit where it is a letter or digit."""
    fold = np.zeros(0x800, np.uint16)
    for code in range(0x800):
        character = chr(code)
        lower = character.lower()
        folded = ord(lower) if len(lower) == 1 and ord(lower) < 0x800 else code
        if character.isspace():
            folded = SPACE
        elif character in _QUOTES:
            folded = QUOTE
        fold[code] = folded | (_WORD if character.isalnum() else 0)
    fold.flags.writeable = False
    return fold


FOLD = _build_fold()


@njit(cache=True, nogil=True)
def _decode(buffer: Bytes, i: int, end: int) -> tuple[np.uint32, int]:
    """Code point at `i` and the position after it; an invalid byte b is 0xDC00 + b, as with surrogateescape."""
    first = buffer[i]
    if first < 0x80:
        return np.uint32(first), i + 1
    if 0xC2 <= first <= 0xDF and i + 1 < end and buffer[i + 1] & 0xC0 == 0x80:
        return np.uint32((first & 0x1F) << 6 | buffer[i + 1] & 0x3F), i + 2
    if 0xE0 <= first <= 0xEF and i + 2 < end and buffer[i + 1] & 0xC0 == 0x80 and buffer[i + 2] & 0xC0 == 0x80:
        code = np.uint32(first & 0x0F) << 12 | np.uint32(buffer[i + 1] & 0x3F) << 6 | np.uint32(buffer[i + 2] & 0x3F)
        if code >= 0x800 and not 0xD800 <= code <= 0xDFFF:
            return np.uint32(code), i + 3
    if (
        0xF0 <= first <= 0xF4
        and i + 3 < end
        and buffer[i + 1] & 0xC0 == 0x80
        and buffer[i + 2] & 0xC0 == 0x80
        and buffer[i + 3] & 0xC0 == 0x80
    ):
        code = (
            np.uint32(first & 0x07) << 18
            | np.uint32(buffer[i + 1] & 0x3F) << 12
            | np.uint32(buffer[i + 2] & 0x3F) << 6
            | np.uint32(buffer[i + 3] & 0x3F)
        )
        if 0x10000 <= code <= 0x10FFFF:
            return np.uint32(code), i + 4
    return np.uint32(0xDC00) + np.uint32(first), i + 1


@njit(cache=True, nogil=True)
def hash_line(  # noqa: C901, PLR0912 - one pass over the bytes, with no call per character
    buffer: Bytes, start: int, end: int, fold: NDArray[np.uint16]
) -> tuple[np.uint64, np.uint8]:
    """Hash and shape of the line `buffer[start:end]`, its newline not included.

    `buffer` uint8 (n), `fold` uint16 (0x800), the table `FOLD`. Returns (uint64, uint8).
    """
    value = np.uint64(0xCBF29CE484222325)
    prime = np.uint64(0x100000001B3)
    characters = 0
    has_word = False
    pending_space = False
    i = start
    while i < end:
        if buffer[i] < 0x80:
            code = np.uint32(buffer[i])
            i += 1
        else:
            code, i = _decode(buffer, i, end)
        if code < 0x800:
            folded = np.uint32(fold[code])
            is_word = folded & np.uint32(0x1000) != 0
            code = folded & np.uint32(0xFFF)
        elif (0x2000 <= code <= 0x200A) or code in (0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000):
            code = np.uint32(0x20)
            is_word = False
        elif 0x2018 <= code <= 0x201F:
            code = np.uint32(0x22)
            is_word = False
        else:
            is_word = not (
                0x2000 <= code <= 0x206F
                or 0x3000 <= code <= 0x303F
                or 0xFF00 <= code <= 0xFF0F
                or 0xDC00 <= code <= 0xDFFF
            )
        if code == 0x20:
            pending_space = characters > 0
            continue
        if pending_space:
            value = (value ^ np.uint64(0x20)) * prime
            characters += 1
            pending_space = False
        value = (value ^ np.uint64(code)) * prime
        characters += 1
        has_word = has_word or is_word
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xFF51AFD7ED558CCD)
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xC4CEB9FE1A85EC53)
    value ^= value >> np.uint64(33)
    if characters == 0:
        shape = 0
    elif characters <= 3:
        shape = 1
    elif not has_word:
        shape = 2
    elif characters <= 1000:
        shape = 3
    else:
        shape = 4
    return value, np.uint8(shape)


@njit(cache=True, nogil=True)
def _hash_buffer(buffer: Bytes, fold: NDArray[np.uint16]) -> tuple[NDArray[np.uint64], Bytes]:
    n = buffer.size
    lines = 0
    for i in range(n):
        if buffer[i] == 10:
            lines += 1
    if n > 0 and buffer[n - 1] != 10:
        lines += 1
    hashes = np.empty(lines, np.uint64)
    shapes = np.empty(lines, np.uint8)
    start = 0
    for line in range(lines):
        end = start
        while end < n and buffer[end] != 10:
            end += 1
        hashes[line], shapes[line] = hash_line(buffer, start, end, fold)
        start = end + 1
    return hashes, shapes


def hash_text(text: bytes) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
    """Hash and shape of each line of a text, split at newlines alone; nothing after a final newline.

    Returns arrays uint64 (lines) and uint8 (lines).
    """
    return _hash_buffer(np.frombuffer(text, np.uint8), FOLD)
