"""Doing a task: people and agents change files, and commits come of it.

Belongs here: what a task does to the files that it has claimed, and the steps of the session that did it. Does not
belong here: when and how the commits reach the mainline (`mainline`), nor how a session is written down.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipelines.simulation import conversation as talk
from pipelines.simulation.code import language_of, reformatted
from pipelines.simulation.conversation import Session, Step
from pipelines.simulation.edits import WorkingCopy
from pipelines.simulation.files import Line, Splice, Version, indent_of, replaced, stamped, trimmed, without_function

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from pipelines.simulation.code import Language, Scribe
    from pipelines.simulation.organisation import Task
    from pipelines.simulation.truth import Truth

EDITS = {"trivial": (1, 1), "routine": (1, 3), "substantial": (3, 6), "open_ended": (5, 9)}
MINUTE = 60


@dataclass(slots=True)
class Commit:
    """A commit of a task's branch: UTC seconds, message, contents by path (None: removed)."""

    at: int
    message: str
    changes: dict[str, Version | None]
    step: Step | None = None
    sha: str = ""


@dataclass(slots=True)
class Work:
    """What came of a task. No commits: nothing of it lands."""

    title: str
    commits: list[Commit] = field(default_factory=list)
    session: Session | None = None
    trailers: tuple[str, ...] = ()


class Desk:
    """Works on copies of the files that one task has claimed."""

    def __init__(
        self,
        task: Task,
        files: Mapping[str, Version],
        languages: tuple[Language, ...],
        *,
        repository: str,
        rng: Random,
        scribe: Scribe,
        truth: Truth,
    ) -> None:
        """Take the claimed `files` as they stand on the mainline."""
        self._task = task
        self._copy = WorkingCopy(files, languages, rng, scribe)
        self._languages = languages
        self._repository = repository
        self._rng = rng
        self._scribe = scribe
        self._truth = truth
        self._clock = task.starts_at * 1000
        self._person = truth.stamp("human", "", task.engineer.identity.email, "")
        self._subject = scribe.title()

    def work(self) -> Work:
        """Do the task."""
        task = self._task
        if task.kind == "feature":
            return self._write() if task.mode == "human" else self._assist()
        if task.kind == "generate":
            return self._generate()
        if task.kind == "rename":
            return self._rename()
        return self._move()

    # People

    def _write(self) -> Work:
        work = Work(self._subject)
        for count in range(self._rng.choice((1, 1, 2, 3))):
            for _ in range(max(1, self._rng.randint(*EDITS[self._task.tier]) - count)):
                path, splice, version = self._copy.edit(self._person, self._rng.randrange(4, 13))
                self._copy.apply(path, version, splice)
            self._wait(MINUTE * 5, MINUTE * 25)
            self._commit(work, self._subject if not count else self._scribe.title())
        return work

    def _generate(self) -> Work:
        stamp = self._truth.stamp("generated", "", self._task.engineer.identity.email, "")
        language = self._rng.choice(self._languages)
        path = next(iter(self._copy.contents), None) or self._scribe.path(language, language.generated_suffix)
        language = next(one for one in self._languages if path.endswith(one.generated_suffix))
        self._copy.contents[path] = Version(stamped(self._scribe.generated(language), stamp))
        return self._alone(f"Regenerate {path.rsplit('/', 1)[-1]}")

    def _rename(self) -> Work:
        path, version = next(iter(self._copy.contents.items()))
        new = self._scribe.path(language_of(path))
        self._copy.contents[path] = None
        self._copy.contents[new] = version
        if self._rng.random() < 0.5:
            _, splice, changed = self._copy.change(new, self._person, 2)
            self._copy.apply(new, changed, splice)
        return self._alone(f"Rename {path.rsplit('/', 1)[-1]}")

    def _move(self) -> Work:
        """A function moves within its file or into another one of the same language."""
        path, version = self._copy.files()[0]
        heads = version.heads()
        if len(heads) > 1:
            start = self._rng.choice(heads)
            moved = list(version.lines[start : version.end_of(start)])
            self._copy.contents[path] = trimmed(replaced(version, start, start + len(moved), ()))
            target, into = self._copy.files()[-1]
            if language_of(target) is not language_of(path):
                target, into = self._copy.files()[0]
            place = self._rng.choice([*into.heads(), len(into.lines)])
            blank = [Line("", self._person, "common")]
            block = [*blank, *moved] if place == len(into.lines) else [*moved, *blank]
            self._copy.contents[target] = trimmed(replaced(into, place, place, block))
        return self._alone(f"Move code out of {path.rsplit('/', 1)[-1]}")

    def _alone(self, message: str) -> Work:
        work = Work(message)
        self._wait(MINUTE * 5, MINUTE * 40)
        self._commit(work, message)
        return work

    # Agents

    def _assist(self) -> Work:
        task, rng = self._task, self._rng
        model = talk.model_of(rng, task.mode, task.progress)
        name = talk.timed_uuid(rng, self._clock) if task.mode == "codex" else talk.random_uuid(rng)
        modes = ("default", "acceptEdits", "bypassPermissions")
        session = Session(
            session_id="" if task.mode == "devin" else name,
            tool=task.mode,
            model=model,
            engineer=task.engineer,
            repository=self._repository,
            branch="main" if task.way == "direct" else f"work/{task.number}",
            permission_mode=rng.choices(modes, (4, 3, 1 + 3 * task.progress))[0],
            tier=task.tier,
            outcome=task.outcome,
            is_forked=task.mode == "claude-code" and rng.random() < 0.06,
            progress=task.progress,
        )
        stamp = self._truth.stamp("ai", task.mode, task.engineer.identity.email, session.session_id)
        self._converse(session, stamp)
        work = Work(self._subject, session=session if session.session_id else None)
        agent_commits = task.mode == "devin" or (
            task.outcome != "failure" and rng.random() < (0.5 if task.mode == "claude-code" else 0.12)
        )
        if agent_commits:
            step = self._say(session, "commit", command=f'git commit -am "{self._subject}"')
            trailer = talk.TRAILERS.get(model) if task.mode == "claude-code" and task.engineer.keeps_trailers else None
            if task.mode == "devin":
                trailer = f"Co-Authored-By: {task.engineer.identity}"
            work.trailers = (trailer,) if trailer else ()
            self._commit(work, "\n\n".join([self._subject, *work.trailers]), step)
        self._close(session)
        if task.outcome == "failure" and rng.random() < 0.35:
            session.lands = False
            work.commits.clear()
            return work
        self._finish_by_hand(stamp)
        self._wait(MINUTE * 2, MINUTE * 30)
        self._commit(work, self._subject if not work.commits else self._scribe.title())
        return work

    def _converse(self, session: Session, stamp: int) -> None:
        rng, outcome = self._rng, session.outcome
        self._prompt(session, talk.REQUESTS)
        left = rng.randint(*EDITS[session.tier])
        is_first = True
        while left > 0:
            if not is_first:
                self._prompt(session, talk.FOLLOW_UPS)
            part = rng.randint(1, min(3, left))
            left -= part
            self._round(session, stamp, part, is_green=outcome == "success" or rng.random() < 0.3)
            is_first = False
        if session.tool == "claude-code" and session.tier in ("substantial", "open_ended") and rng.random() < 0.35:
            self._delegate(session, stamp)
        if outcome == "failure":
            # A few failures go without a word: only the tests and what people made of the code tell.
            for _ in range(rng.choice((0, 1, 1, 1, 1, 1, 2, 2))):
                self._prompt(session, talk.CORRECTIONS)
                if rng.random() < 0.4:
                    path, splice, _version = self._copy.edit(stamp, 6)
                    self._say(session, "reject", path=path, splice=splice, text=rng.choice(talk.REASONS))
                    self._prompt(session, talk.CORRECTIONS)
                self._rework(session, stamp)

    def _round(self, session: Session, stamp: int, edits: int, *, is_green: bool) -> None:
        rng = self._rng
        self._say(session, "say", text=rng.choice(talk.SAYINGS))
        for _ in range(edits):
            path, splice, version = self._copy.edit(stamp, rng.randrange(8, 18 + int(24 * session.progress)))
            if splice.before is not None:
                self._say(session, "read", path=path, splice=splice)
                if rng.random() < 0.1:
                    self._say(session, "error", path=path, splice=splice)
            elif session.outcome != "success" and session.tool == "claude-code" and rng.random() < 0.1:
                self._say(session, "reject", path=path, splice=splice, text=rng.choice(talk.REASONS))
            self._say(session, "apply", path=path, splice=splice)
            self._copy.apply(path, version, splice)
        if rng.random() < 0.3:
            self._test(session, is_ok=False)
            self._rework(session, stamp)
        if session.outcome != "unclear":
            self._test(session, is_ok=is_green)

    def _rework(self, session: Session, stamp: int) -> None:
        """The agent replaces lines of its own: what stood there before never lands."""
        path, splice, version = self._copy.change_own(stamp)
        if splice is not None and version is not None:
            self._say(session, "read", path=path, splice=splice)
            self._say(session, "apply", path=path, splice=splice)
            self._copy.apply(path, version, splice)

    def _delegate(self, session: Session, stamp: int) -> None:
        path, splice, version = self._copy.new_file(stamp, is_test=True)
        step = self._say(session, "delegate", text=f"Write tests for {self._subject}")
        step.steps = [Step("prompt", step.at, text=step.text)]
        for kind in ("read", "apply", "finish"):
            self._pause(2_000, 30_000)
            target, known = self._copy.files()[0] if kind == "read" else (path, version)
            seen = Splice(known, 0, 0, ()) if kind == "read" else splice
            step.steps.append(Step(kind, self._clock, path=target, splice=seen, text="The tests are written."))
        self._copy.apply(path, version, splice)

    def _close(self, session: Session) -> None:
        rng = self._rng
        if session.outcome == "failure" and rng.random() < 0.4:
            self._say(session, "interrupt")
            return
        texts = talk.GIVING_UP if session.outcome == "failure" else talk.SUMMARIES
        self._say(session, "finish", text=rng.choice(texts))
        if session.outcome == "success" and rng.random() < 0.45:
            self._prompt(session, talk.CONFIRMATIONS)
            self._say(session, "finish", text="You're welcome.")

    def _finish_by_hand(self, stamp: int) -> None:
        """What people and formatters do to an agent's lines before they land."""
        rng = self._rng
        mine = [path for path, version in self._copy.files() if any(line.stamp == stamp for line in version.lines)]
        for path in mine:
            version = self._copy.file(path)
            if self._task.outcome == "failure":
                version = self._taken_over(path, version, stamp)
            elif rng.random() < 0.5:
                _, _splice, version = self._copy.change(path, self._person, rng.randrange(1, 4), stamp)
            if rng.random() < 0.2:
                version = without_function(version, stamp, rng)
            if rng.random() < 0.25:
                style = rng.randrange(2)
                version = Version(
                    [
                        line._replace(text=reformatted(line.text, style))
                        if line.stamp == stamp and line.kind == "unique"
                        else line
                        for line in version.lines
                    ]
                )
            self._copy.contents[path] = version

    def _taken_over(self, path: str, version: Version, stamp: int) -> Version:
        language = language_of(path)
        lines: list[Line] = []
        for line in version.lines:
            if line.stamp == stamp and line.kind == "unique" and self._rng.random() < 0.65:
                text, kind = self._scribe.statement(language, indent_of(line))
                lines.append(Line(text, self._person, kind))
            else:
                lines.append(line)
        return Version(lines)

    # Steps and commits

    def _pause(self, low: int, high: int) -> None:
        self._clock += self._rng.randrange(low, high)

    def _wait(self, low: int, high: int) -> None:
        self._pause(low * 1000, high * 1000)

    def _say(
        self,
        session: Session,
        kind: talk.StepKind,
        *,
        text: str = "",
        path: str = "",
        splice: Splice | None = None,
        command: str = "",
        is_ok: bool = True,
    ) -> Step:
        if session.steps:
            self._pause(2_000, 40_000)
        step = Step(kind, self._clock, text, path, splice, command, is_ok)
        session.steps.append(step)
        return step

    def _prompt(self, session: Session, texts: tuple[str, ...]) -> None:
        path, _ = self._rng.choice(self._copy.files())
        text = self._rng.choice(texts).format(title=self._subject.lower(), path=path)
        self._say(session, "prompt", text=text)

    def _test(self, session: Session, *, is_ok: bool) -> None:
        language = language_of(self._copy.files()[0][0])
        count = self._rng.randrange(3, 180)
        text = f"{count} passed" if is_ok else f"{self._rng.randrange(1, 4)} failed, {count} passed"
        self._say(session, "run", command=language.test_command, text=text, is_ok=is_ok)

    def _commit(self, work: Work, message: str, step: Step | None = None) -> None:
        changes = self._copy.commit()
        if changes:
            work.commits.append(Commit(self._clock // 1000, message, changes, step))
