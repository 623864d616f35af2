"""The life of one repository: tasks begin on branches, land in one of four ways, now and then are reverted.

Belongs here: the order of events, which files a task may touch, branches, pull requests and landings. Does not belong
here: what a task does to its files (`work`), or how the sessions of its tasks are written down.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.simulation.code import LANGUAGES, Coiner, Scribe, is_code
from pipelines.simulation.files import Line, Version, replaced, stamped
from pipelines.simulation.history import MAINLINE, History
from pipelines.simulation.notes import keeps_notes, note_of
from pipelines.simulation.organisation import DEPENDABOT, DEVIN, FORGE, HOUR_SECONDS, Identity, seconds_at
from pipelines.simulation.truth import Truth
from pipelines.simulation.work import Commit, Desk, Work

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from random import Random

    from pipelines.simulation.conversation import Session
    from pipelines.simulation.organisation import Organisation, Task

REMEMBERED = 40


@dataclass(slots=True)
class Request:
    """A task between its beginning and its landing."""

    task: Task
    work: Work
    claimed: tuple[str, ...]
    number: int
    base: str


@dataclass(slots=True)
class Landed:
    """What a landing changed, so that it can be taken back."""

    sha: str
    subject: str
    before: dict[str, Version | None]
    after: dict[str, Version | None]


class Mainline:
    """Makes one repository. `sessions` yields while the history grows; `truth` knows who wrote what."""

    def __init__(self, organisation: Organisation, index: int, path: Path, rng: Random) -> None:
        """Start the repository at `path`."""
        self.name = organisation.repositories[index]
        self.path = path
        self.truth = Truth()
        self.landings = 0
        self._organisation = organisation
        self._tasks = [task for task in organisation.tasks if task.repository == index]
        self._rng = rng
        self._languages = (LANGUAGES[index % len(LANGUAGES)], LANGUAGES[(index + 1) % len(LANGUAGES)])
        self._scribe = Scribe(rng, Coiner(index, len(organisation.repositories)))
        self._files: dict[str, Version] = {}
        self._claimed: set[str] = set()
        self._recent: deque[Landed] = deque(maxlen=REMEMBERED)
        self._notes: dict[str, str] = {}
        self._requests = 0
        self._tip = ""
        self._clock = seconds_at(organisation.start) - 24 * HOUR_SECONDS
        self._history = History(path)

    def run(self) -> Iterator[Session]:
        """Live through every task; yield each session when its branch is written."""
        try:
            self._found()
            open_requests: list[tuple[int, int, Request]] = []
            for task in self._tasks:
                while open_requests and open_requests[0][0] <= task.starts_at:
                    self._land(heapq.heappop(open_requests)[2])
                request = self._begin(task)
                if request is None:
                    continue
                if request.work.session:
                    yield request.work.session
                if request.work.commits:
                    heapq.heappush(open_requests, (task.lands_at, task.number, request))
            while open_requests:
                self._land(heapq.heappop(open_requests)[2])
            self._history.annotate(Identity("git-ai", "git-ai@example.com"), (self._clock, 0), self._notes)
        except BaseException:
            self._history.abandon()
            raise
        self._history.close()

    @property
    def commits(self) -> int:
        """How many commits were written, those of branches included."""
        return self._history.count

    def _found(self) -> None:
        founder = self._organisation.engineers[0]
        stamp = self.truth.stamp("human", "", founder.identity.email, "")
        generated = self.truth.stamp("generated", "", founder.identity.email, "")
        scribe, language = self._scribe, self._languages[0]
        self._versions = scribe.versions()
        changes: dict[str, Version | None] = {
            "README.md": Version(
                stamped([(f"# {self.name}", "unique"), ("", "common"), (scribe.title(), "unique")], stamp)
            ),
            language.manifest: Version(
                [
                    Line(language.pin.format(name=name, version=version), stamp, "unique")
                    for name, version in self._versions.items()
                ]
            ),
            language.lock: Version(
                [line for name, version in self._versions.items() for line in self._locked(name, version, generated)]
            ),
        }
        for _ in range(6):
            one = self._rng.choice(self._languages)
            changes[scribe.path(one)] = Version(stamped(scribe.module(one, self._rng.randrange(3, 7)), stamp))
        moment = (self._clock, founder.offset_minutes)
        self._advance(
            Commit(self._clock, f"Found {self.name}", changes),
            founder.identity,
            founder.identity,
            authored=moment,
            committed=moment,
        )

    def _locked(self, name: str, version: str, stamp: int) -> list[Line]:
        texts = (f"name: {name}", f"version: {version}", f"checksum: {name} {self._scribe.digest()}")
        return [Line(text, stamp, "unique") for text in texts]

    # Beginning

    def _begin(self, task: Task) -> Request | None:
        claimed = self._claim(task)
        if claimed is None:
            return None
        if task.kind == "revert":
            work = self._take_back(task)
        elif task.kind == "bump":
            work = self._bump(task, claimed)
        else:
            desk = Desk(
                task,
                claimed,
                self._languages,
                repository=self.name,
                rng=self._rng,
                scribe=self._scribe,
                truth=self.truth,
            )
            work = desk.work()
        if work is None:
            return None
        request = Request(
            task, work, tuple({path for commit in work.commits for path in commit.changes} | set(claimed)), 0, self._tip
        )
        if not work.commits:
            return request
        self._claimed.update(request.claimed)
        if task.way != "direct":
            self._requests += 1
            request.number = self._requests
            self._push_branch(request)
        if work.session and work.commits and request.number:
            work.session.pull_request = request.number
        return request

    def _claim(self, task: Task) -> dict[str, Version] | None:
        """Files that nobody else is working on; None when there are none to do the task with."""
        if task.kind == "bump":
            paths = [self._languages[0].manifest, self._languages[0].lock]
            return None if self._claimed.intersection(paths) else {path: self._files[path] for path in paths}
        if task.kind == "revert":
            return {}
        free = [path for path in self._files if path not in self._claimed]
        if task.kind == "generate":
            generated = [path for path in free if any(path.endswith(one.generated_suffix) for one in self._languages)]
            chosen = [self._rng.choice(generated)] if generated and self._rng.random() < 0.5 else []
            return {path: self._files[path] for path in chosen}
        free = [path for path in free if is_code(path)]
        if not free:
            return None
        count = 1 if task.kind == "rename" else self._rng.randrange(1, 4)
        return {path: self._files[path] for path in self._rng.sample(free, min(count, len(free)))}

    def _bump(self, task: Task, claimed: Mapping[str, Version]) -> Work:
        """Another version of one dependency, in the manifest and in the lock file."""
        language = self._languages[0]
        name = self._rng.choice(list(self._versions))
        old, new = self._versions[name], self._scribe.version()
        self._versions[name] = new
        bot = self.truth.stamp("automation", "dependabot", DEPENDABOT.email, "")
        generated = self.truth.stamp("generated", "dependabot", DEPENDABOT.email, "")
        manifest, lock = claimed[language.manifest], claimed[language.lock]
        at = next(index for index, line in enumerate(manifest.lines) if name in line.text)
        pin = Line(language.pin.format(name=name, version=new), bot, "unique")
        locked_at = next(index for index, line in enumerate(lock.lines) if name in line.text)
        changes: dict[str, Version | None] = {
            language.manifest: replaced(manifest, at, at + 1, [pin]),
            language.lock: replaced(lock, locked_at + 1, locked_at + 3, self._locked(name, new, generated)[1:]),
        }
        title = f"Bump {name} from {old} to {new}"
        signed = f"{title}\n\nSigned-off-by: dependabot[bot] <support@github.com>"
        return Work(title, [Commit(task.starts_at + 60, signed, changes)])

    def _take_back(self, task: Task) -> Work | None:
        """The revert of a recent landing whose files nobody has touched since."""
        possible = [
            landed
            for landed in self._recent
            if not self._claimed.intersection(landed.after)
            and not self._claimed.intersection(landed.before)
            and all(self._files.get(path) is version for path, version in landed.after.items())
        ]
        if not possible:
            return None
        landed = self._rng.choice(possible)
        self._recent.remove(landed)
        subject = f'Revert "{landed.subject}"'
        message = f"{subject}\n\nThis reverts commit {landed.sha}."
        return Work(subject, [Commit(task.starts_at + HOUR_SECONDS, message, dict(landed.before))])

    def _push_branch(self, request: Request) -> None:
        task, work = request.task, request.work
        reference = f"refs/pull/{request.number}/head"
        parent = request.base
        for commit in work.commits:
            moment = (commit.at, task.engineer.offset_minutes)
            commit.sha = parent = self._history.commit(
                reference,
                author=task.author,
                authored=moment,
                committer=task.author,
                committed=moment,
                message=commit.message,
                parents=[parent],
                changes=commit.changes,
            )
            if commit.step:
                commit.step.sha = commit.sha
        if keeps_notes(task, request.number):
            self._annotate(request, [(commit.sha, commit.changes) for commit in work.commits], self._files)

    # Landing

    def _land(self, request: Request) -> None:
        task, work = request.task, request.work
        self._claimed.difference_update(request.claimed)
        self._clock = max(self._clock + 1, task.lands_at)
        moment = (self._clock, task.reviewer.offset_minutes)
        whole: dict[str, Version | None] = {}
        for commit in work.commits:
            whole.update(commit.changes)
        whole = {path: version for path, version in whole.items() if version is not None or path in self._files}
        before = {path: self._files.get(path) for path in whole}
        subject = f"{work.title} (#{request.number})" if request.number else work.title
        if task.way == "merge":
            message = f"Merge pull request #{request.number} from example/{_branch(task)}\n\n{work.title}"
            person = task.reviewer.identity
            self._advance(
                Commit(self._clock, message, whole),
                person,
                FORGE,
                authored=moment,
                committed=moment,
                merged=work.commits[-1].sha,
            )
            return
        if task.way == "squash":
            items = "\n\n".join(f"* {commit.message.splitlines()[0]}" for commit in work.commits)
            message = "\n\n".join([subject, items, *work.trailers])
            landed = [Commit(self._clock, message, whole)]
        else:
            landed = work.commits
        ids: list[str] = []
        for commit in landed:
            is_squash = task.way == "squash"
            authored = (self._clock if is_squash else commit.at, task.engineer.offset_minutes)
            # A direct push is rebased by its author just before it; a request is landed by the forge.
            committer = FORGE if request.number else task.author
            ids.append(
                self._advance(commit, task.author, committer, authored=authored, committed=(self._clock, moment[1]))
            )
            self._clock += 1
        if keeps_notes(task, request.number, is_landing=True):
            self._annotate(request, list(zip(ids, (commit.changes for commit in landed), strict=True)), before)
        if len(ids) == 1 and task.kind in ("feature", "move"):
            self._recent.append(Landed(ids[0], subject, before, whole))

    def _advance(
        self,
        commit: Commit,
        author: Identity,
        committer: Identity,
        *,
        authored: tuple[int, int],
        committed: tuple[int, int],
        merged: str = "",
    ) -> str:
        """Write the next first-parent commit of the mainline."""
        self._tip = self._history.commit(
            MAINLINE,
            author=author,
            authored=authored,
            committer=committer,
            committed=committed,
            message=commit.message,
            parents=[parent for parent in (self._tip, merged) if parent],
            changes=commit.changes,
        )
        for path, version in commit.changes.items():
            if version is None:
                del self._files[path]
            else:
                self._files[path] = version
        self.truth.land(self._tip, commit.changes)
        self.landings += 1
        return self._tip

    def _annotate(
        self,
        request: Request,
        commits: list[tuple[str, dict[str, Version | None]]],
        before: Mapping[str, Version | None],
    ) -> None:
        """Keep a note for each commit; `before` holds the files as they stood before the first of them."""
        known = {path: before.get(path) for _, changes in commits for path in changes}
        for sha, changes in commits:
            note = note_of(
                self._rng,
                sha,
                changes,
                before=known,
                engineer=request.task.engineer,
                session=request.work.session,
                stamps=self.truth.stamps,
            )
            if note:
                self._notes[sha] = note
            known.update(changes)


def _branch(task: Task) -> str:
    return {DEVIN: f"devin/{task.starts_at}-work", DEPENDABOT: "dependabot/update"}.get(
        task.author, f"work/{task.number}"
    )
