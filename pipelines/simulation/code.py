"""Code-like text in four languages: every line that is not a common one is unique in the organisation.

Belongs here: words, languages, functions, statements, manifests, generated files. Does not belong here: who writes
them. Names are syllables counted up, so that uniqueness needs no memory of what was made before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from pipelines.simulation.files import Text

SYLLABLES = tuple(consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou")
# Four syllables, visited in a scattered order: the factor shares no divisor with the number of words.
WORDS = len(SYLLABLES) ** 4
SCATTER = 9_176_413

VERBS = ("load", "merge", "resolve", "collect", "apply", "parse", "rank", "store", "check", "plan", "split", "fetch")
NOUNS = (
    "order",
    "invoice",
    "batch",
    "cursor",
    "record",
    "window",
    "quota",
    "route",
    "ticket",
    "index",
    "page",
    "token",
)
AREAS = ("core", "api", "store", "jobs", "billing", "routing", "search", "sync")


class Coiner:
    """Coins words that nobody coined before: `first`, `first + step`, ... in a scattered order.

    Repositories take turns by `step`, so that no two of them coin the same word.
    """

    def __init__(self, first: int, step: int) -> None:
        """Begin at `first`."""
        self._next = first
        self._step = step

    def word(self) -> str:
        """A new word of four syllables, longer once those are used up."""
        count, place = divmod(self._next, WORDS)
        self._next += self._step
        number = (place * SCATTER + 1) % WORDS
        parts: list[str] = []
        for _ in range(4):
            number, part = divmod(number, len(SYLLABLES))
            parts.append(SYLLABLES[part])
        return "".join(parts) + (f"x{count}" if count else "")


@dataclass(frozen=True, slots=True)
class Language:
    """Templates of one language. `{w}` is a new word, `{W}` the same as a type name, `{k}` a number."""

    suffix: str
    test_suffix: str
    generated_suffix: str
    indent: str
    comment: str
    preamble: tuple[str, ...]
    heads: tuple[str, ...]
    statements: tuple[str, ...]
    openers: tuple[str, ...]
    inner: tuple[str, ...]
    closer: str
    returns: tuple[str, ...]
    end: tuple[str, ...]
    test_command: str
    manifest: str
    lock: str
    pin: str


PYTHON = Language(
    suffix=".py",
    test_suffix="_test.py",
    generated_suffix="_pb2.py",
    indent="    ",
    comment="# ",
    preamble=("from __future__ import annotations", "", "import {w}", "from {noun}s.{w} import {W}", ""),
    heads=(
        "def {verb}_{w}({noun}: {W}, limit: int = {k}) -> list[str]:",
        "def {verb}_{noun}_{w}({noun}s: Iterable[{W}]) -> int:",
        "async def {verb}_{w}(client: {W}, *, timeout: float = {k}) -> None:",
    ),
    statements=(
        "{noun}_{w} = {verb}_{noun}(limit, {k})",
        '{w} = {noun}.get("{w}", {k})',
        "total_{w} = sum(entry.{w} for entry in {noun}s)",
        'logger.info("{verb} {w}: %s", {noun})',
        "self.{w} = {W}({noun}, retries={k})",
        '{w} = [row["{w}"] for row in {noun}_rows if row]',
    ),
    openers=("if {noun}.{w} > {k}:", "for {w} in {noun}.{w}s:", 'with open_{noun}("{w}") as {w}:'),
    inner=("continue", "return None", "pass"),
    closer="",
    returns=("return result", "return None", "return total"),
    end=("", ""),
    test_command="python -m pytest -q",
    manifest="requirements.in",
    lock="poetry.lock",
    pin="{name}=={version}",
)
TYPESCRIPT = Language(
    suffix=".ts",
    test_suffix=".test.ts",
    generated_suffix=".generated.ts",
    indent="  ",
    comment="// ",
    preamble=('import {{ {W} }} from "./{w}";', 'import type {{ {W}Options }} from "../{noun}/{w}";', ""),
    heads=(
        "export function {verb}{W}({noun}: {W}, limit = {k}): string[] {{",
        "export async function {verb}{W}(client: {W}): Promise<void> {{",
        "const {verb}{W} = ({noun}: {W}): number => {{",
    ),
    statements=(
        "const {w} = {verb}({noun}, {k});",
        'const {w} = {noun}.get("{w}") ?? {k};',
        "let total{W} = {noun}s.reduce((sum, row) => sum + row.{w}, {k});",
        'logger.info("{verb} {w}", {noun});',
        "this.{w} = new {W}({noun}, {{ retries: {k} }});",
        "await {noun}Store.{verb}('{w}', limit);",
    ),
    openers=("if ({noun}.{w} > {k}) {{", "for (const {w} of {noun}.{w}s) {{", "while ({noun}.next({w}) < {k}) {{"),
    inner=("continue;", "return;", "break;"),
    closer="}",
    returns=("return result;", "return;", "return total;"),
    end=("}", ""),
    test_command="npm test --silent",
    manifest="package.json",
    lock="package-lock.json",
    pin='    "{name}": "{version}",',
)
GO = Language(
    suffix=".go",
    test_suffix="_test.go",
    generated_suffix=".pb.go",
    indent="\t",
    comment="// ",
    preamble=("package {noun}", "", "import (", '\t"example.com/{noun}/{w}"', ")", ""),
    heads=(
        "func {verb}{W}({noun} *{W}, limit int) error {{",
        "func (s *{W}) {verb}(ctx context.Context, limit int) (int, error) {{",
        "func {verb}{W}({noun}s []{W}) map[string]int {{",
    ),
    statements=(
        "{w} := {verb}{noun}(ctx, {k})",
        '{w}, ok := {noun}["{w}"]',
        "total{W} += {noun}.{w} * {k}",
        'log.Printf("{verb} {w}: %v", {noun})',
        "s.{w} = New{W}({noun}, {k})",
        '{w} := strings.Split({noun}.Name, "{w}")',
    ),
    openers=("if {noun}.{w} > {k} {{", "for _, {w} := range {noun}.{w}s {{", "switch {w} := {noun}.{w}({k}); {{"),
    inner=("continue", "return err", "return nil"),
    closer="}",
    returns=("return nil", "return err", "return total, nil"),
    end=("}", ""),
    test_command="go test ./...",
    manifest="go.mod",
    lock="go.sum",
    pin="\texample.com/{name} v{version}",
)
RUST = Language(
    suffix=".rs",
    test_suffix="_test.rs",
    generated_suffix=".generated.rs",
    indent="    ",
    comment="// ",
    preamble=("use crate::{noun}::{W};", "use std::collections::{W}Map;", ""),
    heads=(
        "pub fn {verb}_{w}({noun}: &{W}, limit: usize) -> Option<u64> {{",
        "pub(crate) async fn {verb}_{w}(client: &{W}) -> Result<(), Error> {{",
        "fn {verb}_{noun}_{w}({noun}s: &[{W}]) -> u64 {{",
    ),
    statements=(
        "let {w} = {noun}.{verb}({k})?;",
        'let mut {w} = {noun}.get("{w}").unwrap_or(&{k});',
        "let total_{w}: u64 = {noun}s.iter().map(|row| row.{w}).sum();",
        'tracing::info!("{verb} {w}: {{}}", {noun});',
        "self.{w} = {W}::new({noun}, {k});",
    ),
    openers=("if {noun}.{w} > {k} {{", "for {w} in {noun}.{w}s() {{", "while let Some({w}) = {noun}.{w}() {{"),
    inner=("continue;", "return None;", "break;"),
    closer="}",
    returns=("None", "Ok(())", "total"),
    end=("}", ""),
    test_command="cargo test --quiet",
    manifest="Cargo.toml",
    lock="Cargo.lock",
    pin='{name} = "{version}"',
)
LANGUAGES = (PYTHON, TYPESCRIPT, GO, RUST)
SUFFIXES = tuple(one.suffix for one in LANGUAGES)
GENERATED_SUFFIXES = tuple(one.generated_suffix for one in LANGUAGES)


def language_of(path: str) -> Language:
    """The language of a path by its suffix; raises ValueError for a path that is none of ours."""
    for language in LANGUAGES:
        if path.endswith(language.suffix):
            return language
    message = f"{path} is not in a language of the simulation"
    raise ValueError(message)


def is_code(path: str) -> bool:
    """Whether people and agents write this file: not generated, not a manifest or lock file."""
    return path.endswith(SUFFIXES) and not path.endswith(GENERATED_SUFFIXES)


class Scribe:
    """Writes text of one repository with its own words."""

    def __init__(self, rng: Random, coiner: Coiner) -> None:
        """Draw choices from `rng` and words from `coiner`."""
        self._rng = rng
        self._coiner = coiner

    def word(self) -> str:
        """A new word."""
        return self._coiner.word()

    def fill(self, template: str) -> str:
        """A template with a new word, a verb, a noun and a number."""
        word = self._coiner.word()
        rng = self._rng
        return template.format(
            w=word, W=word.capitalize(), verb=rng.choice(VERBS), noun=rng.choice(NOUNS), k=rng.randrange(2, 900)
        )

    def title(self) -> str:
        """The subject of a change."""
        return self.fill("{verb} {noun} {w}").capitalize()

    def path(self, language: Language, suffix: str | None = None) -> str:
        """A new path."""
        return self.fill(f"src/{self._rng.choice(AREAS)}/{{noun}}_{{w}}") + (suffix or language.suffix)

    def statement(self, language: Language, indent: str) -> Text:
        """One unique statement."""
        return indent + self.fill(self._rng.choice(language.statements)), "unique"

    def function(self, language: Language, size: int) -> list[Text]:
        """A function of about `size` lines, the blank lines after it included."""
        rng = self._rng
        indent = language.indent
        lines: list[Text] = [(self.fill(rng.choice(language.heads)), "head")]
        if rng.random() < 0.5:
            lines.append((indent + self.fill(language.comment + "{verb} every {noun} of {w} once"), "unique"))
        while len(lines) < size:
            if rng.random() < 0.7:
                lines.append(self.statement(language, indent))
                continue
            lines.append((indent + self.fill(rng.choice(language.openers)), "unique"))
            lines += [self.statement(language, indent * 2) for _ in range(rng.randrange(1, 3))]
            if rng.random() < 0.6:
                lines.append((indent * 2 + rng.choice(language.inner), "common"))
            if language.closer:
                lines.append((indent + language.closer, "common"))
        lines.append((indent + rng.choice(language.returns), "common"))
        return lines + [(text, "common") for text in language.end]

    def module(self, language: Language, functions: int) -> list[Text]:
        """A new file."""
        lines: list[Text] = [(self.fill(language.comment + "{verb} {noun}s: {w}"), "unique")]
        for template in language.preamble:
            line: Text = (self.fill(template), "unique") if "{" in template else (template, "common")
            lines.append(line)
        for _ in range(functions):
            lines += self.function(language, self._rng.randrange(5, 16))
        return without_blank_end(lines)

    def generated(self, language: Language) -> list[Text]:
        """A file that a tool wrote."""
        lines: list[Text] = [(language.comment + "Code generated by schema-compiler. DO NOT EDIT.", "common")]
        lines += [self.statement(language, "") for _ in range(self._rng.randrange(20, 60))]
        return lines

    def versions(self) -> dict[str, str]:
        """Invented dependencies and their versions."""
        return {self.fill("{noun}-{w}"): self.version() for _ in range(14)}

    def version(self) -> str:
        """A version number."""
        return ".".join(str(self._rng.randrange(30)) for _ in range(3))

    def digest(self) -> str:
        """What a lock file writes as a hash."""
        return f"{self._rng.getrandbits(256):064x}"


def without_blank_end(lines: list[Text]) -> list[Text]:
    """The lines without blank ones at the end."""
    count = len(lines)
    while count and not lines[count - 1][0].strip():
        count -= 1
    return lines[:count]


def reformatted(text: str, style: int) -> str:
    """The line after a formatter: other quotes (style 0) or a doubled indent (style 1); equal once normalised."""
    if style == 0:
        return text.replace('"', "'") if "'" not in text else text
    stripped = text.lstrip()
    return text[: len(text) - len(stripped)] * 2 + stripped
