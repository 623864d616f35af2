"""Marks that agents and bots leave on commits: identities, trailers and footers.

Belongs here: matching a commit against the identity table (`agents.toml`). Does not belong here: what a mark is
worth, which `stages/resolution.py` decides. Messages are scanned whole, since squashes bury trailers in the middle,
and are not kept.
"""

from __future__ import annotations

import html
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.sources.git.objects import Commit, Identity
from pipelines.sources.models import clean_model

_GITHUB = re.compile(r"^(\d+)\+([^@]+)@users\.noreply\.github\.com$")
_GITHUB_ACTIONS_ID = 41898282
_CO_AUTHOR = re.compile(r"(?im)^[ \t]*co-?authored-by\s*:[ \t]*(.+?)[ \t]*$")
_MARKDOWN_MAIL = re.compile(r"\[([^\]]+@[^\]]+)\]\(mailto:[^)]*\)")
_AIDER_AUTHOR = re.compile(r"\(aider\)$")
_INTERESTING = re.compile(
    r"authored-by|generated|assisted|made-with|synthesized|suggested-by|-session:|agent-logs-url|amp-thread|ultraworked|by jules|replit-commit|entire-checkpoint|\Aaider: ",
    re.IGNORECASE,
)


@dataclass(frozen=True, order=True)
class Mark:
    """One piece of evidence on a commit. `kind` is one of `schemas.lake.MARK_KINDS`; empty text where unknown."""

    kind: str
    tool: str
    model: str = ""
    person: tuple[str, str] | None = None
    reference: str = ""


class Rules:
    """The identity table, indexed."""

    def __init__(self, table: dict[str, Any]) -> None:
        self.version: str = table["version"]
        self._emails: dict[str, dict[str, Any]] = {}
        self._ids: dict[int, dict[str, Any]] = {}
        self._logins: dict[str, dict[str, Any]] = {}
        self._names: dict[str, dict[str, Any]] = {}
        for rule in table["identities"]:
            self._emails.update((email.lower(), rule) for email in rule.get("emails", ()))
            self._ids.update((number, rule) for number in rule.get("ids", ()))
            self._logins.update((login.lower(), rule) for login in rule.get("logins", ()))
            self._names.update((name.lower(), rule) for name in rule.get("names", ()))
        self._models = [(rule["tool"], re.compile(rule["name"]), rule["model"]) for rule in table["models"]]
        self._footers = [
            (rule["tool"], rule["kind"], re.compile(rule["pattern"], re.MULTILINE)) for rule in table["footers"]
        ]
        policy = table["policy"]
        keys = "|".join(re.escape(key) for key in policy["keys"])
        self._policy = re.compile(rf"(?im)^[ \t]*({keys})\s*:[ \t]*(.+?)[ \t]*$")
        tools = "|".join(re.escape(tool) for tool in sorted(policy["tools"], key=len, reverse=True))
        self._policy_tool = re.compile(rf"(?i)(?<![\w/-])({tools})(?![\w/])")
        self._policy_model = re.compile(policy["model"], re.IGNORECASE)

    def identify(self, identity: Identity) -> tuple[str, str, str] | None:
        """(tool, kind, author kind) of an agent's or a bot's account; None for a person.

        A number in a GitHub noreply address wins over the name beside it. A `[bot]` account that the table does not
        know is automation: never silently a person.
        """
        email = identity.email.lower().strip()
        rule = self._emails.get(email)
        match = _GITHUB.match(email)
        if rule is None and match:
            number, login = int(match.group(1)), match.group(2)
            by_login = self._logins.get(login)
            # Actions reuse their one id under an agent's name.
            is_reused = number == _GITHUB_ACTIONS_ID and by_login
            rule = by_login if is_reused else self._ids.get(number) or by_login
            if rule is None and login.endswith("[bot]"):
                return "bot", "automation", "automation"
            if rule is None:
                return None
        name = identity.name.lower().strip()
        if rule is None:
            rule = self._logins.get(name) if name.endswith("[bot]") else self._names.get(name) if not match else None
        if rule is None and name.endswith("[bot]"):
            return "bot", "automation", "automation"
        if rule is None:
            return None
        return rule["tool"], rule["kind"], rule.get("author_kind", rule["kind"])

    def model_of(self, tool: str, name: str) -> str:
        """Model that an agent's display name says; empty where it says none."""
        for rule_tool, pattern, template in self._models:
            match = pattern.match(name.strip()) if rule_tool == tool else None
            if match:
                return clean_model(template.format(**match.groupdict()))
        return ""

    def find_marks(self, commit: Commit) -> list[Mark]:
        """Every mark of a commit, sorted, each once."""
        marks: set[Mark] = set()
        author = self.identify(commit.author)
        if author:
            kind = {
                "autonomous": "bot_author",
                "automation": "automation_author",
                "reviewer": "review_suggestion",
                "hint": "hint",
                "assistant": "co_author_trailer",
            }[author[2]]
            marks.add(Mark(kind, author[0], self.model_of(author[0], commit.author.name)))
        elif _AIDER_AUTHOR.search(commit.author.name):
            marks.add(Mark("aider_author", "aider"))
        if _INTERESTING.search(commit.message):
            self._scan(commit.message, marks)
        return sorted(
            marks, key=lambda mark: (mark.kind, mark.tool, mark.model, mark.person or ("", ""), mark.reference)
        )

    def _scan(self, message: str, marks: set[Mark]) -> None:
        for match in _CO_AUTHOR.finditer(message):
            identity = parse_person(match.group(1))
            found = self.identify(identity)
            if found is None:
                if identity.email:
                    marks.add(Mark("human_co_author", "", person=(identity.name, identity.email)))
                continue
            tool, kind, _ = found
            if kind in ("autonomous", "assistant"):
                marks.add(Mark("co_author_trailer", tool, self.model_of(tool, identity.name)))
            elif kind in ("reviewer", "hint"):
                marks.add(Mark("review_suggestion" if kind == "reviewer" else "hint", tool))
        for tool, kind, pattern in self._footers:
            for match in pattern.finditer(message):
                marks.add(Mark(kind, tool, reference=match.groupdict().get("reference") or ""))
        for match in self._policy.finditer(message):
            mark = self._read_policy(match.group(2))
            if mark:
                marks.add(mark)

    def _read_policy(self, value: str) -> Mark | None:
        """A policy trailer's free text: `TOOL:MODEL`, or anything in which a known agent or model stands.

        Where an address stands in it too, the address decides: people are called Claude and Jules.
        """
        person = parse_person(value)
        if "@" in person.email and self.identify(person) is None:
            return None
        tool = self._policy_tool.search(value)
        model = self._policy_model.search(value)
        if not tool and not model:
            return None
        name = tool.group(1).lower() if tool else "unknown"
        if name == "claude":
            name = "claude-code"
        return Mark("policy_trailer", name, clean_model(model.group(0)) if model else "")


def parse_person(text: str) -> Identity:
    """`Name <email>` as people and tools really write it: brackets missing, unclosed, escaped or Markdown links."""
    text = _MARKDOWN_MAIL.sub(r"<\1>", html.unescape(text)).strip().strip('"')
    name, bracket, email = text.partition("<")
    if bracket:
        return Identity(name.strip(), email.split(">")[0].strip().rstrip(')">'))
    words = text.split()
    mails = [word for word in words if "@" in word]
    if mails:
        return Identity(" ".join(word for word in words if word != mails[0]), mails[0].strip('()<>"'))
    return Identity(text, "")


def load_rules() -> Rules:
    """The identity table that is shipped with this module."""
    with (Path(__file__).parent / "agents.toml").open("rb") as handle:
        return Rules(tomllib.load(handle))
