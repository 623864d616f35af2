"""The stream of the real git, over contents and names made to look like its syntax."""

from __future__ import annotations

import subprocess
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kernels import diff_stream
from kernels.lines import FOLD
from pipelines.sources.git import diffs, stream
from tests.kernels import naive_history as naive
from tests.pipelines.repositories import Repository, environment, executable, link, submodule

LINES = st.sampled_from(
    [
        *(
            b"",
            b"a",
            b"b",
            b"c",
            b"one line of code",
            b"another line of code",
            b"cr\r",
            b"\r",
            b"\x00",
            b"\xff\xfe",
            b"\xe2\x82",
        ),
        *(
            b"--- a/x",
            b"+++ b/x",
            b"- a",
            b"+ b",
            b"@@ -1 +1 @@",
            b"diff --git a/x b/x",
            b"Binary files a and b differ",
        ),
        *(b":100644 100644 " + b"0" * 40 + b" " + b"1" * 40 + b" M", b"0" * 40 + b" " + b"1" * 40, b"index 0..1"),
        *(b"\\ No newline at end of file", b"rename from x", b"x" * 300, b"\xe2\x80\xa8"),
    ]
)
NUL_LATE = b"y" * 79 + b"\n"


@st.composite
def contents(draw):
    text = b"\n".join(draw(st.lists(LINES, max_size=12))) + draw(st.sampled_from([b"", b"\n"]))
    kind = draw(st.sampled_from(["text"] * 8 + ["late", "link", "executable", "submodule"]))
    if kind == "late":  # git looks for NUL in the first 8000 bytes alone
        return NUL_LATE * 110 + b"\x00\n" + text
    if kind == "link":
        return link("target")
    if kind == "submodule":
        return submodule(draw(st.sampled_from(["1" * 40, "2" * 40])))
    return executable(text) if kind == "executable" else text


NAMES = st.sampled_from(
    [b"a", b"b.py", b"dir/a", b"dir/b c", b"new\nline", b'quo"te', b"\xff\xfe", b"--output=x", b"tab\there", b":colon",
     b"\xc3\xbc/\xf0\x9f\x98\x80", b"back\\slash", b"a => b", b"{a => b}/c", b" lead", b"\x01"]
)  # fmt: skip
VERSIONS = st.lists(st.dictionaries(NAMES, contents(), max_size=5), min_size=2, max_size=5)


def run(repo, pairs):
    done = subprocess.run(
        ["git", f"--git-dir={repo.git_dir}", "-c", "diff.renames=true", *diffs._DIFF],
        input="".join(f"{old} {new}\n" for old, new in pairs).encode(),
        capture_output=True, check=True, env=environment(),
    )  # fmt: skip
    return done.stdout


class Pipe:
    """A stream that gives `pieces` bytes at a time, as a pipe may."""

    def __init__(self, content, pieces):
        self.content, self.pieces, self.position = content, pieces, 0

    def readinto(self, view):
        part = self.content[self.position : self.position + min(self.pieces, len(view))]
        view[: len(part)] = part
        self.position += len(part)
        return len(part)


def parse(output, pairs, hex_length=40, pieces=1 << 30):
    parser = stream.StreamParser(hex_length, pairs, 0)
    parser._consume(Pipe(output, pieces), lambda _: None)
    return parser


def as_rows(changes):
    return [
        (
            *(changes.pair[c], changes.status[c], changes.old_mode[c], changes.new_mode[c]),
            *(changes.path[c], changes.old_path[c], bool(changes.is_binary[c])),
            [
                row[1:]
                for row in zip(
                    changes.line_change, changes.is_added, changes.line, changes.hash, changes.shape, strict=True
                )
                if row[0] == c
            ],
        )
        for c in range(len(changes.path))
    ]


def numstat(repo, pairs):
    """(pair, path) -> (added, deleted), None for what git calls binary."""
    found = {}
    for number, (old, new) in enumerate(pairs):
        words = iter(repo.git("diff-tree", "-r", "-z", "--numstat", "-M50%", "-l1000", old, new).split(b"\0")[:-1])
        for word in words:
            added, deleted, path = word.split(b"\t", 2)
            if not path:
                next(words)
                path = next(words)
            found[number, path] = None if added == b"-" else (int(added), int(deleted))
    return found


# Shrinking costs minutes of git children: a failure is shown as it was drawn.
@settings(
    max_examples=20, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(VERSIONS, st.integers(1, 300))
def test_random_histories_in_pieces_of_any_size(tmp_path_factory, monkeypatch, versions, pieces):
    repo = Repository(tmp_path_factory.mktemp("repo"), bare=False)
    commits = [repo.root(files) for files in versions]
    trees = [repo.tree_of(commit) for commit in commits]
    pairs = list(pairwise(trees))
    output = run(repo, pairs)
    with monkeypatch.context() as patch:
        patch.setattr(stream, "_CHUNK", pieces)
        in_pieces = parse(output, pairs, pieces=max(1, pieces // 3))
    parser = parse(output, pairs)
    assert parser.pairs_seen == in_pieces.pairs_seen == len(pairs)
    changes = parser.result(len(pairs))
    rows = as_rows(changes)
    assert rows == as_rows(in_pieces.result(len(pairs)))
    counts = numstat(repo, pairs)
    assert {(row[0], row[4]) for row in rows} == set(counts)
    for pair, status, _, _, path, old_path, is_binary, lines in rows:
        if status == ord("T"):  # git shows a deletion and a creation: pipelines/sources/git/entries.py reads these
            continue
        expected = counts[pair, path]
        if expected is None and not is_binary:  # of a binary file that only moved the patch says nothing
            assert read(repo, commits[pair + 1], path) == read(repo, commits[pair], old_path or path)
        else:
            assert is_binary == (expected is None)
        assert sum(row[0] for row in lines) == (expected or (0, 0))[0]
        assert sum(not row[0] for row in lines) == (expected or (0, 0))[1]
        new = read(repo, commits[pair + 1], path)
        old = read(repo, commits[pair], old_path or path)
        for is_added, line, hashed, shape in lines:
            text = (new if is_added else old)[line - 1]
            assert (hashed, shape) == naive.hash_line(text)


def read(repo, commit, path):
    mode, sha = repo._snapshots[commit].get(path, (0, ""))
    if mode == 0o160000:
        return [b"Subproject commit " + sha.encode()]
    return naive.lines_of(repo.git("cat-file", "blob", sha)) if mode else []


def test_a_rename_of_non_ascii_names_carries_both(tmp_path):
    repo = Repository(tmp_path / "r")
    text = "".join(f"line number {i}\n" for i in range(20))
    pairs = [(repo.tree_of(repo.root({b"\xff\nold": text})), repo.tree_of(repo.root({b"n\xffew": text + "more\n"})))]
    changes = parse(run(repo, pairs), pairs).result(1)
    assert (changes.path, changes.old_path, changes.status.tolist()) == ([b"n\xffew"], [b"\xff\nold"], [ord("R")])
    assert (changes.is_added.tolist(), changes.line.tolist()) == ([True], [21])


def test_sha256_ids(tmp_path):
    repo = Repository(tmp_path / "r", sha256=True)
    pairs = [(repo.tree_of(repo.root({"a": "1\n"})), repo.tree_of(repo.root({"a": "2\n", "b": "3\n4\n"})))]
    changes = parse(run(repo, pairs), pairs, hex_length=64).result(1)
    assert changes.path == [b"a", b"b"]
    assert changes.is_added.tolist() == [False, True, True, True]


def test_a_pair_that_git_left_out_ends_the_reading_and_keeps_what_came_before(tmp_path):
    repo = Repository(tmp_path / "r")
    trees = [repo.tree_of(repo.root({f"{i}": f"{i}\n"})) for i in range(4)]
    pairs = list(pairwise(trees))
    parser = parse(run(repo, [pairs[0], pairs[2]]), pairs)
    assert parser.pairs_seen == 1
    assert parser.result(1).path == [b"0", b"1"]


def test_a_stream_cut_anywhere_gives_no_pair_that_is_not_whole(tmp_path):
    repo = Repository(tmp_path / "r")
    trees = [repo.tree_of(repo.root({"a": "x\n" * i, "b": "y\n" * (9 - i)})) for i in range(1, 4)]
    pairs = list(pairwise(trees))
    output = run(repo, pairs)
    whole = as_rows(parse(output, pairs).result(2))
    for length in range(0, len(output), 7):
        parser = parse(output[:length], pairs)
        sure = max(parser.pairs_seen - 1, 0)
        assert as_rows(parser.result(sure)) == [row for row in whole if row[0] < sure]


def call(content):
    size = len(content) + 2
    state = np.zeros(diff_stream.STATE_SIZE, np.int64)
    state[[diff_stream.PAIR, diff_stream.CHANGE, diff_stream.SECTION]] = -1
    buffer = np.frombuffer(content, np.uint8)
    ints = [np.empty(size, np.int64) for _ in range(3)]
    return diff_stream.parse(
        buffer, len(content), 40, state, FOLD, np.zeros(size, np.uint8), ints[0], ints[1], np.empty((size, 3), np.int64),
        np.empty((size, 4), np.int64), ints[2], np.empty(size, np.int64), np.empty(size, np.bool_), np.empty(size, np.uint32),
        np.empty(size, np.uint64), np.empty(size, np.uint8), np.zeros(4, np.int64),
    )  # fmt: skip


def test_nothing_and_one_byte():
    assert call(b"") == (0, diff_stream.NEEDS_BYTES)
    assert call(b"d") == (0, diff_stream.NEEDS_BYTES)
    assert call(b"\n") == (1, diff_stream.NEEDS_BYTES)


@pytest.mark.parametrize(
    "content",
    [
        b"diff --git a/x b/x\n",  # a patch of a change that was not announced
        b"@@ -1,2 +1,2 @@\nodd\n",  # a hunk's line of no kind
        b"@@ -0,0 +1,2 @@\n-a\n",  # a deletion where none is left
    ],
)
def test_what_is_no_stream_is_malformed(content):
    assert call(content)[1] == diff_stream.MALFORMED


def test_a_change_without_its_patch_is_malformed():
    ids = b"0" * 40 + b" " + b"1" * 40
    raw = b":100644 100644 " + ids + b" M\x00a\x00\x00"
    assert call(ids + b"\n" + raw)[1] == diff_stream.NEEDS_BYTES
    assert call(ids + b"\n" + raw + ids + b"\n")[1] == diff_stream.MALFORMED
