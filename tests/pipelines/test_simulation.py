"""The simulated organisation: deterministic, sound in git's eyes, and true to its own truth."""

from __future__ import annotations

import csv
import json
import re
import tomllib
from collections import Counter, defaultdict
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from pipelines.simulation import Summary, simulate
from pipelines.simulation.code import LANGUAGES, Coiner, Scribe
from pipelines.simulation.edits import WorkingCopy
from pipelines.simulation.files import Version, stamped
from pipelines.simulation.history import HistoryError, run_git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE = {"seed": 7, "engineers": 6, "days": 75}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    target = tmp_path_factory.mktemp("simulation") / "organisation"
    return target, simulate(target, **SIZE)


@pytest.fixture(scope="module")
def folder(made: tuple[Path, Summary]) -> Path:
    return made[0]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def git(repository: Path, *arguments: str) -> str:
    return run_git(f"--git-dir={repository}", *arguments).decode()


def repositories(folder: Path) -> list[Path]:
    return sorted((folder / "repositories").glob("*.git"))


def records_of(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted((folder / "sessions").rglob("*.jsonl")):
        for line in path.read_bytes().split(b"\n")[:-1]:
            yield path, json.loads(line)


def normalised(text: str) -> str:
    return re.sub(r"\s+", " ", text.strip()).replace("'", '"').lower()


def is_told(text: str) -> bool:
    return sum(character.isalnum() for character in text) > 3


def test_same_arguments_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    simulate(tmp_path / "again", **SIZE)
    first, second = bytes_of(folder), bytes_of(tmp_path / "again")
    assert first.keys() == second.keys()
    assert [path for path, data in first.items() if data != second[path]] == []


def test_another_seed_gives_another_organisation(folder: Path, tmp_path: Path) -> None:
    simulate(tmp_path / "other", **(SIZE | {"seed": 8}))
    for here, there in zip(repositories(folder), repositories(tmp_path / "other"), strict=True):
        assert git(here, "rev-parse", "main") != git(there, "rev-parse", "main")


def test_git_finds_nothing_wrong(folder: Path) -> None:
    for repository in repositories(folder):
        assert git(repository, "fsck", "--strict", "--no-dangling") == ""
        assert git(repository, "symbolic-ref", "HEAD").strip() == "refs/heads/main"


def test_truth_has_each_added_line_that_git_counts(folder: Path, made: tuple[Path, Summary]) -> None:
    truth = Counter((row["repo"], row["landing_sha"], row["path"]) for row in rows_of(folder / "truth" / "lines.csv"))
    counted: Counter[tuple[str, str, str]] = Counter()
    landings = 0
    for repository in repositories(folder):
        sha = ""
        log = git(repository, "log", "--first-parent", "-m", "--numstat", "-z", "--format=commit %H", "main")
        fields = iter(log.split("\0"))
        for field in fields:
            text = field.strip("\n")
            if text.startswith("commit "):
                sha, _, text = text.removeprefix("commit ").partition("\n")
                landings += 1
                text = text.strip("\n")
            if not text:
                continue
            added, _, path = text.split("\t")
            if not path:
                next(fields)
                path = next(fields)
            if int(added):
                counted[repository.stem, sha, path] += int(added)
    assert truth == counted
    assert made[1].landings == landings
    assert made[1].lines == truth.total()


def test_lines_that_agents_wrote_stand_in_their_sessions(folder: Path) -> None:
    written: dict[str, set[str]] = defaultdict(set)
    for path, record in records_of(folder):
        result = record.get("toolUseResult")
        if isinstance(result, dict) and "filePath" in result:
            text = result.get("content") or result["newString"]
            written[record["sessionId"]].update(map(normalised, text.split("\n")))
        payload = record.get("payload", {})
        for change in payload.get("changes", {}).values():
            lines = change.get("content", "").split("\n") + [
                line[1:] for line in change.get("unified_diff", "").split("\n") if line.startswith("+")
            ]
            written[path.stem[-36:]].update(map(normalised, lines))
    checked = 0
    for repository in repositories(folder):
        texts: dict[tuple[str, str], list[str]] = {}
        for row in rows_of(folder / "truth" / "lines.csv"):
            if row["repo"] != repository.stem or row["author_class"] != "ai" or not row["session_id"]:
                continue
            key = row["landing_sha"], row["path"]
            if key not in texts:
                texts[key] = git(repository, "show", f"{key[0]}:{key[1]}").split("\n")
            text = normalised(texts[key][int(row["line"]) - 1])
            if is_told(text):
                assert text in written[row["session_id"]]
                checked += 1
    assert checked > 500


def test_human_lines_stand_in_no_session(folder: Path) -> None:
    words = {
        word
        for _, record in records_of(folder)
        if isinstance(result := record.get("toolUseResult"), dict) and "filePath" in result
        for text in (result.get("content") or result["newString"]).split("\n")
        if (word := normalised(text)) and len(word) > 20
    }
    repository = repositories(folder)[0]
    people = [row for row in rows_of(folder / "truth" / "lines.csv") if row["author_class"] == "human"]
    mine = [row for row in people if row["repo"] == repository.stem][-40:]
    for row in mine:
        text = git(repository, "show", f"{row['landing_sha']}:{row['path']}").split("\n")[int(row["line"]) - 1]
        # An edit may repeat the first line of the function that it stands before: that line is not the agent's.
        is_anchor = re.search(r"\b(def|function|func|fn|const)\b", text)
        assert is_anchor or len(text) <= 20 or normalised(text) not in words


def test_each_session_has_a_file_that_names_it(folder: Path, made: tuple[Path, Summary]) -> None:
    sessions = rows_of(folder / "truth" / "sessions.csv")
    names = {path.stem[-36:] for path in (folder / "sessions").rglob("*.jsonl")}
    assert {row["session_id"] for row in sessions} <= names
    assert {row["outcome"] for row in sessions} == {"success", "failure", "unclear"}
    assert {row["tool"] for row in sessions} == {"claude-code", "codex"}
    assert made[1].sessions == len(sessions)
    lines = {row["session_id"] for row in rows_of(folder / "truth" / "lines.csv")}
    assert lines - {""} <= {row["session_id"] for row in sessions}


def test_sessions_end_before_their_lines_land(folder: Path) -> None:
    landed: dict[str, int] = {}
    for repository in repositories(folder):
        log = git(repository, "log", "--first-parent", "--format=%H %ct", "main")
        landed |= {sha: int(time) for sha, time in (line.split() for line in log.splitlines())}
    ends: dict[str, float] = defaultdict(float)
    for path, record in records_of(folder):
        if "timestamp" in record:
            name = record.get("sessionId", path.stem[-36:])
            ends[name] = max(ends[name], datetime.fromisoformat(record["timestamp"]).timestamp())
    for row in rows_of(folder / "truth" / "lines.csv"):
        if row["session_id"]:
            assert ends[row["session_id"]] < landed[row["landing_sha"]]


def test_records_have_the_shapes_that_readers_meet(folder: Path) -> None:
    kinds = Counter(record["type"] for _, record in records_of(folder))
    assert kinds.keys() >= {
        "user",
        "assistant",
        "pr-link",
        "session_meta",
        "turn_context",
        "event_msg",
        "response_item",
    }
    events = Counter(record["payload"].get("type") for _, record in records_of(folder) if "payload" in record)
    assert events.keys() >= {"patch_apply_end", "token_count", "user_message", "task_complete"}
    uuids = Counter(record["uuid"] for _, record in records_of(folder) if "uuid" in record)
    assert max(uuids.values()) == 2, "a fork repeats the records that it copied, once"
    usage: dict[str, list[int]] = defaultdict(list)
    for _, record in records_of(folder):
        if record["type"] == "assistant":
            usage[record["message"]["id"]].append(record["message"]["usage"]["output_tokens"])
    assert any(len(set(counts)) > 1 for counts in usage.values())
    assert list((folder / "sessions").rglob("subagents/agent-*.jsonl"))


def test_history_has_every_way_to_land(folder: Path) -> None:
    subjects = ""
    parents: list[str] = []
    for repository in repositories(folder):
        subjects += git(repository, "log", "--first-parent", "--format=%B", "main")
        parents += git(repository, "log", "--first-parent", "--format=%P|%cn", "main").splitlines()
        for line in git(repository, "for-each-ref", "--format=%(refname)").splitlines():
            assert re.fullmatch(r"refs/(heads/main|notes/ai|pull/\d+/head)", line)
    assert any(" " in line.split("|")[0] for line in parents)
    assert any(line.endswith("|GitHub") for line in parents)
    assert any("|Engineer" in line for line in parents)
    assert re.search(r"\(#\d+\)$", subjects, re.MULTILINE)
    assert "Merge pull request #" in subjects
    assert "This reverts commit " in subjects
    assert "<noreply@anthropic.com>" in subjects


def test_notes_name_lines_that_are_there(folder: Path) -> None:
    attested = 0
    for repository in repositories(folder):
        for entry in git(repository, "notes", "--ref=ai", "list").splitlines():
            blob, sha = entry.split()
            blocks, _, metadata = git(repository, "cat-file", "-p", blob).partition("---\n")
            known = json.loads(metadata)
            assert known["base_commit_sha"] == sha
            path = ""
            for line in blocks.splitlines():
                if not line.startswith("  "):
                    path = line
                    continue
                key, ranges = line.split()
                assert key in known["humans"] or key.split("::")[0] in known["sessions"]
                last = max(int(part.split("-")[-1]) for part in ranges.split(","))
                assert last <= git(repository, "show", f"{sha}:{path}").count("\n")
                attested += key.startswith("s_")
    assert attested > 3


def test_configuration_and_roster_are_readable(folder: Path) -> None:
    configuration = tomllib.loads((folder / "mergeline.toml").read_text(encoding="utf-8"))
    named = {entry["name"]: folder / entry["path"] for entry in configuration["repositories"]}
    assert sorted(named.values()) == repositories(folder)
    assert named.keys() == {row["repo"] for row in rows_of(folder / "truth" / "lines.csv")}
    assert all((folder / source["path"]).is_dir() for source in configuration["sessions"])
    roster = rows_of(folder / configuration["people"]["roster"])
    assert [row["email"] for row in roster] == [f"engineer.{number:02d}@example.com" for number in range(1, 7)]
    people = {row["email"] for row in roster}
    lines = rows_of(folder / "truth" / "lines.csv")
    assert {row["engineer"] for row in lines if row["author_class"] in ("ai", "human")} <= people
    assert {row["author_class"] for row in lines} == {"ai", "human", "automation", "generated"}


def test_a_replacement_finds_its_place_once() -> None:
    rng = Random(3)  # noqa: S311  (seeded, so that a failure comes again)
    scribe = Scribe(rng, Coiner(0, 1))
    for language in LANGUAGES:
        version = Version(stamped(scribe.module(language, 4), 0))
        copy = WorkingCopy({f"a{language.suffix}": version}, (language,), rng, scribe)
        for _ in range(60):
            path, splice, after = copy.edit(1, 9)
            old, new = splice.strings()
            if splice.before is None:
                assert after.data.decode() == new
                continue
            text = splice.before.data.decode()
            assert text.count(old) == 1
            assert text.replace(old, new) == after.data.decode()
            copy.apply(path, after, splice)


def test_every_line_but_the_common_ones_is_unique() -> None:
    scribes = [Scribe(Random(place), Coiner(place, 2)) for place in range(2)]  # noqa: S311  (seeded)
    texts = [
        text for scribe in scribes for one in LANGUAGES for text, kind in scribe.module(one, 60) if kind != "common"
    ]
    assert len(texts) > 2_000
    assert len(set(texts)) == len(texts)


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("kept", encoding="utf-8")
    with pytest.raises(FileExistsError, match="not empty"):
        simulate(tmp_path / "mine", engineers=1, days=1, repositories=1)
    assert (tmp_path / "mine" / "file").read_text(encoding="utf-8") == "kept"


@pytest.mark.parametrize("counts", [{"engineers": 0}, {"days": 0}, {"repositories": 0}])
def test_counts_begin_at_one(tmp_path: Path, counts: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        simulate(tmp_path / "none", **counts)


def test_the_smallest_organisation(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    summary = simulate(tmp_path / "empty", engineers=1, days=1, repositories=1)
    assert summary.landings >= 1
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_a_git_that_fails_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="log"):
        run_git(f"--git-dir={tmp_path}", "log")
