"""Who works in the invented organisation, and what they set out to do on which day.

Belongs here: people, agents, bots, and the plan of work: which task begins when, by whom, with which help, and how it
is to land. Does not belong here: the text that a task writes (`code`, `work`) or the history that comes of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from random import Random

Mode = Literal["human", "claude-code", "codex", "devin", "dependabot"]
Kind = Literal["feature", "move", "rename", "revert", "generate", "bump"]
Way = Literal["merge", "squash", "rebase", "direct"]
Tier = Literal["trivial", "routine", "substantial", "open_ended"]
Outcome = Literal["success", "failure", "unclear"]

EPOCH = date(1970, 1, 1)
DAY_SECONDS = 86_400
HOUR_SECONDS = 3_600
SATURDAY = 5
DAYS_A_YEAR = 365


@dataclass(frozen=True, slots=True)
class Identity:
    """A name and an e-mail address as git records them."""

    name: str
    email: str

    def __str__(self) -> str:
        """`Name <email>`."""
        return f"{self.name} <{self.email}>"


FORGE = Identity("GitHub", "noreply@github.com")
DEPENDABOT = Identity("dependabot[bot]", "49699333+dependabot[bot]@users.noreply.github.com")
DEVIN = Identity("devin-ai-integration[bot]", "158243242+devin-ai-integration[bot]@users.noreply.github.com")

# Zones without summer time, so that an offset is right all year and no zone database is needed.
ZONES = (("UTC", 0), ("Africa/Lagos", 60), ("Asia/Kolkata", 330), ("America/Phoenix", -420), ("Asia/Tokyo", 540))
REPOSITORY_NAMES = ("orders", "ledger-api", "search", "billing", "gateway", "catalogue", "notifier", "warehouse-sync")

TIERS: tuple[Tier, ...] = ("trivial", "routine", "substantial", "open_ended")
TIER_WEIGHTS = (25, 45, 22, 8)
# Chance of a clear success at the beginning and at the end of the time, by tier: agents get better.
SUCCESS = {"trivial": (0.82, 0.95), "routine": (0.64, 0.86), "substantial": (0.42, 0.72), "open_ended": (0.2, 0.52)}
UNCLEAR = 0.08
# Each repository has its team's habit of landing; every team uses each way now and then.
WAYS: tuple[Way, ...] = ("merge", "squash", "rebase", "direct")
WAY_WEIGHTS = ((10, 65, 10, 15), (60, 15, 10, 15), (10, 20, 55, 15))
KINDS: tuple[Kind, ...] = ("feature", "move", "rename", "revert", "generate")
KIND_WEIGHTS = (82, 6, 4, 4, 4)
TASKS_A_DAY = (0, 1, 2)
TASKS_A_DAY_WEIGHTS = (45, 45, 10)


@dataclass(frozen=True, slots=True)
class Engineer:
    """A person: when they are there and which habits they have with agents."""

    number: int
    identity: Identity
    joined: date
    left: date | None
    zone: str
    offset_minutes: int
    favourite: Mode
    eagerness: float
    keeps_trailers: bool
    keeps_notes: bool

    @property
    def account(self) -> str:
        """The login of the person's machine, as it stands in the folder of a session."""
        return f"engineer-{self.number:02d}"

    def is_present(self, day: date) -> bool:
        """Whether the person works for the organisation on `day`."""
        return self.joined <= day and (self.left is None or day < self.left)


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of planned work. Times are UTC seconds since 1970."""

    number: int
    repository: int
    engineer: Engineer
    reviewer: Engineer
    starts_at: int
    lands_at: int
    mode: Mode
    kind: Kind
    way: Way
    tier: Tier
    outcome: Outcome
    progress: float

    @property
    def author(self) -> Identity:
        """Who git names as the author of the task's commits."""
        return {"devin": DEVIN, "dependabot": DEPENDABOT}.get(self.mode, self.engineer.identity)


@dataclass(frozen=True, slots=True)
class Organisation:
    """People, repository names and every task in the order in which they begin."""

    engineers: tuple[Engineer, ...]
    repositories: tuple[str, ...]
    tasks: tuple[Task, ...]
    start: date
    days: int


def found_organisation(rng: Random, *, engineers: int, days: int, repositories: int, start: date) -> Organisation:
    """The people and the plan. Everything drawn comes from `rng`."""
    people = tuple(_hire(rng, number, engineers, days, start) for number in range(1, engineers + 1))
    names = tuple(
        REPOSITORY_NAMES[index] if index < len(REPOSITORY_NAMES) else f"service-{index + 1:02d}"
        for index in range(repositories)
    )
    return Organisation(people, names, tuple(_plan(rng, people, repositories, days, start)), start, days)


def seconds_at(day: date) -> int:
    """UTC seconds since 1970 at the beginning of `day`."""
    return (day - EPOCH).days * DAY_SECONDS


def _hire(rng: Random, number: int, engineers: int, days: int, start: date) -> Engineer:
    zone, offset = ZONES[number % len(ZONES)]
    # The first few are there from the start, so that a small or short organisation works too; later ones trickle in.
    is_founder = number <= max(2, engineers * 2 // 3)
    joined = (
        start - timedelta(days=rng.randrange(30, 900))
        if is_founder
        else start + timedelta(days=rng.randrange(1 + days // 2))
    )
    leaves = engineers >= SATURDAY and number % 6 == SATURDAY
    return Engineer(
        number=number,
        identity=Identity(f"Engineer {number:02d}", f"engineer.{number:02d}@example.com"),
        joined=joined,
        left=start + timedelta(days=days * 3 // 4) if leaves else None,
        zone=zone,
        offset_minutes=offset,
        favourite="codex" if number % 3 == 0 else "claude-code",
        eagerness=rng.uniform(0.6, 1.1),
        keeps_trailers=number % 5 != 0,
        keeps_notes=number % 4 in (1, 2),
    )


def _plan(rng: Random, people: tuple[Engineer, ...], repositories: int, days: int, start: date) -> list[Task]:
    end = seconds_at(start) + days * DAY_SECONDS
    tasks: list[Task] = []
    for index in range(days):
        day = start + timedelta(days=index)
        if day.weekday() >= SATURDAY:
            continue
        present = [person for person in people if person.is_present(day)]
        if not present:
            continue
        progress = min(1.0, index / max(1, min(days, DAYS_A_YEAR)))
        today = [
            _task(rng, person, present, repositories=repositories, day=day, progress=progress)
            for person in present
            for _ in range(rng.choices(TASKS_A_DAY, TASKS_A_DAY_WEIGHTS)[0])
        ]
        if day.weekday() == 0:
            today += [_bump(rng, present, repository, day, progress) for repository in range(repositories)]
        # What would land after the end is still an open request then: it is not part of this history.
        tasks += [task for task in today if task.lands_at < end]
    tasks.sort(key=lambda task: (task.starts_at, task.engineer.number, task.repository, task.lands_at))
    return [replace(task, number=number) for number, task in enumerate(tasks, 1)]


def _task(
    rng: Random, person: Engineer, present: list[Engineer], *, repositories: int, day: date, progress: float
) -> Task:
    home = person.number % repositories
    repository = home if rng.random() < 0.85 else rng.randrange(repositories)
    starts = seconds_at(day) + 9 * HOUR_SECONDS + rng.randrange(8 * HOUR_SECONDS) - person.offset_minutes * 60
    kind = rng.choices(KINDS, KIND_WEIGHTS)[0]
    mode: Mode = "human"
    if kind == "feature" and rng.random() < person.eagerness * (0.2 + 0.8 * progress):
        mode = _agent(rng, person, progress)
    tier = rng.choices(TIERS, TIER_WEIGHTS)[0]
    low, high = SUCCESS[tier]
    draw = rng.random()
    success = low + (high - low) * progress
    outcome: Outcome = "success" if draw < success else "unclear" if draw < success + UNCLEAR else "failure"
    way = rng.choices(WAYS, WAY_WEIGHTS[repository % len(WAY_WEIGHTS)])[0]
    if kind == "revert":
        way = "direct"
    elif mode == "devin":
        way = "squash" if way == "direct" else way
    waits = rng.randrange(3 * HOUR_SECONDS, 8 * HOUR_SECONDS if way == "direct" else 48 * HOUR_SECONDS)
    return Task(
        number=0,
        repository=repository,
        engineer=person,
        reviewer=rng.choice(present),
        starts_at=starts,
        lands_at=starts + waits,
        mode=mode,
        kind=kind,
        way=way,
        tier=tier,
        outcome=outcome,
        progress=progress,
    )


def _agent(rng: Random, person: Engineer, progress: float) -> Mode:
    draw = rng.random()
    if draw < 0.05 + 0.1 * progress:
        return "devin"
    if draw < 0.9:
        return person.favourite
    return "codex" if person.favourite == "claude-code" else "claude-code"


def _bump(rng: Random, present: list[Engineer], repository: int, day: date, progress: float) -> Task:
    starts = seconds_at(day) + 4 * HOUR_SECONDS + rng.randrange(HOUR_SECONDS)
    merger = rng.choice(present)
    lands = starts + rng.randrange(4 * HOUR_SECONDS, 12 * HOUR_SECONDS)
    return Task(
        0, repository, merger, merger, starts, lands, "dependabot", "bump", "squash", "trivial", "success", progress
    )
