"""Read one repository into the lake: new commits alone, one year's partition after the other.

Belongs here: the order of work of an ingestion and the rows that it writes. Does not belong here: how git is run
(`isolation.py`), how objects, diffs, marks and notes are parsed (their modules), or what any of it means.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from pipelines.sources.git.diffs import read_diffs
from pipelines.sources.git.graph import find_new_commits
from pipelines.sources.git.isolation import Git, GitError
from pipelines.sources.git.marks import Rules, load_rules
from pipelines.sources.git.mirror import mirror
from pipelines.sources.git.notes import read_notes
from pipelines.sources.git.objects import Commit, read_commits, read_objects
from pipelines.sources.git.rows import EPOCH, change_rows, commit_rows, mark_rows, name_path
from pipelines.sources.git.source import (
    NOTES_REF,
    RepositoryError,
    Source,
    find_source,
    read_boundary,
    resolve,
    stamp_objects,
)
from pipelines.sources.git.state import Failure, RepositoryRead, load_read, save_read
from schemas import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from pipelines.config import Repository
    from pipelines.identities import Identities
    from pipelines.lake import Lake
    from pipelines.progress import Progress
    from pipelines.sources.git.changes import Changes

# Raise it when what is read of a commit changes: everything is then read again.
READER_VERSION = "1"
_NOTE_ROWS = 1 << 16
_UNBORN = "the mainline has no commit yet"


def ingest_repository(
    repository: Repository, lake: Lake, identities: Identities, *, state: Path, jobs: int, progress: Progress
) -> RepositoryRead:
    """Bring the lake up to date with a repository. A repository that cannot be read is `refused`, never an exception.

    What was read before stays in the lake when a later reading is refused.
    """
    before = load_read(state, repository)
    try:
        source = find_source(repository.path)
        head = resolve(source, repository.mainline)
        read = _Ingestion(repository, lake, identities, state, jobs, progress).run(source, head, before)
    except (RepositoryError, GitError, OSError) as error:
        reason = error.reason if isinstance(error, RepositoryError) else type(error).__name__
        detail = error.strerror or "input/output error" if isinstance(error, OSError) else str(error)
        progress.warn(f"{repository.name}: refused: {detail}")
        rows = [{"source": "git", "path": repository.name, "position": "", "reason": reason, "detail": detail}]
        lake.write("quarantine", pl.DataFrame(rows), {"source": "git", "repo": repository.name})
        read = replace(load_read(state, repository), status="refused", error=detail, commits_new=0, lines_new=0)
    save_read(state, read)
    return read


class _Ingestion:
    """One repository's reading; holds what its steps share."""

    def __init__(
        self, repository: Repository, lake: Lake, identities: Identities, state: Path, jobs: int, progress: Progress
    ) -> None:
        self.repository = repository
        self.repo = repository.name
        self.lake = lake
        self.identities = identities
        self.state = state
        self.jobs = jobs
        self.progress = progress
        self.rules: Rules = load_rules()
        self.people: set[tuple[str, str, str]] = set()
        self.quarantined: dict[tuple[str, str], str] = {}

    def run(self, source: Source, head: str | None, before: RepositoryRead) -> RepositoryRead:
        version = f"{READER_VERSION}-{self.rules.version}"
        notes = resolve(source, NOTES_REF)
        boundary = read_boundary(source)
        objects = stamp_objects(source)
        is_mendable = bool(before.failed) and before.objects != objects
        # Somebody may have removed the lake and left the state: what it no longer holds is read again.
        is_gone = bool(before.commits) and not self.lake.files("git_commits", {"repo": self.repo})
        if before.reader_version != version or before.boundary != boundary or is_mendable or is_gone:
            before = self._forget(before)
        is_current = before.head_sha == head and before.notes_sha == notes and before.reader_version == version
        if is_current and not before.is_partway:
            is_whole = not (boundary or before.failed)
            error = _explain(boundary, before.failed) if head else _UNBORN
            if before.status == "refused":
                self._write_quarantine(before.failed, boundary)  # it can be read again
            return replace(
                before, status="ok" if is_whole else "partial", error=error, objects=objects, commits_new=0, lines_new=0
            )
        if head is None:
            self._write_quarantine((), ())
            return replace(self._forget(before), notes_sha=notes, reader_version=version, error=_UNBORN)
        save_read(self.state, replace(before, is_partway=True))
        with Git(self._verify(source, [head, notes]), self.state, len(head)) as git:
            lines_new, commits_new, total = self._read_history(git, head, before)
            if before.notes_sha != notes or before.is_partway:
                self._read_notes(git, notes)
            self._keep_mailmap(git, head)
        self.identities.remember(self.people)
        if before.failed:  # nothing has come that could mend them: they stay as they were
            self.quarantined |= {(position, reason): detail for position, reason, detail in before.failed}
        failed = tuple((position, reason, detail) for (position, reason), detail in sorted(self.quarantined.items()))
        self._write_quarantine(failed, boundary)
        return RepositoryRead(
            repo=self.repo,
            path=before.path,
            mainline=before.mainline,
            head_sha=head,
            status="partial" if boundary or failed else "ok",
            error=_explain(boundary, failed),
            reader_version=version,
            notes_sha=notes,
            objects=objects,
            boundary=boundary,
            failed=failed,
            commits=total,
            commits_new=commits_new,
            lines_new=lines_new,
        )

    def _write_quarantine(self, failed: tuple[Failure, ...], boundary: tuple[str, ...]) -> None:
        rows = [("git", self.repo, *failure) for failure in failed]
        mend = "its parents are not in this shallow clone, so its lines are unknown; run `git fetch --unshallow`"
        rows += [("git", self.repo, sha, "shallow_boundary", mend) for sha in boundary]
        frame = pl.DataFrame(rows, schema=TABLES["quarantine"].polars_schema, orient="row").sort("position", "reason")
        self.lake.write("quarantine", frame, {"source": "git", "repo": self.repo})

    def _verify(self, source: Source, tips: list[str | None]) -> Source:
        """The verified copy where the configuration asks for one, the source itself otherwise."""
        if self.repository.isolation != "mirror":
            return source
        try:
            return mirror(source, self.repo, [tip for tip in tips if tip], self.state)
        except GitError:
            mend = "no verified copy could be made, so it was read in place; run `git fsck` in it"
            self._quarantine("", "unverified", mend)
            return source

    def _forget(self, before: RepositoryRead) -> RepositoryRead:
        fresh = RepositoryRead(before.repo, before.path, before.mainline)
        save_read(self.state, fresh)  # before anything is removed: a run may end here
        for table in ("git_commits", "git_changes", "git_lines", "git_marks", "git_notes"):
            self.lake.remove(table, {"repo": self.repo})
        return fresh

    def _read_history(self, git: Git, head: str, before: RepositoryRead) -> tuple[int, int, int]:
        """Read new commits and drop those that history has lost. Returns lines, new commits, all commits."""
        known = self.lake.read("git_commits", {"repo": self.repo}).select("commit_sha", "committed_at")
        held = set(known["commit_sha"]) if before.is_partway else None
        new, gone = find_new_commits(git, head, before.head_sha, held, self._quarantine)
        if gone is None:  # the old tip cannot be followed any more
            self._forget(before)
            known, gone = known.clear(), set()
        commits = list(read_commits(git, sorted(new), self._quarantine))
        years: dict[str, list[Commit]] = defaultdict(list)
        for commit in commits:
            years[_year_of(commit.committed_at)].append(commit)
        lost: dict[str, set[str]] = defaultdict(set)
        for sha, at in known.filter(pl.col("commit_sha").is_in(sorted(gone))).iter_rows():
            lost["none" if at is None else str(at.year)].add(sha)
        trees = self._find_trees(git, commits)
        task = f"{self.repo}: commits"
        self.progress.start(task, len(commits))
        lines_new = 0
        touched = {*years, *lost}
        if before.is_partway:  # any year may have been left half written
            touched.update("none" if at is None else str(at.year) for at in known["committed_at"])
            self._drop_years_but(touched)
        for year in sorted(touched):
            ordered = sorted(years[year], key=lambda commit: (commit.committed_at or 0, commit.sha))
            lines_new += self._write_year(git, year, ordered, lost[year], trees, task)
        self.progress.finish(task)
        # A run that was cut short may have left some of the new commits behind: they are new, not known.
        kept = known.filter(~pl.col("commit_sha").is_in(sorted(gone | new)))
        return lines_new, len(commits), kept.height + len(commits)

    def _drop_years_but(self, years: set[str]) -> None:
        """Remove the partitions of other years: a reading that was cut short left them, and nothing reaches them."""
        for table in ("git_commits", "git_changes", "git_lines", "git_marks"):
            kept = {self.lake.file_of(table, {"repo": self.repo, "year": year}) for year in years}
            for file in self.lake.files(table, {"repo": self.repo}):
                if file not in kept:
                    self.lake.remove_file(file)

    def _quarantine(self, position: str, reason: str, detail: str) -> None:
        self.quarantined[position, reason] = detail

    def _find_trees(self, git: Git, commits: list[Commit]) -> dict[str, str]:
        """Tree of every commit and first parent."""
        trees = {commit.sha: commit.tree for commit in commits}
        whole = (commit for commit in commits if commit.parents and commit.sha not in git.boundary)
        missing = sorted({commit.parents[0] for commit in whole} - set(trees))
        return trees | {commit.sha: commit.tree for commit in read_commits(git, missing, self._quarantine)}

    def _write_year(
        self, git: Git, year: str, commits: list[Commit], lost: set[str], trees: dict[str, str], task: str
    ) -> int:
        readable: list[Commit] = []
        pairs: list[tuple[str, str]] = []
        for commit in commits:
            if commit.sha in git.boundary:
                continue
            old = trees.get(commit.parents[0]) if commit.parents else git.empty_tree
            if old is None:
                self._quarantine(
                    commit.sha,
                    "missing_parent",
                    "its first parent cannot be read, so its lines are unknown; fetch it again",
                )
                continue
            readable.append(commit)
            pairs.append((old, commit.tree))
        diffs = read_diffs(git, pairs, self.jobs, lambda amount: self.progress.advance(task, amount))
        mend = "the file's content is not in this clone, so its lines are unknown; fetch it again without a filter"
        for pair, path in diffs.missing:
            self._quarantine(f"{readable[pair].sha}:{name_path(path)}", "missing_content", mend)
        is_first = self._find_first(diffs.changes, [commit.sha for commit in readable])
        if not is_first.all():
            diffs.changes = diffs.changes.only(is_first)
        mend = "git could not compare it with its parent; run `git fsck` and fetch it again"
        for pair in diffs.failed:
            self._quarantine(readable[pair].sha, "unreadable_diff", mend)
        partition = {"repo": self.repo, "year": year}
        # A run that was cut short may have left some of the new commits behind: they are replaced, not added.
        stale = pl.col("commit_sha").is_in(sorted(lost | {commit.sha for commit in commits}))
        old = self.lake.read("git_commits", partition)
        kept = old.filter(~stale)
        if kept.height < old.height:  # first, so that no commit is ever listed without its lines
            self.lake.write("git_commits", kept, partition)
        rows = pl.concat([kept, commit_rows(self.repo, commits, git.boundary, self._remember)])
        rows = rows.sort(pl.col("committed_at").fill_null(EPOCH), "commit_sha")
        ranks = rows.select("commit_sha").with_row_index("rank")
        self._write_changes(
            partition, ranks, self.lake.read("git_changes", partition).filter(~stale), readable, diffs.changes
        )
        marks = pl.concat(
            [
                self.lake.read("git_marks", partition).filter(~stale),
                mark_rows(self.repo, commits, self.rules, self.identities, self._remember),
            ]
        )
        marks = marks.sort(TABLES["git_marks"].key, nulls_last=False)
        self.lake.write("git_marks", marks, partition)
        self.lake.write("git_commits", rows, partition)
        return int(diffs.changes.hash.size)

    def _find_first(self, changes: Changes, shas: list[str]) -> NDArray[np.bool_]:
        """Whether a change is the first of its commit and path: trees are found that name one path twice."""
        seen: set[tuple[int, str]] = set()
        is_first = np.ones(len(changes.path), np.bool_)
        for row, (pair, path) in enumerate(zip(changes.pair.tolist(), changes.path, strict=True)):
            place = pair, name_path(path)
            is_first[row] = place not in seen
            if place in seen:
                mend = "its tree names the path twice, so the second is left out; run `git fsck`"
                self._quarantine(f"{shas[pair]}:{place[1]}", "doubled_path", mend)
            seen.add(place)
        return is_first

    def _remember(self, name: str, email: str) -> str:
        identity = self.identities.identity_of(name, email)
        self.people.add((identity, name, email))
        return identity

    def _write_changes(
        self, partition: dict[str, str], ranks: pl.DataFrame, kept: pl.DataFrame, commits: list[Commit], found: Changes
    ) -> None:
        """Merge the new changes of a year with those that are kept, in the order of their commits."""
        changes, lines = change_rows(self.repo, [commit.sha for commit in commits], found)
        changes = pl.concat([kept, changes]).join(ranks, on="commit_sha", how="inner", maintain_order="left")
        changes = changes.sort("rank", "path")
        order = changes.select("change_id").with_row_index("order")
        # Those of the new commits go, too: a run that was cut short may have left them.
        known = self.lake.read("git_lines", partition).join(kept, on="change_id", how="semi", maintain_order="left")
        lines = pl.concat([known, lines]).join(order, on="change_id", how="inner", maintain_order="left")
        lines = lines.sort("order", maintain_order=True)
        self.lake.write("git_changes", changes.drop("rank"), partition)
        self.lake.write("git_lines", lines.drop("order"), partition)

    def _read_notes(self, git: Git, tip: str | None) -> None:
        rows = (
            (self.repo, a.commit, a.path, a.position, a.author_class, a.tool, a.model or None, a.first, a.last)
            for a in (read_notes(git, tip, self._quarantine) if tip else ())
        )
        schema = TABLES["git_notes"].polars_schema
        parts = [pl.DataFrame(part, schema=schema, orient="row") for part in _batched(rows, _NOTE_ROWS)]
        frame = pl.concat([TABLES["git_notes"].empty(), *parts]).sort("commit_sha", "position", "first_line", "path")
        self.lake.write("git_notes", frame, {"repo": self.repo})

    def _keep_mailmap(self, git: Git, head: str) -> None:
        """The mailmap names people, so it is kept with the identities."""
        try:
            entry = git.run("ls-tree", "-z", head, "--", ".mailmap").split(b"\t")[0].split()
        except GitError:
            mend = "the tip's tree cannot be read, so its mailmap is as it was; run `git fsck` and fetch it again"
            self._quarantine(head, "unreadable_mailmap", mend)
            return
        content = b""
        if len(entry) == 3 and entry[0].startswith(b"100"):
            [(_, _, blob)] = read_objects(git, [entry[2].decode()])
            content = blob or b""
        self.identities.keep_mailmap(self.repo, content)


def _batched(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(rows)
    while part := list(islice(iterator, size)):
        yield part


def _year_of(seconds: int | None) -> str:
    return "none" if seconds is None else str((EPOCH + timedelta(seconds=seconds)).year)


def _explain(boundary: tuple[str, ...], failed: tuple[Failure, ...]) -> str | None:
    parts: list[str] = []
    if boundary:
        parts.append(
            f"the clone is shallow at {len(boundary)} commits, whose lines are unknown: run `git fetch --unshallow`"
        )
    if failed:
        parts.append(f"{len(failed)} object{'s' if len(failed) > 1 else ''} could not be read; quarantine names what")
    return "; ".join(parts) or None
