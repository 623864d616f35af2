"""What a prompt is: typed by a person or not, a correction, a confirmation. The text itself is never kept.

Belongs here: rules over prompt text, applied once while a file is read. Does not belong here: counting.

The rules, for English alone; a prompt in another language is a prompt and no claim is made about it.

- A *correction* is a prompt after the agent's first answer that, within its first 300 characters, says that what the
  agent did is wrong (`no,`, `that's wrong`, `not what I asked`, `you forgot`, `you broke`, `still fails`, `doesn't
  work`), or asks to take it back (`revert that`, `undo this`). A change of direction or a new wish is none.
- A *confirmation* is a prompt of at most 120 characters that begins with praise or consent (`perfect`, `lgtm`,
  `looks good`, `thanks`, `works now`), asks for nothing further and takes nothing back (`?`, `but`, `not`, `please`, `next`).

Both are conservative: they miss most corrections that people express otherwise. Typed reasons of rejected tool uses
are corrections as well, without any rule over their words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

CORRECTION_CHARACTERS = 300
CONFIRMATION_CHARACTERS = 120

_WRAPPED = re.compile(
    r"\s*<(ide_opened_file|ide_selection|ide_diagnostics|system-reminder|system_reminder|attached_files?)>.*?</\1>\s*",
    re.DOTALL,
)
_MACHINE_PREFIXES = (
    "<local-command-",
    "<bash-input>",
    "<bash-stdout>",
    "<bash-stderr>",
    "<system-reminder>",
    "<ide_opened_file>",
    "<ide_selection>",
    "<user-prompt-submit-hook>",
    "<user-memory-input>",
    "<environment_context>",
    "<subagent_notification>",
    "<agent-notification>",
    "<teammate-message",
    "<turn_aborted>",
    "<user_instructions>",
    "<INSTRUCTIONS>",
    "<permissions instructions>",
    "<skills_instructions>",
    "<apps_instructions>",
    "<collaboration_mode>",
    "<personality_spec>",
    "<model_switch>",
    "<skill>",
    "<user_shell_command>",
    "# AGENTS.md instructions for",
    "Caveat: The messages below",
    "This session is being continued from a previous co",
    "Base directory for this skill:",
    "[Request interrupted by user",
)
_TASK = "<task-notification>"
_COMMAND = re.compile(r"<command-name>\s*/?([^<]*?)\s*</command-name>")
_OWN_COMMANDS = frozenset(
    {
        "add-dir", "agents", "bashes", "bug", "btw", "cd", "clear", "color", "compact", "config", "context", "copy",
        "cost", "diff", "doctor", "effort", "exit", "export", "fast", "feedback", "fork", "branch", "help", "hooks",
        "ide", "install-github-app", "keybindings", "login", "logout", "mcp", "memory", "migrate-installer",
        "mobile", "model", "new", "output-style", "permissions", "plan", "plugin", "plugins", "privacy-settings",
        "quit", "release-notes", "reload-plugins", "remote-control", "rename", "resume", "rewind", "sandbox",
        "settings", "skills", "stats", "status", "statusline", "tasks", "terminal-setup", "theme", "todos",
        "upgrade", "usage", "vim", "voice",
    }
)  # fmt: skip
"""Commands that the agent's program answers itself: nothing is asked of the model."""

_CORRECTION = re.compile(
    r"""
    ^\W*(?:no+|nope|wrong|incorrect|stop(?=\W*$|[,.!:;]|\ (?:that|this|doing|it))|wait,?\ no|undo|revert)\b(?!\ (?:problem|worries|need|rush|idea|changes|one|more|matter|then)|,?\ (?:it's|its|this\ is|that's|that\ is|then)\ (?:fine|good|ok|okay|correct|right|great)\b|,?\ then\ it's\ good)
    | \b(?:that|this|it|which)(?:'s|\ is|\ was|s)\ (?:(?:just|still|completely|totally|simply|all|also)\ )?
      (?:wrong|incorrect|not\ (?:right|correct|what|it|working|true|fixed))
    | \bnot\ what\ i\ (?:asked|wanted|meant|said|need)
    | \bi\ (?:didn't|did\ not|never)\ (?:ask|want|say|tell)
    | \bi\ (?:already\ )?(?:said|told\ you|asked\ you)\b
    | \byou\ (?:(?:have|just|also|still|completely)\ )*(?:forgot|missed|broke|ignored|misunderstood|misread|removed\ the\ wrong)
    | \byou\ (?:didn't|did\ not|haven't|have\ not|should(?:n't|\ not)\ have)\b
    | \b(?:it|that|this|they|tests?|build|ci|lint)?\ ?still\ (?:fail|broken|doesn't|does\ not|not\ |isn't|is\ not|wrong|getting|see|the\ same)
    | \b(?:it|that|this)\ (?:doesn't|does\ not|didn't|did\ not|isn't|is\ not)\ (?:work|help|fix|compile|build|do\ what)
    | \b(?:revert|undo|roll\ back)\ (?:that|this|it|your|the\ last|those|these|the\ change)
    | \bwhy\ (?:did|would|have)\ you\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_CONFIRMATION = re.compile(
    r"""^\W*(?:(?:ok|okay|yes|yep|yeah|great|cool|awesome|nice)\W+)*
    (?:perfect|lgtm|looks\ (?:good|great|perfect)|look(?:ing)?\ good|thanks|thank\ you|thx|works(?:\ now|\ great|\ well)?|
    (?:it|that|this|everything)(?:\ now)?\ works|(?:it|that|this)(?:'s|\ is)\ (?:great|perfect|good|fixed|working)|well\ done|
    good\ (?:job|work)|great\ (?:job|work)|nice\ (?:job|work|one)|excellent|awesome|brilliant|fantastic|great|love\ it)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_RESERVATION = re.compile(
    r"\?|\b(?:but|however|except|although|though|not|n't|still|instead|wrong|fails?|failing|broken|error|one more|another|can you|could you|please|let's|next|"
    r"also|then|i'll)\b|n't\b|(?<!works )\bnow\b(?!\W*$)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Prompt:
    """What is kept of a prompt's text: nothing but these marks."""

    is_machine: bool = False
    is_correction: bool = False
    is_confirmation: bool = False


def classify_prompt(text: str, *, has_image: bool = False) -> Prompt | None:
    """What a user record's text is, or None where it is no prompt at all.

    Context that an editor puts before the text is taken away first; a command that the agent's program answers
    itself is none; a task notification is a machine's prompt.
    """
    while match := _WRAPPED.match(text):
        text = text[match.end() :]
    text = text.strip()
    if not text:
        return Prompt() if has_image else None
    if text.startswith(_TASK):
        return Prompt(is_machine=True)
    if text.startswith(_MACHINE_PREFIXES):
        return None
    if text.startswith(("<command-name>", "<command-message>", "<command-args>")):
        command = _COMMAND.search(text)
        return None if command is None or command[1].lower() in _OWN_COMMANDS else Prompt()
    return Prompt(is_correction=is_correction(text), is_confirmation=is_confirmation(text))


def is_correction(text: str) -> bool:
    """Whether a prompt corrects what the agent did; meaningful after its first answer alone."""
    return _CORRECTION.search(_plain(text[:CORRECTION_CHARACTERS])) is not None


def is_confirmation(text: str) -> bool:
    """Whether a prompt says that the work is good, and nothing else."""
    if len(text) > CONFIRMATION_CHARACTERS:
        return False
    plain = _plain(text)
    return _CONFIRMATION.search(plain) is not None and _RESERVATION.search(plain) is None


def _plain(text: str) -> str:
    return text.replace("\u2019", "'")
