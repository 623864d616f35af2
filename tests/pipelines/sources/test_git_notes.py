"""Authorship notes in every form that has been met."""

from __future__ import annotations

import json

import pytest

from pipelines.sources.git.notes import NoteError, parse_note
from tests.pipelines.repositories import NOTES, Repository, Workshop

SESSION, TRACE, OTHER = "s_0123456789abcd", "t_00000000000000", "s_fedcba98765432"


def agent(tool="claude", model="claude-opus-4-6", **fields):
    return {"agent_id": {"tool": tool, "id": "conversation", "model": model}, **fields}


def note(attestations="", **metadata):
    return f"{attestations}---\n{json.dumps({'schema_version': 'authorship/3.0.0', **metadata})}"


@pytest.fixture
def repo(tmp_path):
    repo = Repository(tmp_path / "app")
    repo.commit({"a": "".join(f"value = {number}\n" for number in range(10)), "b c": "one = 1\ntwo = 2\n"})
    return repo


@pytest.fixture
def workshop(tmp_path):
    return Workshop(tmp_path / "out")


def read(repo, workshop, text):
    repo.annotate({repo.tip(): text})
    workshop.build(repo)
    return (
        workshop.lake.read("git_notes")
        .select("path", "author_class", "tool", "model", "first_line", "last_line")
        .rows()
    )


def classes(workshop):
    """(path, class, tool, model) -> lines."""
    rows = workshop.rows("merged_lines", "path", "author_class", "tool", "model", "lines_raw")
    return {row[:4]: row[4] for row in rows}


AI = ("ai", "claude-code", "claude-opus-4-6")


def test_a_note_of_a_session(repo, workshop):
    text = note(f"a\n  {SESSION}::{TRACE} 1-3,5\n", sessions={SESSION: agent(human_author="Ada <ada@example.com>")})
    assert read(repo, workshop, text) == [("a", *AI, 1, 3), ("a", *AI, 5, 5)]
    assert classes(workshop) == {("a", *AI): 4, ("a", "unknown", "", ""): 6, ("b c", "unknown", "", ""): 2}


@pytest.mark.parametrize("key", ["0123456", "01234567", "0123456789abcdef"])
def test_keys_of_earlier_versions(repo, workshop, key):
    text = note(f"a\n  {key} 1\n", prompts={key: agent("cursor", "default")})
    assert read(repo, workshop, text) == [("a", "ai", "cursor", None, 1, 1)]


@pytest.mark.parametrize("key", ["h_0123456789abcd", "human"])
def test_known_humans(repo, workshop, key):
    text = note(f"a\n  {key} 2-3\n", humans={"h_0123456789abcd": {"author": "Ada <ada@example.com>"}})
    assert read(repo, workshop, text) == [("a", "human", "", None, 2, 3)]
    assert classes(workshop)["a", "human", "", ""] == 2


def test_a_note_that_begins_with_the_divider(repo, workshop):
    assert read(repo, workshop, note()) == []
    assert workshop.quarantine() == []


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_a_final_newline_or_none(repo, workshop, end):
    assert len(read(repo, workshop, note(f"a\n  {SESSION} 1\n") + end)) == 1


def test_ranges_unsorted_overlapping_and_doubled_count_once_and_the_last_wins(repo, workshop):
    text = note(
        f"a\n  {SESSION}::{TRACE} 7-9,1-4,1-4\n  h_01234567890123 3\n  {OTHER}::{TRACE} 4-5,8\n",
        sessions={SESSION: agent(), OTHER: agent("codex", "gpt-5")},
    )
    read(repo, workshop, text)
    assert classes(workshop) == {
        ("a", *AI): 4, ("a", "human", "", ""): 1, ("a", "ai", "codex", "gpt-5"): 3, ("a", "unknown", "", ""): 2,
        ("b c", "unknown", "", ""): 2,
    }  # fmt: skip


@pytest.mark.parametrize("ranges", ["11", "0", "9999-99999", "9" * 40, "5-3", "x", "", "1-", "-1", "1.5"])
def test_ranges_that_name_no_added_line(repo, workshop, ranges):
    read(repo, workshop, note(f"a\n  {SESSION} {ranges},2\n", sessions={SESSION: agent()}))
    assert classes(workshop)["a", *AI] == 1


def test_only_lines_that_the_commit_added_count(repo, workshop):
    repo.commit({"a": "".join(f"value = {number}\n" for number in range(12))})
    repo.annotate(
        {repo.tip(): note(f"a\n  {SESSION} 1-12\nnot there\n  {SESSION} 1-99\n", sessions={SESSION: agent()})}
    )
    workshop.build(repo)
    assert classes(workshop)["a", *AI] == 2


def test_a_key_is_looked_up_in_all_notes(repo, workshop):
    first = repo.tip()
    repo.commit({"c": "one = 1\n"})
    repo.annotate({first: note(f"a\n  {SESSION} 1\n  {OTHER} 2\n"), repo.tip(): note(sessions={SESSION: agent()})})
    workshop.build(repo)
    found = classes(workshop)
    assert found["a", *AI] == 1
    assert found["a", "ai", "unknown", ""] == 1


def test_a_session_that_switched_its_model(repo, workshop):
    first = repo.tip()
    second, third = repo.commit({"c": "1\n"}), repo.commit({"d": "1\n"})
    repo.annotate(
        {
            first: note(f"a\n  {SESSION} 1\n"),
            second: note(f"c\n  {SESSION} 1\n", sessions={SESSION: agent(model="one-1")}),
            third: note(f"d\n  {SESSION} 1\n", sessions={SESSION: agent(model="two-2")}),
        }
    )
    workshop.build(repo)
    found = classes(workshop)
    for key in (
        ("a", "ai", "claude-code", ""),
        ("c", "ai", "claude-code", "one-1"),
        ("d", "ai", "claude-code", "two-2"),
    ):
        assert found[key] == 1


def test_quoted_paths(repo, workshop):
    rows = read(repo, workshop, note(f'"b c"\n  {SESSION} 1\na\n  {SESSION} 2\n', sessions={SESSION: agent()}))
    assert [(row[0], row[4]) for row in rows] == [("b c", 1), ("a", 2)]
    assert classes(workshop)["b c", *AI] == 1


def test_paths_that_are_not_utf8(repo, workshop):
    repo.commit({b"\xff\xe9": "one = 1\n"})
    repo.annotate({repo.tip(): b"\xff\xe9\n  " + note(f"{SESSION} 1\n", sessions={SESSION: agent()}).encode()})
    workshop.build(repo)
    assert classes(workshop)["\\xff\\xe9", *AI] == 1


def test_blank_lines_and_trailing_space(repo, workshop):
    assert len(read(repo, workshop, note(f"\na  \n\n  {SESSION} 1  \n\n"))) == 1


@pytest.mark.parametrize("tool", ["mock_ai", "test-agent"])
def test_tools_of_tests_are_left_out(repo, workshop, tool):
    assert read(repo, workshop, note(f"a\n  {SESSION} 1\n", sessions={SESSION: agent(tool)})) == []


@pytest.mark.parametrize("key", ["x_0123456789abcd", "zzzzzzz", "t_00000000000000", "012345"])
def test_keys_of_no_known_kind_prove_nothing(repo, workshop, key):
    assert read(repo, workshop, note(f"a\n  {key} 1\n")) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no_divider"), ("a\n  human 1\n", "no_divider"), ("a\n  human 1\n--- \n{}", "no_divider"),
        ("a\n  human 1\n---\n{bad", "bad_metadata"), ("---\n", "bad_metadata"), ('---\n{"a":"\\ud800"}', "bad_metadata"),
        ("  human 1\n---\n{}", "entry_without_path"), ("a\n  human\n---\n{}", "entry_without_lines"), (b"\x00\xff", "no_divider"),
    ],
)  # fmt: skip
def test_what_is_no_note_is_quarantined_and_the_rest_read(repo, workshop, text, reason):
    bad = repo.tip()
    good = repo.commit({"c": "one = 1\n"})
    repo.annotate({bad: text, good: note("c\n  human 1\n")})
    read_now = workshop.ingest(repo)
    assert (read_now.status, workshop.quarantine()) == ("partial", [(f"note_{reason}", bad)])
    assert workshop.rows("git_notes", "commit_sha") == [(good,)]


@pytest.mark.parametrize(
    "metadata",
    ["[]", "null", "1", '{"sessions":[]}', '{"sessions":{"s_0123456789abcd":1}}', '{"sessions":{"s_0123456789abcd":{"agent_id":[]}}}',
     '{"prompts":null,"unknown_key":{},"logical_commit_id":1}', '{"sessions":{"s_0123456789abcd":{"agent_id":{"tool":null,"model":{}}}}}'],
)  # fmt: skip
def test_metadata_of_any_shape(repo, workshop, metadata):
    rows = read(repo, workshop, f"a\n  {SESSION} 1\n---\n{metadata}")
    assert [row[:3] for row in rows] == [("a", "ai", "unknown")]


def test_mixed_fan_out_counts_a_commit_once(repo, workshop):
    sha, text = repo.tip(), note("a\n  human 1\n")
    repo.commit(
        {sha: text, f"{sha[:2]}/{sha[2:]}": text, f"{sha[:2]}/{sha[2:4]}/{sha[4:]}": text, "README": "x"}, ref=NOTES
    )
    workshop.ingest(repo)
    assert workshop.lake.read("git_notes").height == 1


def test_a_fanned_out_tree(repo, workshop):
    repo.annotate({repo.tip(): note("a\n  human 1\n")}, fan_out=True)
    workshop.ingest(repo)
    assert workshop.lake.read("git_notes").height == 1


def test_a_note_on_no_known_commit_and_one_without_content(repo, workshop):
    tip = repo.commit({"0" * 40: note("a\n  human 1\n"), repo.tip(): "gone"}, ref=NOTES)
    repo.object_file(repo.blob_of(tip, repo.tip())).unlink()
    workshop.build(repo)
    assert workshop.quarantine() == [("note_missing", repo.tip())]
    assert "human" not in workshop.lake.read("merged_lines")["author_class"].to_list()


def test_transcripts_are_dropped(repo, workshop):
    words = "correct horse battery staple"
    text = note(f"a\n  {SESSION} 1\n", sessions={SESSION: agent(messages=[{"text": words * 1000}])})
    read(repo, workshop, text)
    assert words not in workshop.lake.read("git_notes").write_json()


def test_a_parsed_note_keeps_the_order_of_its_entries():
    parsed = parse_note("0" * 40, note(f"a\n  {SESSION} 9,1-2\n  human 4\n").encode())
    assert [(entry.key, entry.first, entry.last) for entry in parsed.entries] == [
        (SESSION, 9, 9),
        (SESSION, 1, 2),
        ("human", 4, 4),
    ]
    with pytest.raises(NoteError, match="no_divider"):
        parse_note("0" * 40, b"prose")
