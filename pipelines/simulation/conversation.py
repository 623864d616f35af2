"""One conversation with an agent, as steps: what both transcript formats are rendered from.

Belongs here: steps, sessions, and the invented words that people and agents say. Does not belong here: how a step is
written in either format (`claude`, `codex`) or what it does to a file (`work`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from uuid import UUID

if TYPE_CHECKING:
    from random import Random

    from pipelines.simulation.files import Splice
    from pipelines.simulation.organisation import Engineer, Mode, Outcome, Tier

StepKind = Literal[
    "prompt", "say", "read", "apply", "run", "error", "reject", "interrupt", "commit", "delegate", "finish"
]

REQUESTS = (
    "Please {title}. Add it next to the code that is there, and keep the tests green.",
    "We need to {title}. Have a look at {path} first.",
    "{title} in {path}",
    "Can you {title}? The callers expect no change of behaviour.",
)
FOLLOW_UPS = (
    "Good. Now do the same for {path}, please.",
    "Thanks, that works. Next, {title}.",
    "Also handle the empty case in {path}.",
)
CORRECTIONS = (
    "No, that's wrong: this is not what I asked for. {title} without touching the callers.",
    "That doesn't work, the test still fails. Fix {path}.",
    "No, revert that. I meant {title}, not this.",
    "You misunderstood. Please undo it and {title}.",
)
CONFIRMATIONS = ("Perfect, thanks!", "Great, that is exactly what I wanted.", "Looks good, ship it.")
REASONS = (
    "use the helper that we already have instead",
    "don't change the public signature",
    "this belongs in another module",
)
SAYINGS = (
    "I'll look at the code first.",
    "Now I'll make the change.",
    "Let me run the tests.",
    "I'll adapt the callers.",
)
SUMMARIES = ("Done: the change is in place and the tests pass.", "I've made the change and checked it.")
GIVING_UP = ("I'm unable to get this to pass so far.", "The test still fails; I don't see why yet.")
CLAUDE_MODELS = ("claude-sonnet-4-5-20250929", "claude-opus-4-6", "claude-opus-4-8")
CODEX_MODELS = ("gpt-5-codex", "gpt-5.4", "gpt-5.6")
TRAILERS = {
    "claude-sonnet-4-5-20250929": "Co-Authored-By: Claude Sonnet 4.5 <noreply@anthropic.com>",
    "claude-opus-4-6": "Co-Authored-By: Claude Opus 4.6 <noreply@anthropic.com>",
    "claude-opus-4-8": "Co-Authored-By: Claude Opus 4.8 (1M context) <noreply@anthropic.com>",
}


@dataclass(slots=True)
class Step:
    """One event of a session. `at` is UTC milliseconds; what else is set depends on the kind.

    `read`, `apply`, `reject` and `error` have a path, `apply` and `reject` a splice, `run` a command and an output,
    `commit` a command and, once the commit exists, its id, `delegate` the steps of a subagent.
    """

    kind: StepKind
    at: int
    text: str = ""
    path: str = ""
    splice: Splice | None = None
    command: str = ""
    is_ok: bool = True
    sha: str = ""
    steps: list[Step] = field(default_factory=list)


@dataclass(slots=True)
class Session:
    """A conversation from its first prompt to its end."""

    session_id: str
    tool: Mode
    model: str
    engineer: Engineer
    repository: str
    branch: str
    permission_mode: str
    tier: Tier
    outcome: Outcome
    is_forked: bool
    progress: float
    pull_request: int = 0
    lands: bool = True
    steps: list[Step] = field(default_factory=list)

    @property
    def cwd(self) -> str:
        """Where the agent ran."""
        return f"/home/{self.engineer.account}/src/{self.repository}"

    @property
    def started_at(self) -> int:
        """UTC milliseconds."""
        return self.steps[0].at

    @property
    def ended_at(self) -> int:
        """UTC milliseconds."""
        return self.steps[-1].at


def model_of(rng: Random, tool: Mode, progress: float) -> str:
    """Newer models as time goes on."""
    models = CODEX_MODELS if tool == "codex" else CLAUDE_MODELS
    return models[min(len(models) - 1, int((progress + rng.uniform(-0.1, 0.1)) * len(models)) if progress > 0 else 0)]


def random_uuid(rng: Random) -> str:
    """A version 4 UUID."""
    return str(UUID(int=rng.getrandbits(128), version=4))


def timed_uuid(rng: Random, milliseconds: int) -> str:
    """A version 7 UUID: Codex names its sessions so."""
    random_bits = rng.getrandbits(74)
    value = milliseconds << 80 | 7 << 76 | (random_bits >> 62) << 64 | 2 << 62 | random_bits & ((1 << 62) - 1)
    return str(UUID(int=value))
