"""What must not be stored is not stored: neither in the lake nor in the state nor in what is said."""

from __future__ import annotations

import json

import polars as pl
import pyarrow.parquet as pq

from tests.pipelines.repositories import CLAUDE, MAIN, Repository, Workshop

MARKERS = {
    name: f"zq{number}marker{name}"
    for number, name in enumerate(
        ("content", "deleted", "message", "name", "mail", "human", "note", "link", "mailmap", "session")
    )
}


def history(tmp_path):
    repo = Repository(tmp_path / "app")
    person = f"{MARKERS['name']} <{MARKERS['mail']}@example.com>"
    mailmap = f"Proper <{MARKERS['mailmap']}@example.com> <{MARKERS['mail']}@example.com>\n"
    repo.commit({"a.py": f"x = '{MARKERS['deleted']}'\n", ".mailmap": mailmap}, author=person)
    message = (
        f"{MARKERS['message']} (#1)\n\nCo-authored-by: H <{MARKERS['human']}@example.com>\n"
        f"Co-authored-by: {CLAUDE}\nClaude-Session: https://claude.ai/code/session_{MARKERS['session']}\n"
    )
    repo.commit({"a.py": f"x = '{MARKERS['content']}'\n", "b": MARKERS["link"]}, author=person, message=message)
    metadata = {"humans": {"h_00": {"author": person}}, "prompts": {"0123456": {"messages": [MARKERS["note"]]}}}
    repo.annotate({repo.tip(): f"a.py\n  0123456 1\n  h_00 1\n---\n{json.dumps(metadata)}"})
    return repo


def test_no_marker_reaches_the_lake_or_the_state(tmp_path):
    repo = history(tmp_path)
    workshop = Workshop(tmp_path / "out")
    workshop.build(repo)
    workshop.ingest(tmp_path / "nowhere", "gone")
    files = [
        file for file in workshop.out.rglob("*") if file.is_file() and workshop.out / "identities" not in file.parents
    ]
    assert len(files) > 10
    for file in files:
        text = file.read_bytes()
        if file.suffix == ".parquet":
            frame = pl.read_parquet(file, hive_partitioning=False)
            text = (frame.write_json() + str(pq.read_schema(file).metadata)).encode()
            assert b"@example.com" not in text
            assert b"@anthropic.com" not in text
        for marker in MARKERS.values():
            assert marker.encode() not in text, file
            assert marker.encode() not in str(file).encode()


def test_a_refusal_quotes_nothing_of_the_repository(tmp_path):
    repo = history(tmp_path)
    (repo.git_dir / "HEAD").unlink()
    (repo.git_dir / "HEAD").symlink_to(repo.git_dir / MAIN)
    workshop = Workshop(tmp_path / "out")
    read = workshop.ingest(repo)
    words = f"{read.error} {workshop.lake.read('quarantine').write_json()}"
    assert str(tmp_path) not in words
    assert not any(marker in words for marker in MARKERS.values())


def test_identities_are_readable_by_their_owner_alone(tmp_path):
    workshop = Workshop(tmp_path / "out")
    workshop.build(history(tmp_path))
    folder = workshop.out / "identities"
    assert folder.stat().st_mode & 0o777 == 0o700
    paths = list(folder.rglob("*"))
    assert {path.name for path in paths} >= {"key", "people.parquet", "mailmaps"}
    for path in paths:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
