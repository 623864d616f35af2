"""Real git repositories for tests, object by object: exact bytes, fixed dates, no child process to make them.

Objects are written loose and by hand, so that a test can make what no git command would; `Repository.git` runs the real
git on the result, apart from any configuration of the machine.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import zlib
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from kernels.lines import hash_text
from pipelines import config
from pipelines.identities import Identities
from pipelines.lake import Lake
from pipelines.progress import SilentProgress
from pipelines.sources.git import RepositoryRead, ingest_repository
from pipelines.stages.histories import Computed, Rules, build_histories, build_identities
from pipelines.stages.ledger import Ledger, build_ledger
from schemas import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

START = int(datetime(2026, 3, 2, 9, tzinfo=UTC).timestamp())
HOUR, DAY = 3600, 86400
MAIN, NOTES = "refs/heads/main", "refs/notes/ai"
ADA = "Ada Example <ada@example.com>"
BO = "Bo Example <bo@example.com>"
CY = "Cy Example <cy@example.com>"
FORGE = "GitHub <noreply@github.com>"
CLAUDE = "Claude <noreply@anthropic.com>"
DEVIN = "devin-ai-integration[bot] <158243242+devin-ai-integration[bot]@users.noreply.github.com>"
MERGED_AT = START + 60 * DAY
DEPENDABOT = "dependabot[bot] <49699333+dependabot[bot]@users.noreply.github.com>"


@dataclass(frozen=True)
class Entry:
    """A path of a tree that is no plain file."""

    mode: int
    content: bytes


def link(target: str) -> Entry:
    return Entry(0o120000, target.encode())


def executable(text: str | bytes) -> Entry:
    return Entry(0o100755, text.encode() if isinstance(text, str) else text)


def submodule(sha: str) -> Entry:
    return Entry(0o160000, bytes.fromhex(sha))


Content = str | bytes | Entry | None
Snapshot = dict[bytes, tuple[int, str]]


def environment() -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "LC_ALL": "C",
        "TZ": "UTC",
    }


class Repository:
    """A repository at `path`: bare, or with its git directory in `.git`."""

    def __init__(self, path: Path, *, bare: bool = True, sha256: bool = False) -> None:
        self.path = path
        self.git_dir = path if bare else path / ".git"
        self.sha256 = sha256
        self.clock = START
        self._snapshots: dict[str, Snapshot] = {}
        for folder in ("objects/pack", "objects/info", "refs/heads"):
            (self.git_dir / folder).mkdir(parents=True)
        (self.git_dir / "HEAD").write_text(f"ref: {MAIN}\n")
        version = "1\n[extensions]\n\tobjectFormat = sha256" if sha256 else "0"
        shape = "true" if bare else "false"
        (self.git_dir / "config").write_text(
            f"[core]\n\trepositoryformatversion = {version}\n[core]\n\tbare = {shape}\n"
        )

    # objects

    def write(self, kind: str, content: bytes) -> str:
        """Write a loose object and return its id."""
        stored = f"{kind} {len(content)}\0".encode() + content
        sha = (hashlib.sha256 if self.sha256 else hashlib.sha1)(stored).hexdigest()
        file = self.object_file(sha)
        if not file.exists():
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(zlib.compress(stored, 1))
        return sha

    def object_file(self, sha: str) -> Path:
        return self.git_dir / "objects" / sha[:2] / sha[2:]

    def write_tree(self, snapshot: Snapshot) -> str:
        """Write the tree of a snapshot, its folders included."""
        folders: dict[bytes, Snapshot] = {}
        entries: list[tuple[bytes, int, str]] = []
        for path, (mode, sha) in snapshot.items():
            name, slash, rest = path.partition(b"/")
            if slash:
                folders.setdefault(name, {})[rest] = mode, sha
            else:
                entries.append((name, mode, sha))
        entries += [(name, 0o40000, self.write_tree(inner)) for name, inner in folders.items()]
        entries.sort(key=lambda entry: entry[0] + (b"/" if entry[1] == 0o40000 else b""))
        return self.write(
            "tree", b"".join(b"%o %s\0" % (mode, name) + bytes.fromhex(sha) for name, mode, sha in entries)
        )

    def commit(
        self,
        files: Mapping[str | bytes, Content] | None = None,
        *parents: str,
        message: str | bytes = "Work",
        author: str | bytes = ADA,
        committer: str | bytes | None = None,
        authored: str | None = None,
        at: int | None = None,
        merge_base: str | None = None,
        headers: bytes = b"",
        ref: str | None = MAIN,
    ) -> str:
        """Commit on the first parent's files with `files` changed (None removes one), and move `ref`.

        Without parents: on what `ref` points to, or a root where it points nowhere. With `merge_base`, what the other
        parents changed since then comes in first. `at` is the committer's time, by default an hour after the last;
        `authored` the author's as it stands in the object.
        """
        if not parents and ref and (tip := self.tip(ref)):
            parents = (tip,)
        snapshot = dict(self._snapshots[parents[0]]) if parents else {}
        base = self._snapshots[merge_base] if merge_base else {}
        for other in parents[1:] if merge_base else ():
            theirs = self._snapshots[other]
            for path in {path for path in {*base, *theirs} if base.get(path) != theirs.get(path)}:
                snapshot.pop(path, None)
                if path in theirs:
                    snapshot[path] = theirs[path]
        for name, content in (files or {}).items():
            path = os.fsencode(name)
            snapshot.pop(path, None)
            if content is not None:
                snapshot[path] = self._store(content)
        self.clock = self.clock + HOUR if at is None else at
        sha = self.write_commit(
            self.write_tree(snapshot), parents, message, author, committer or author, authored or f"{self.clock} +0000",
            f"{self.clock} +0000", headers,
        )  # fmt: skip
        self._snapshots[sha] = snapshot
        if ref:
            self.point(ref, sha)
        return sha

    def root(self, files: Mapping[str | bytes, Content] | None = None, **options: object) -> str:
        """A commit without parents, on no branch."""
        return self.commit(files, ref=None, **options)  # type: ignore[arg-type]

    def write_commit(
        self,
        tree: str,
        parents: Sequence[str],
        message: str | bytes,
        author: str | bytes,
        committer: str | bytes,
        authored: str,
        committed: str,
        headers: bytes = b"",
    ) -> str:
        lines = [b"tree " + tree.encode(), *(b"parent " + parent.encode() for parent in parents)]
        lines += [b"author %s %s" % (_bytes(author), authored.encode())]
        lines += [b"committer %s %s" % (_bytes(committer), committed.encode())]
        return self.write("commit", b"\n".join(lines) + b"\n" + headers + b"\n" + _bytes(message))

    def _store(self, content: Content) -> tuple[int, str]:
        if isinstance(content, Entry):
            if content.mode == 0o160000:
                return content.mode, content.content.hex()
            return content.mode, self.write("blob", content.content)
        return 0o100644, self.write("blob", _bytes(content or b""))

    def blob_of(self, commit: str, path: str) -> str:
        return self._snapshots[commit][path.encode()][1]

    def tree_of(self, commit: str) -> str:
        return self.write_tree(self._snapshots[commit])

    def annotate(self, notes: Mapping[str, str | bytes], *, fan_out: bool = False) -> str:
        """Replace `refs/notes/ai` with one note per commit, or per path of the notes' tree."""
        named = {commit[:2] + "/" + commit[2:] if fan_out else commit: text for commit, text in notes.items()}
        return self.commit(dict(named), message="Notes", ref=NOTES)

    # refs

    def point(self, ref: str, sha: str) -> None:
        file = self.git_dir / ref
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(sha + "\n")

    def tip(self, ref: str = MAIN) -> str | None:
        file = self.git_dir / ref
        return file.read_text().strip() if file.exists() else None

    def git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """What the real git prints about this repository."""
        done = subprocess.run(
            ["git", "--no-pager", f"--git-dir={self.git_dir}", *arguments],
            input=stdin, capture_output=True, check=False, env=environment(), cwd=self.path, timeout=60,
        )  # fmt: skip
        if done.returncode:
            raise AssertionError(f"git {arguments[0]}: {done.stderr.decode(errors='replace')}")
        return done.stdout

    def numstat(self, *arguments: str) -> Counter[tuple[str, bytes, int, int]]:
        """(commit, path, added, deleted) of `git log --numstat`; binary files count -1."""
        output = self.git("log", "-z", "--numstat", "--format=%x01%H", *arguments)
        found: Counter[tuple[str, bytes, int, int]] = Counter()
        for part in output.split(b"\x01")[1:]:
            words = iter(part.strip(b"\0").split(b"\0"))
            commit = next(words).decode().strip()
            for word in words:
                row = word.lstrip(b"\n")
                if row:
                    added, deleted, path = row.split(b"\t", 2)
                    if not path:
                        next(words)
                        path = next(words)
                    found[commit, path, _count(added), _count(deleted)] += 1
        return found


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def _count(word: bytes) -> int:
    return -1 if word == b"-" else int(word)


class Workshop:
    """An `out` folder, and the pipeline's steps over it as far as git goes."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.lake = Lake(out / "lake")
        self.identities = Identities(out / "identities")
        self.state = out / "state"

    def ingest(self, source: Repository | Path, name: str = "app", *, jobs: int = 1, **options: str) -> RepositoryRead:
        path = source if isinstance(source, Path) else source.path
        repository = config.Repository(path=path, name=name, **options)  # type: ignore[arg-type]
        return ingest_repository(
            repository, self.lake, self.identities, state=self.state, jobs=jobs, progress=SilentProgress()
        )

    def build(self, *sources: Repository, ledger: Ledger | None = None, **rules: object) -> Computed:
        """Ingest the repositories, named app, app2, ..., and compute their histories."""
        named = [
            config.Repository(path=source.path, name=f"app{number or ''}") for number, source in enumerate(sources)
        ]
        reads = [self.ingest(source, item.name) for source, item in zip(sources, named, strict=True)]
        decisions = Rules(**{"aliases": {}, **rules})  # type: ignore[arg-type]
        build_identities(reads, self.lake, self.identities, decisions)
        return build_histories(
            named, reads, ledger or build_ledger(self.lake), self.lake, self.identities, decisions, code_version="1",
            progress=SilentProgress(),
        )  # fmt: skip

    def rows(self, table: str, *columns: str) -> list[tuple]:
        frame = self.lake.read(table)
        return sorted(frame.select(columns or frame.columns).rows(), key=repr)

    def engineer(self, person: str) -> str:
        """The pseudonym of `Name <email>`."""
        return self.identities.pseudonym("engineer", person.partition("<")[2].rstrip(">").lower())

    def quarantine(self) -> list[tuple[str, str]]:
        return sorted(self.lake.read("quarantine").select("reason", "position").rows())

    def per_engineer(self, landing: str | None = None) -> dict[str, int]:
        """Merged lines by engineer's mail name."""
        merged = self.lake.read("merged_lines")
        if landing:
            merged = merged.filter(pl.col("landing_sha") == landing)
        names = {self.engineer(person): person.split()[0] for person in (ADA, BO, CY, CLAUDE, DEVIN, FORGE, DEPENDABOT)}
        sums = merged.group_by("engineer_id").agg(pl.col("lines_raw").sum())
        return {names[engineer]: lines for engineer, lines in sums.rows()}

    def classes(self, landing: str | None = None) -> dict[tuple[str, str], int]:
        """Lines by class and evidence."""
        merged = self.lake.read("merged_lines")
        if landing:
            merged = merged.filter(pl.col("landing_sha") == landing)
        rows = merged.group_by("author_class", "evidence").agg(pl.col("lines_raw").sum()).rows()
        return {(author, evidence): lines for author, evidence, lines in rows}


def code(word: str, count: int) -> str:
    """So many different lines with content."""
    return "".join(f"{word} = {number}\n" for number in range(count))


def note(attested: str) -> str:
    """An authorship note in which 0123456 is Cursor with gpt-5."""
    return f"{attested}---\n" + '{"prompts":{"0123456":{"agent_id":{"tool":"cursor","model":"gpt-5"}}}}'


def ledger(identities: Identities, *writes: tuple[str, str, str, int], place: str = "/home/ada/app") -> Ledger:
    """Edits (session, path, text, seconds after the merge) as the ledger holds them."""
    edits, lines = [], []
    for number, (session, path, text, after) in enumerate(writes, 1):
        places, names = identities.place_keys(place)
        hashes, shapes = hash_text(text.encode())
        edits.append(
            {
                "file_id": "f", "session_id": session, "record_id": str(number), "edit_id": number, "position": number,
                "edited_at": datetime.fromtimestamp(MERGED_AT + after, UTC), "tool": "claude-code", "model": "claude-opus-5",
                "path_keys": identities.path_keys(f"{place}/{path}"), "place": places, "place_names": names,
                "lines_written": hashes.size,
            }
        )  # fmt: skip
        lines += [
            (number, row, *pair) for row, pair in enumerate(zip(hashes.tolist(), shapes.tolist(), strict=True), 1)
        ]
    return Ledger(
        sessions=TABLES["sessions"].empty(),
        events=TABLES["session_events"].empty(),
        edits=pl.DataFrame(edits, schema=TABLES["session_edits"].polars_schema),
        lines=pl.DataFrame(lines, schema=TABLES["session_lines"].polars_schema, orient="row"),
    )
