"""The slow, obvious twins of the kernels that read and credit history: plain Python, one loop per sentence."""

from __future__ import annotations

from collections import Counter

# lines

QUOTES = "'\"\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f"
BLANK, SHORT, PUNCTUATION, EFFECTIVE, LONG = range(5)


def fold(character: str) -> str:
    if character in QUOTES:
        return '"'
    lower = character.lower()
    return lower if ord(character) < 0x800 and len(lower) == 1 and ord(lower) < 0x800 else character


def is_word(character: str) -> bool:
    code = ord(character)
    if code < 0x800:
        return character.isalnum()
    blocks = ((0x2000, 0x206F), (0x3000, 0x303F), (0xFF00, 0xFF0F), (0xDC00, 0xDFFF))
    return not character.isspace() and not any(first <= code <= last for first, last in blocks)


def hash_line(line: bytes) -> tuple[int, int]:
    text = line.decode("utf-8", "surrogateescape")
    words: list[str] = [""]
    for character in text:  # str.split() would take the same characters, but strips \x1c to \x1f elsewhere
        if character.isspace():
            words.append("")
        else:
            words[-1] += fold(character)
    normal = " ".join(word for word in words if word)
    mask = 2**64 - 1
    value = 0xCBF29CE484222325
    for character in normal:
        value = (value ^ ord(character)) * 0x100000001B3 & mask
    value = (value ^ (value >> 33)) * 0xFF51AFD7ED558CCD & mask
    value = (value ^ (value >> 33)) * 0xC4CEB9FE1A85EC53 & mask
    value ^= value >> 33
    if not normal:
        return value, BLANK
    if len(normal) <= 3:
        return value, SHORT
    if not any(is_word(character) for character in text):
        return value, PUNCTUATION
    return value, EFFECTIVE if len(normal) <= 1000 else LONG


def lines_of(text: bytes) -> list[bytes]:
    lines = text.split(b"\n")
    return lines[:-1] if lines[-1] == b"" else lines


def hash_text(text: bytes) -> list[tuple[int, int]]:
    return [hash_line(line) for line in lines_of(text)]


# graph

Graph = list[list[int]]
"""Parents of each commit; -1 for one that is not in the graph."""


def reach(graph: Graph, start: int) -> set[int]:
    seen, waiting = {start}, [start]
    while waiting:
        for parent in graph[waiting.pop()]:
            if parent >= 0 and parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    return seen


def mainline_of(graph: Graph, head: int) -> list[int]:
    chain = []
    while head >= 0:
        chain.append(head)
        head = graph[head][0] if graph[head] else -1
    return chain[::-1]


def landing_of(graph: Graph, mainline: list[int]) -> list[int]:
    """The oldest mainline commit that reaches a commit."""
    return [next((m for m in mainline if commit in reach(graph, m)), -1) for commit in range(len(graph))]


# credit

Written = tuple[int, int, int]


def last_writer(written: list[Written], merged: list[tuple[int, int]]) -> list[int]:
    """`written` are (group, hash, priority)."""
    return [
        max((row for row, w in enumerate(written) if w[:2] == line), key=lambda row: (written[row][2], row), default=-1)
        for line in merged
    ]


# moves

Line = tuple[int, int, int]


def moved_lines(added: list[Line], gone: list[Line]) -> list[bool]:
    """Lines are (file, line, hash): each added run takes the first deleted run of 3 or more that is still there."""
    spent = [False] * len(gone)
    moved = [False] * len(added)
    i = 0
    while i < len(added):
        length = next((n for j in range(len(gone)) if (n := common(added, gone, spent, i, j)) >= 3), 0)
        if length:
            j = next(j for j in range(len(gone)) if common(added, gone, spent, i, j) >= 3)
            moved[i : i + length] = [True] * length
            spent[j : j + length] = [True] * length
        i += max(length, 1)
    return moved


def common(added: list[Line], gone: list[Line], spent: list[bool], i: int, j: int) -> int:
    """Length of the run that begins at added line `i` and at deleted line `j`."""
    length = 0
    while i + length < len(added) and j + length < len(gone) and not spent[j + length]:
        a, g = added[i + length], gone[j + length]
        if a[2] != g[2] or a[:2] != (added[i][0], added[i][1] + length) or g[:2] != (gone[j][0], gone[j][1] + length):
            break
        length += 1
    return length


def exceeds(part: list[int], whole: list[int]) -> bool:
    """Whether some value is in `part` more often than in `whole`."""
    return bool(Counter(part) - Counter(whole))


# matching


def match_lines(
    written: list[tuple[int, int, int]], merged: list[tuple[int, int, int, int]], before: int, after: int
) -> list[int]:
    """`written` are (group, hash, time), `merged` (group, hash, shape, time), in the order in which they may spend."""
    spent: set[int] = set()
    found: list[int] = []
    for group, value, shape, at in merged:
        fitting = [
            row
            for row, (other, hashed, moment) in enumerate(written)
            if (other, hashed) == (group, value) and at - before <= moment <= at + after and row not in spent
        ]
        chosen = max(fitting, key=lambda row: (written[row][2], row), default=-1)
        found.append(chosen if shape in (EFFECTIVE, LONG) else -1)
        if found[-1] >= 0:
            spent.add(found[-1])
    return found


def fill_neighbours(lines: list[tuple[int, int]], shapes: list[int], owners: list[int]) -> list[int]:
    """`lines` are (file, line)."""

    def look(row: int, step: int) -> int | None:
        """Owner of the nearest line with content in that direction, None where the run ends before one."""
        while shapes[row] not in (EFFECTIVE, LONG):
            after = row + step
            if not 0 <= after < len(lines) or lines[after] != (lines[row][0], lines[row][1] + step):
                return None
            row = after
        return owners[row]

    filled: list[int] = []
    for row in range(len(lines)):
        left, right = look(row, -1), look(row, 1)
        if left is None or right is None:
            filled.append(next((side for side in (left, right) if side is not None), -1))
        else:
            filled.append(left if left == right else -1)
    return filled


def attest(lines: list[tuple[int, int]], entries: list[tuple[int, int, int]]) -> list[int]:
    """`lines` are (file, line), `entries` (file, first, last)."""
    return [
        max(
            (e for e, (other, first, last) in enumerate(entries) if other == file and first <= line <= last), default=-1
        )
        for file, line in lines
    ]
