from __future__ import annotations

import json
import os
from pathlib import Path

import orjson
import polars as pl
import pytest

from pipelines.config import SessionSource
from pipelines.sources.sessions import files, state
from pipelines.sources.sessions.records import parse_line
from tests.pipelines.records import ClaudeCode, Codex, Workshop, write_lines


@pytest.fixture
def workshop(tmp_path: Path):
    return Workshop(tmp_path)


def lake_bytes(workshop: Workshop):
    return {path.relative_to(workshop.lake.root): path.read_bytes() for path in workshop.lake.root.rglob("*.parquet")}


def a_session(name: str = "session"):
    session = ClaudeCode(name)
    return [session.prompt("Add a"), *session.done("Write", file_path="/home/ada/app/a.py", content=f"{name} = 1\n")]


def test_a_folder_a_file_and_a_glob_are_sources(workshop: Workshop):
    for name in ("one", "two"):
        workshop.write(f"project/{name}.jsonl", a_session(name))
    one = SessionSource(path=workshop.home / "project" / "one.jsonl")
    everything = SessionSource(path=workshop.home / "*" / "*.jsonl")
    assert workshop.ingest(one).files == 1
    assert workshop.ingest(everything).files == 2
    assert workshop.ingest(one, everything, SessionSource(path=workshop.home)).files == 2


def test_broken_records_are_quarantined_with_place_and_reason_and_never_their_text(workshop: Workshop):
    records = a_session()
    workshop.write("a.jsonl", records[0], b'{"type":"user","secret-word', b"[1,2]", b"", b"\0\0\0", *records[1:])
    read = workshop.ingest()
    assert (read.records, read.quarantined) == (3, 2)
    rows = workshop.lake.read("quarantine").sort(pl.col("position").cast(pl.Int64))
    start = len(json.dumps(records[0])) + 1
    assert rows.select("source", "position", "reason").rows() == [
        ("claude-code", str(start), "broken_json"),
        ("claude-code", str(start + 28), "not_an_object"),
    ]
    assert "secret" not in str(rows.rows())
    assert workshop.lake.read("session_files")["quarantined"].to_list() == [2]


def test_many_broken_records_do_not_flood_the_quarantine(workshop: Workshop):
    workshop.write("a.jsonl", a_session(), *[b"{"] * 1000)
    assert workshop.ingest().quarantined == 1000
    rows = workshop.lake.read("quarantine")
    assert rows.height == 101
    assert rows.filter(pl.col("reason") == "more_broken_records").height == 1


@pytest.mark.parametrize(
    ("line", "objects", "reason"),
    [
        (b'{"a":1}{"a":2}', 2, ""),
        (b'{"a":1} {"a"', 1, "broken_json"),
        (b"\xef\xbb\xbf" + b'{"a":1}', 1, ""),
        (b"\0\0\0" + b'{"a":1}\r', 1, ""),
        (b'{"a":"\\ud83d"}', 1, ""),
        (b'{"a":"\xff"}', 1, ""),
        (b'{"a":NaN}', 0, "broken_json"),
        (b'{"a":' + b"9" * 5000 + b"}", 0, "broken_json"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 0, "nested_too_deeply"),
        (b"   ", 0, ""),
        ('{"type":"user"}'.encode("utf-16"), 0, "broken_json"),
    ],
)
def test_lines_are_repaired_or_named(line: bytes, objects: int, reason: str):
    parsed = parse_line(line)
    assert (len(parsed.objects), parsed.reason) == (objects, reason)
    orjson.dumps(parsed.objects)


def test_an_unfinished_last_line_is_pending_and_read_once_it_is_whole(workshop: Workshop):
    records = a_session()
    path = workshop.write("a.jsonl", *records)
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    read = workshop.ingest()
    assert (read.records, read.quarantined) == (2, 0)
    path.write_bytes(whole.rstrip(b"\n"))
    read = workshop.ingest()
    assert (read.records, read.files_read) == (3, 1)
    assert workshop.lake.read("session_edits").height == 1


def test_a_line_over_the_cap_is_skipped_and_the_next_one_read(workshop: Workshop, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "LINE_BYTES", 10_000)
    session = ClaudeCode()
    workshop.write("a.jsonl", session.prompt("a"), session.prompt("x" * 3_000_000), session.prompt("b"))
    workshop.ingest()
    assert workshop.reasons() == ["line_too_long"]
    assert workshop.kinds() == {"prompt": 2}


def test_foreign_files_give_one_row_and_sidecars_none(workshop: Workshop):
    whole = json.dumps({"sessionId": "x", "messages": [{"type": "gemini"}] * 50}, indent=2)
    (workshop.home / "gemini.jsonl").write_text(whole)
    (workshop.home / "session-1.json").write_text(whole)
    for name in ("metadata.json", "agent-1.meta.json", "prompt.txt", "context.md", "sessions-index.json", "notes"):
        (workshop.home / name).write_text("{}\n{broken")
    (workshop.home / "todos").mkdir()
    (workshop.home / "todos" / "a.json").write_text("[]")
    (workshop.home / "empty.jsonl").write_text("")
    read = workshop.ingest()
    assert read.files == 3
    assert workshop.reasons() == ["unknown_format", "unknown_format"]
    assert set(workshop.lake.read("session_files")["format"]) == {"unknown"}


def test_the_format_is_told_from_the_content(workshop: Workshop):
    rollout = Codex()
    workshop.write("claude.jsonl", rollout.meta(), rollout.begin("Go"))
    workshop.write("rollout-1.jsonl", {"type": "summary", "summary": "a", "leafUuid": "b"}, a_session())
    workshop.ingest()
    assert sorted(workshop.lake.read("session_files")["format"]) == ["claude-code", "codex"]


def test_links_pipes_and_devices_are_not_opened(workshop: Workshop, tmp_path: Path):
    outside = write_lines(tmp_path / "outside.jsonl", a_session())
    (workshop.home / "link.jsonl").symlink_to(outside)
    (workshop.home / "folder").symlink_to(tmp_path)
    os.mkfifo(workshop.home / "pipe.jsonl")
    assert workshop.ingest().files == 0
    read = workshop.ingest(SessionSource(path=workshop.home / "pipe.jsonl"), SessionSource(path=Path("/dev/zero")))
    assert read.records == 0
    assert workshop.reasons() == ["not_a_file", "not_a_file"]


def test_hard_links_count_once(workshop: Workshop):
    path = workshop.write("a.jsonl", a_session())
    (workshop.home / "b.jsonl").hardlink_to(path)
    assert workshop.ingest().files == 1


def test_a_source_that_is_not_there_is_named(workshop: Workshop):
    missing = SessionSource(path=workshop.home / "gone", shown="~/gone")
    nothing = SessionSource(path=workshop.home / "*.jsonl", shown="~/*.jsonl")
    read = workshop.ingest(missing, nothing)
    assert sorted(read.missing) == ["~/*.jsonl", "~/gone"]
    rows = workshop.lake.read("quarantine")
    assert rows.select("source", "path", "reason").rows() == [
        ("sessions", "~/*.jsonl", "source_missing"),
        ("sessions", "~/gone", "source_missing"),
    ]
    workshop.write("gone/a.jsonl", a_session())
    assert workshop.ingest(missing).missing == []
    assert workshop.reasons() == []


def test_a_second_run_reads_nothing_and_changes_nothing(workshop: Workshop):
    for name in ("one", "two", "three"):
        workshop.write(f"{name}.jsonl", a_session(name))
    first = workshop.ingest()
    before = lake_bytes(workshop)
    second = workshop.ingest()
    assert (first.files_read, first.files_skipped) == (3, 0)
    assert (second.files_read, second.files_skipped, second.records) == (0, 3, 0)
    assert lake_bytes(workshop) == before


def test_a_touched_file_is_not_read_again_but_a_changed_one_of_the_same_size_is(workshop: Workshop):
    path = workshop.write("a.jsonl", a_session("one"))
    workshop.ingest()
    os.utime(path, ns=(1, 1))
    assert workshop.ingest().files_read == 0
    status = path.stat()
    path.write_bytes(path.read_bytes().replace(b"one = 1", b"two = 2"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    before = workshop.lake.read("session_lines")
    assert workshop.ingest().files_read == 1
    after = workshop.lake.read("session_lines")
    assert after.height == before.height == 1
    assert after["hash"].to_list() != before["hash"].to_list()


def test_what_an_agent_deletes_stays_and_what_no_source_covers_goes(workshop: Workshop):
    workshop.write("one/a.jsonl", a_session("one"))
    path = workshop.write("two/b.jsonl", a_session("two"))
    workshop.ingest()
    path.unlink()
    workshop.ingest()
    assert workshop.lake.read("session_files").height == 2
    workshop.ingest(SessionSource(path=workshop.home / "one"))
    assert workshop.lake.read("session_files").height == 1
    assert workshop.lake.read("session_events")["session_id"].unique().to_list() == [workshop.session("one")]
    assert workshop.lake.read("session_lines").height == 1


def test_a_lost_lake_or_state_is_made_again(workshop: Workshop):
    workshop.write("a.jsonl", a_session())
    workshop.ingest()
    before = lake_bytes(workshop)
    for path in workshop.lake.root.rglob("*.parquet"):
        path.unlink()
    assert workshop.ingest().files_read == 1
    (workshop.root / "out" / "state" / "sessions.json").write_text("{broken")
    assert workshop.ingest().files_read == 1
    assert lake_bytes(workshop) == before


def test_another_reader_version_reads_again(workshop: Workshop, monkeypatch: pytest.MonkeyPatch):
    workshop.write("a.jsonl", a_session())
    workshop.ingest()
    monkeypatch.setattr(state, "READER_VERSION", state.READER_VERSION + 1)
    assert workshop.ingest().files_read == 1


def test_the_most_specific_source_says_whose_sessions_they_are(workshop: Workshop):
    workshop.write("ada/a.jsonl", a_session("one"))
    workshop.write("b.jsonl", a_session("two"))
    everyone = SessionSource(path=workshop.home)
    ada = SessionSource(path=workshop.home / "ada", engineer="Ada@Example.com")
    workshop.ingest(ada, everyone)
    engineers = workshop.lake.read("session_files")["engineer_id"].to_list()
    assert sorted(engineers, key=str) == sorted(
        [None, workshop.identities.pseudonym("engineer", "ada@example.com")], key=str
    )
    assert workshop.ingest(everyone).files_read == 1


def test_reading_in_parts_gives_the_same_bytes_as_reading_at_once(tmp_path: Path):
    records = {f"{name}.jsonl": a_session(name) for name in ("one", "two", "three", "four")}
    parts, whole = Workshop(tmp_path / "parts"), Workshop(tmp_path / "whole")
    whole.home = parts.home
    (whole.identities.folder / "key").write_bytes((parts.identities.folder / "key").read_bytes())
    whole = Workshop(tmp_path / "whole")
    whole.home = parts.home
    for name, lines in records.items():
        parts.write(name, lines[:1])
        parts.ingest()
        parts.write(name, lines)
    parts.ingest()
    whole.ingest()
    assert lake_bytes(parts) == lake_bytes(whole)


def test_nothing_that_anybody_wrote_is_in_the_lake(workshop: Workshop):
    mark = "xyzzyplugh"
    session = ClaudeCode(cwd=f"/home/{mark}/app", gitBranch=mark, slug=mark)
    rollout = Codex(cwd=f"/home/{mark}/app", git={"branch": mark, "repository_url": mark})
    patch = f"*** Begin Patch\n*** Add File: {mark}.py\n+{mark} = 1\n*** End Patch"
    workshop.write(
        f"{mark}/a.jsonl",
        session.prompt(f"no, {mark}", permissionMode=mark),
        session.answer({"type": "text", "text": mark}, {"type": "thinking", "thinking": mark}, model=mark),
        session.done(
            "Write", mark, {"structuredPatch": mark, "stdout": mark}, file_path=f"/home/{mark}.py", content=mark
        ),
        session.done(mark, REFUSED_WITH.format(mark), is_error=True, **{mark: mark}),
        session.done(
            "Bash",
            f"[{mark} abc1234] {mark}",
            {"gitOperation": {"commit": {"sha": mark}}},
            command=f"git commit -m {mark}",
        ),
        session.entry("attachment", version=mark, attachment={"type": "queued_command", "prompt": mark}),
        {"type": "pr-link", "sessionId": session.session, "prNumber": 1, "prUrl": mark, "timestamp": mark},
        f'{{"type":"{mark}'.encode(),
    )
    workshop.write(
        f"{mark}/b.jsonl",
        rollout.meta(cli_version=mark),
        rollout.begin(mark, model=mark, policy=mark),
        rollout.patch(patch, {f"/home/{mark}.py": {"type": "add", "content": mark}}, mark),
        rollout.patch(patch, None),
        rollout.call(mark, {"command": mark}, mark),
    )
    workshop.ingest(SessionSource(path=workshop.home, engineer=f"{mark}@example.com"))
    assert workshop.kinds()["prompt"] == 3
    for path in workshop.lake.root.rglob("*.parquet"):
        assert mark not in str(path.relative_to(workshop.lake.root))
        assert mark not in pl.read_parquet(path, hive_partitioning=False).write_json()
        assert mark.encode() not in path.read_bytes()
    assert mark not in (workshop.root / "out" / "state" / "sessions.json").read_text()


REFUSED_WITH = "The user doesn't want to proceed with this tool use. To tell you how to proceed, the user said:\n{}"
