"""Added lines out of the shapes in which agents record an edit.

Belongs here: unified diffs, Codex patches (also inside JavaScript), Claude Code's structured patches, what an edit
adds to the text that it replaces. Does not belong here: deciding whether an edit took effect.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from kernels.lines import hash_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipelines.sources.sessions.records import HashedLines

_BEGIN = "*** Begin Patch"
_FILE = re.compile(r"^\*\*\* (Add|Update|Delete) File: (.+)$")
_JS_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|`(?:[^`\\]|\\.)*`', re.DOTALL)
_JS_ESCAPE = re.compile(r"\\(u\{[0-9a-fA-F]{1,6}\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|\r?\n|.)", re.DOTALL)
_JS_PLAIN = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}


def hash_lines(text: str) -> HashedLines:
    """Hashes and shapes of a text's lines: uint64 (lines), uint8 (lines)."""
    return hash_text(text.encode("utf-8", "surrogatepass"))


def join_lines(parts: Iterable[HashedLines]) -> HashedLines:
    """Several runs of hashed lines as one."""
    runs = list(parts)
    if len(runs) == 1:
        return runs[0]
    if not runs:
        return hash_lines("")
    return np.concatenate([run[0] for run in runs]), np.concatenate([run[1] for run in runs])


def added_lines(old: str, new: str) -> HashedLines:
    """Lines of `new` beyond those that `old` has: context that an edit repeats was not written by it.

    A multiset difference of normalised lines: of a line that stands n times in `old`, the first n in `new` are context.
    """
    hashes, shapes = hash_lines(new)
    context = Counter(hash_lines(old)[0].tolist())
    keep = np.ones(hashes.size, np.bool_)
    for index, value in enumerate(hashes.tolist()):
        if context[value] > 0:
            context[value] -= 1
            keep[index] = False
    return hashes[keep], shapes[keep]


def structured_lines(hunks: Any) -> HashedLines | None:
    """Added lines of a `structuredPatch`; None where there is no usable one.

    Its leading tabs are written as two spaces, which normalisation takes away again.
    """
    if not isinstance(hunks, list) or not hunks:
        return None
    added: list[str] = []
    for hunk in hunks:
        lines = hunk.get("lines") if isinstance(hunk, dict) else None
        if not isinstance(lines, list):
            return None
        added.extend(line[1:] for line in lines if isinstance(line, str) and line.startswith("+"))
    return hash_lines("".join(line + "\n" for line in added))


def unified_lines(diff: str) -> HashedLines:
    """Added lines of a unified diff of one file; everything before its first hunk is heading."""
    added: list[str] = []
    is_inside = False
    for line in diff.split("\n"):
        if line.startswith("@@"):
            is_inside = True
        elif is_inside and line.startswith("+"):
            added.append(line[1:])
    return hash_lines("".join(line + "\n" for line in added))


def patched_files(text: str) -> Iterator[tuple[str, HashedLines]]:
    """Path and added lines of each file that a Codex patch (`*** Begin Patch`) adds or updates."""
    path: str | None = None
    added: list[str] = []
    for line in text[max(text.find(_BEGIN), 0) :].split("\n"):
        match = _FILE.match(line.rstrip("\r"))
        if match or line.startswith("*** End Patch"):
            if path is not None:
                yield path, hash_lines("".join(item + "\n" for item in added))
            added = []
            path = match[2].strip() if match and match[1] != "Delete" else None
            if not match:
                return
        elif line.startswith("*** Move to: ") and path is not None:
            path = line.removeprefix("*** Move to: ").strip()
        elif line.startswith("+") and path is not None:
            added.append(line[1:])


def find_patches(text: str) -> Iterator[str]:
    """Every patch in a tool's input: the text itself, a here-document, or string literals of JavaScript."""
    if _BEGIN not in text:
        return
    literals = [unescape_script(literal) for _, literal in script_strings(text) if _BEGIN in literal]
    if literals and "tools." in text:
        yield from literals
    else:
        yield text


def script_strings(script: str) -> Iterator[tuple[int, str]]:
    """Position and source of each string literal of a piece of JavaScript, quotes included."""
    for match in _JS_STRING.finditer(script):
        yield match.start(), match[0]


def unescape_script(literal: str) -> str:
    """The value of a JavaScript string literal; placeholders of template literals stay as they are."""

    def replace(match: re.Match[str]) -> str:
        escape = match[1]
        if escape[0] in "ux" and len(escape) > 1:
            code = int(escape[1:].strip("{}"), 16)
            return chr(code) if code <= 0x10FFFF else "\ufffd"
        if escape in {"\n", "\r\n"}:
            return ""
        return _JS_PLAIN.get(escape, escape)

    text = _JS_ESCAPE.sub(replace, literal[1:-1])
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
