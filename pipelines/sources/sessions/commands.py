"""What a shell command and its output say: tests run, commits made.

Belongs here: rules over command text and output, applied while a file is read. Does not belong here: how an agent
records a command (`claude_code.py`, `codex.py`).

A command runs tests when a known test runner stands where a command begins. How they ended is told, in this order:
by an exit status other than 0, by a failure summary in the output, by exit status 0 when nothing but the runner
decides it (no pipe, `;` or `||` after it), else by a success summary in the output; otherwise nothing is claimed.
"""

from __future__ import annotations

import re

_START = r"(?:^|[;&|(\n]|\bthen|\bdo)\s*"
_ENVIRONMENT = r"(?:[A-Za-z_]\w*=\S*\s+)*"
_WRAPPER = (
    r"(?:(?:sudo|time|env|exec|nice|command|uv run|poetry run|pdm run|hatch run|rye run|pipenv run|npx|bunx|pnpm exec|"
    r"yarn run|bundle exec|python3? -m|timeout(?: -\S+)* \S+|(?:\S*/)?python[\d.]* -m)\s+)*"
)
_RUNNER = (
    r"(?:\S*/)?(?:pytest|py\.test|tox|nox|unittest|jest|vitest|mocha|rspec|phpunit|ctest|gotestsum|behave|"
    r"go test|go vet|cargo (?:\+\S+ )?(?:test|nextest)|"
    r"(?:npm|pnpm|yarn|bun|deno|mix|swift|dotnet|sbt|lein|stack|cabal|zig build|bazel|flutter|dart|playwright)"
    r" (?:run )?(?:-\S+ )*test|npm t|"
    r"make (?:-\S+ )*(?:test|check)|just (?:test|check)|task test|mise (?:run )?test|"
    r"(?:mvn|mvnw|gradle|gradlew) (?:\S+ )*(?:test|verify|check))(?=[\s:;&|)]|$|-|\b)"
)
TEST = re.compile(_START + _ENVIRONMENT + _WRAPPER + _RUNNER)
_NOT_TEST = re.compile(r"\bgo vet\b|--collect-only|--version|--help|-list\b")
COMMIT = re.compile(_START + _ENVIRONMENT + r"git (?:-\S+ (?:\S+ )?)*commit\b")
_HIDES_STATUS = re.compile(r"\|(?!\|)|\|\||;|\n")
_PIPEFAIL = re.compile(r"set -\w*o\s+pipefail|set -o pipefail")
_FAILED = re.compile(
    r"^(?:--- FAIL|FAIL\b|FAILED\b|not ok \d)|\b[1-9]\d* (?:failed|failing|failures?)\b|test result: FAILED|\bFailures: [1-9]"
    r"|^FAILED \(|Tests:\s+[1-9]\d* failed",
    re.MULTILINE,
)
_PASSED = re.compile(
    r"^ok\s|^PASS\b|\b[1-9]\d* (?:passed|passing)\b|test result: ok|^OK(?: \(|$)|Tests:\s+[1-9]\d* passed|\b0 fail(?:ed|ures)\b",
    re.MULTILINE,
)
_COMMITTED = re.compile(r"^\[(?:[^\]\n]* )?([0-9a-f]{7,40})\] ", re.MULTILINE)
OUTPUT_CHARACTERS = 20_000
"""How much of an output's end is searched for a summary: they stand last."""


def runs_tests(command: str) -> bool:
    """Whether the command runs tests."""
    return TEST.search(command) is not None and _NOT_TEST.search(command) is None


def commits(command: str) -> bool:
    """Whether the command makes a git commit."""
    return COMMIT.search(command) is not None


def hides_status(command: str) -> bool:
    """Whether the exit status of the whole may be that of something other than the test runner."""
    match = TEST.search(command)
    rest = command[match.end() :] if match else command
    return _HIDES_STATUS.search(rest.strip()) is not None and _PIPEFAIL.search(command) is None


def tests_passed(*, is_failure: bool, is_hidden: bool, output: str) -> bool | None:
    """Whether the tests that a command ran passed; None where its output does not tell."""
    tail = output[-OUTPUT_CHARACTERS:]
    if is_failure or _FAILED.search(tail):
        return False
    if not is_hidden or _PASSED.search(tail):
        return True
    return None


def committed_sha(output: str) -> str | None:
    """Abbreviated id of the last commit that `git commit` reports in its output."""
    found = _COMMITTED.findall(output[-OUTPUT_CHARACTERS:])
    return found[-1] if found else None
