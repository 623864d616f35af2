"""What is read of sound repositories, against git's own words about them."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.kernels import naive_history as naive
from tests.pipelines.repositories import (
    ADA,
    BO,
    DAY,
    FORGE,
    MAIN,
    NOTES,
    START,
    Repository,
    Workshop,
    executable,
    link,
    submodule,
)


@pytest.fixture
def repo(tmp_path):
    return Repository(tmp_path / "app")


@pytest.fixture
def workshop(tmp_path):
    return Workshop(tmp_path / "out")


def counts(workshop):
    """(commit, path) -> added, deleted, -1 for binary, as `Repository.numstat` gives it."""
    changes = workshop.lake.read("git_changes").with_columns(
        pl.when("is_binary").then(-1).otherwise(pl.col(name)).alias(name) for name in ("lines_raw", "lines_deleted")
    )
    rows = changes.select("commit_sha", "path", "lines_raw", "lines_deleted").rows()
    return Counter((sha, path.encode(), added, deleted) for sha, path, added, deleted in rows)


def check(repo, workshop, head="HEAD"):
    """Commits, changes and lines of a whole history are git's."""
    commits = workshop.lake.read("git_commits")
    assert sorted(commits["commit_sha"].to_list()) == sorted(repo.git("rev-list", head).decode().split())
    found, expected = counts(workshop), repo.numstat("--diff-merges=first-parent", head)
    # Of a binary file that only moved git's patch says nothing; numstat says that it is binary. Both count no line.
    unchanged = {key[:2]: key for key in found if key[2:] == (0, 0)}
    for key in [key for key in expected if key[2] < 0 and key[:2] in unchanged]:
        expected[unchanged[key[:2]]] = expected.pop(key)
    assert found == expected


def mainline(repo, head):
    return set(repo.git("rev-list", "--first-parent", head).decode().split())


LINE = st.sampled_from(["alpha = one()", "beta = two()", "", "}", "gamma", "delta\r", "x" * 1200])
TEXT = st.lists(LINE, max_size=14).map("\n".join)
FILE = st.one_of(
    TEXT,
    TEXT.map(lambda text: text + "\n"),
    TEXT.map(lambda text: b"\x00" + text.encode()),
    TEXT.map(executable),
    st.sampled_from([link("a"), link("a\nb"), submodule("1" * 40), submodule("2" * 40), None]),
)
FILES = st.dictionaries(st.sampled_from(["a", "b", "dir/c", "dir/d", "e f"]), FILE, max_size=4)
STEP = st.tuples(
    st.sampled_from(["commit", "commit", "branch", "merge", "squash", "octopus", "root", "empty", "move"]), FILES
)


def grow(repo, steps):
    """A mainline and what is merged into it."""
    tip = repo.commit({"a": "alpha = one()\n" * 3, "b": "beta = two()\n" * 5})
    branches = []
    for number, (kind, files) in enumerate(steps):
        if kind in ("branch", "root"):
            parents = [tip] if kind == "branch" else []
            branches.append(repo.commit(files, *parents, message=f"Branch {number}", author=BO, ref=None))
        elif kind in ("merge", "octopus") and branches:
            others = [branches.pop() for _ in range(len(branches) if kind == "octopus" else 1)]
            tip = repo.commit(files, tip, *others, message=f"Merge {number}")
        elif kind == "move":
            snapshot = repo._snapshots[tip]
            old = next((path for path, (mode, _) in sorted(snapshot.items()) if mode == 0o100644), None)
            moved = {} if old is None else {old: None, b"moved/" + old: repo.git("cat-file", "blob", snapshot[old][1])}
            tip = repo.commit({**moved, **files}, tip, message=f"Move {number}")
        else:
            tip = repo.commit({} if kind == "empty" else files, tip, message=f"Work {number} (#{number + 1})")
    return tip


# Shrinking costs minutes of git children: a failure is shown as it was drawn.
@settings(
    max_examples=12, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(st.lists(STEP, min_size=1, max_size=9))
def test_random_histories_count_as_git_counts(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("history")
    repo, workshop = Repository(folder / "app"), Workshop(folder / "out")
    grow(repo, steps)
    workshop.build(repo)
    check(repo, workshop)
    landings = workshop.lake.read("landings")
    log = repo.git("log", "--first-parent", "-m", "--numstat", "--format=").decode("utf-8", "replace").splitlines()
    numbers = [row.split("\t")[:2] for row in log if row and not row.startswith("-")]
    assert landings["lines_raw"].sum() == sum(int(added) for added, _ in numbers)
    assert landings["lines_deleted"].sum() == sum(int(deleted) for _, deleted in numbers)
    assert landings["landing_sha"].sort().to_list() == sorted(mainline(repo, "HEAD"))
    assert landings["commits"].sum() == workshop.lake.read("commits").height == workshop.lake.read("git_commits").height
    merged = workshop.lake.read("merged_lines")
    stages = ("lines_raw", "lines_distinct", "lines_effective", "lines_authored")
    sums = merged.group_by("landing_sha").agg(pl.col(stages).sum()).sort("landing_sha")
    landed = landings.filter(pl.col("lines_raw") > 0).select("landing_sha", *stages).sort("landing_sha")
    assert sums.rows() == landed.rows()
    for one, next_one in pairwise(stages):
        assert (merged[one] >= merged[next_one]).all()


def test_every_line_is_the_hash_of_its_text_at_its_number(repo, workshop):
    old, new = "one line\ntwo lines\n}\n", "zero\none line\n\ntwo  LINES\n}\nlast \xff"
    repo.commit({"a": old})
    repo.commit({"a": new})
    workshop.ingest(repo)
    lines = workshop.lake.read("git_lines").join(workshop.lake.read("git_changes"), on="change_id")
    second = lines.filter(pl.col("commit_sha") == repo.tip()).select("is_added", "line", "hash", "shape").rows()
    text = {True: new.encode().split(b"\n"), False: old.encode().split(b"\n")}
    assert [(is_added, line) for is_added, line, _, _ in second] == [
        (True, 1),
        (False, 2),
        (True, 3),
        (True, 4),
        (True, 6),
    ]
    for is_added, line, value, shape in second:
        assert (value, shape) == naive.hash_line(text[is_added][line - 1])


def test_kinds_of_paths(repo, workshop):
    repo.commit({"a": "1\n", "to link": "1\n", "from link": link("x"), "sub": submodule("1" * 40), "bin": b"\x00"})
    repo.commit({"a": executable("1\n"), "to link": link("x"), "from link": "1\n2\n", "sub": submodule("2" * 40)})
    repo.commit({"a": submodule("3" * 40), "sub": None, "from link": None})
    workshop.ingest(repo)
    changes = workshop.lake.read("git_changes").join(workshop.lake.read("git_commits"), on="commit_sha")
    rows = changes.sort("committed_at", "path").select(
        "path", "status", "file_kind", "is_binary", "lines_raw", "lines_deleted"
    )
    assert rows.rows() == [
        ("a", "added", "file", False, 1, 0),
        ("bin", "added", "file", True, 0, 0),
        ("from link", "added", "symlink", False, 1, 0),
        ("sub", "added", "submodule", False, 1, 0),
        ("to link", "added", "file", False, 1, 0),
        ("a", "modified", "file", False, 0, 0),
        ("from link", "type_changed", "file", False, 2, 1),
        ("sub", "modified", "submodule", False, 1, 1),
        ("to link", "type_changed", "symlink", False, 1, 1),
        ("a", "type_changed", "submodule", False, 1, 1),
        ("from link", "deleted", "file", False, 0, 2),
        ("sub", "deleted", "submodule", False, 0, 1),
    ]
    check(repo, workshop)


def test_a_rename_keeps_its_unchanged_lines(repo, workshop):
    text = "".join(f"line number {number}\n" for number in range(30))
    repo.commit({"old.py": text})
    repo.commit({"old.py": None, "new/name.py": text + "one more\n"})
    workshop.ingest(repo)
    last = workshop.lake.read("git_changes").filter(pl.col("commit_sha") == repo.tip())
    assert last.select("path", "old_path", "status", "lines_raw", "lines_deleted").rows() == [
        ("new/name.py", "old.py", "renamed", 1, 0)
    ]


def test_more_renames_than_git_compares_are_counted_as_git_counts_them(repo, workshop):
    # 1001 x 1001 candidates are over git's limit of 1000: no inexact rename is looked for.
    files = {f"old/{number}": f"alpha {number}\nbeta {number}\ngamma {number}\n" for number in range(1001)}
    repo.commit(files)
    repo.commit(dict.fromkeys(files) | {f"new/{name[4:]}": text + "delta\n" for name, text in files.items()})
    workshop.ingest(repo)
    assert counts(workshop) == repo.numstat("-l1000")


def test_long_equal_tails_are_compared_as_numstat_compares_them(repo, workshop):
    # Without context git trims equal tails of a kilobyte before it compares, and finds 8 added and 1 deleted here.
    lines = {"x": "x" * 60, "y": "y" * 60}
    repo.commit({"a": "\n".join(lines[name] for name in "yyyyyxyxxxxyyxxyyxyxyxxyxxxxyxxyyxxxxy") + "\n"})
    repo.commit({"a": "\n".join(lines[name] for name in "xxxxxyxxyyyyxyxxxxyyxxyyxyxyxxyxxxxyxxyyxxxxy") + "\n"})
    workshop.ingest(repo)
    last = workshop.lake.read("git_changes").filter(pl.col("commit_sha") == repo.tip())
    assert last.select("lines_raw", "lines_deleted").rows() == [(7, 0)]
    check(repo, workshop)


def test_odd_paths_come_through(repo, workshop):
    names = [
        b"new\nline",
        b'quo"te',
        b"\xff\xfe",
        b"--output=x",
        "\u00fc/\U0001f600".encode(),
        b"back\\slash",
        b"a => b",
        b" ",
    ]
    repo.commit(dict.fromkeys(names, "x = 1\n"))
    workshop.ingest(repo)
    stored = set(workshop.lake.read("git_changes")["path"].to_list())
    assert stored == {name.decode("utf-8", "backslashreplace") for name in names}


def test_octopus_and_root_merges(repo, workshop):
    base = repo.commit({"a": "1\n"})
    others = [repo.commit({f"f{number}": f"work {number}\n"}, base, author=BO, ref=None) for number in range(6)]
    others.append(repo.commit({"a": "1\n", "import/x": "imported\n" * 4}, ref=None, author=BO))
    tip = repo.commit({"evil": "in no parent\n"}, base, *others, merge_base=base)
    workshop.build(repo)
    check(repo, workshop)
    landing = workshop.lake.read("landings").filter(pl.col("landing_sha") == tip)
    assert landing.select("kind", "commits", "files", "lines_raw").rows() == [("merge", 8, 8, 11)]
    parents = workshop.lake.read("git_commits").filter(pl.col("commit_sha") == tip)["parents"].to_list()
    assert parents == [[base, *others]]


def test_a_repeated_parent_counts_once(repo, workshop):
    base = repo.commit({"a": "1\n"})
    sha = repo.write_commit(
        repo.write_tree({b"a": (0o100644, repo.write("blob", b"1\n2\n"))}), [base, base], "Odd", ADA, ADA,
        f"{START + DAY} +0000", f"{START + DAY} +0000",
    )  # fmt: skip
    repo.point(MAIN, sha)
    workshop.build(repo)
    assert workshop.rows("git_commits", "commit_sha", "parents") == sorted([(base, []), (sha, [base])], key=repr)
    assert workshop.lake.read("landings")["kind"].sort().to_list() == ["direct", "root"]


def test_kinds_of_landings(repo, workshop):
    repo.commit({"a": "1\n"})
    repo.commit({"a": "2\n"}, message="Mend a")
    repo.commit({"a": "3\n"}, message="Mend b (#12)", committer=FORGE)
    repo.commit({"a": "4\n"}, message="Merged in feature (pull request #13)")
    base = repo.commit({"a": "5\n"}, message="Mentions (#9) early")
    side = repo.commit({"b": "1\n"}, base, ref=None)
    repo.commit({"b": "1\n"}, base, side, message="Merge pull request #14 from someone/branch\n\nBody (#99)")
    repo.commit({"a": "6\n"}, message="Subject\n\nSee merge request group/app!15")
    workshop.build(repo)
    rows = workshop.lake.read("landings").sort("landed_at").select("kind", "pull_request").rows()
    assert rows == [
        ("root", None), ("direct", None), ("squash", 12), ("squash", 13), ("direct", None), ("merge", 14), ("squash", 15),
    ]  # fmt: skip
    assert workshop.lake.read("git_commits")["is_forge_commit"].sum() == 1


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ("0", datetime(1970, 1, 1, tzinfo=UTC)),
        ("-86400", datetime(1969, 12, 31, tzinfo=UTC)),
        ("4294967296", datetime(2106, 2, 7, 6, 28, 16, tzinfo=UTC)),
        ("253402300799", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("253402300800", None),
        ("9223372036854775807", None),
        ("99999999999999999999999", None),
        ("-99999999999999", None),
        ("yesterday", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("zone", ["+0000", "-0500"])
def test_times(repo, workshop, seconds, expected, zone):
    first = repo.commit({"a": "1\n"})
    odd = repo.write_commit(repo.tree_of(first), [first], "Odd", ADA, ADA, f"{seconds} {zone}", f"{seconds} {zone}")
    repo.point(MAIN, odd)
    read = workshop.build(repo)
    assert read.computed == ("app",)
    row = workshop.lake.read("git_commits").filter(pl.col("commit_sha") == odd)
    assert row.select("authored_at", "committed_at").rows() == [(expected, expected)]
    landing = workshop.lake.read("landings").filter(pl.col("landing_sha") == odd)
    assert landing["landed_on"].to_list() == [expected and expected.date()]


@pytest.mark.parametrize("zone", ["+9999", "+051800", "-0000", "Z", ""])
def test_odd_zones_do_not_move_the_instant(repo, workshop, zone):
    tree = repo.write_tree({})
    repo.point(MAIN, repo.write_commit(tree, [], "Odd", ADA, ADA, f"1000 {zone}", f"1000 {zone}"))
    workshop.ingest(repo)
    found = workshop.lake.read("git_commits")["committed_at"].to_list()
    assert found == [None if zone == "Z" else datetime(1970, 1, 1, 0, 16, 40, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("recorded", "name", "email"),
    [
        (b"Ada <ada@example.com>", "Ada", "ada@example.com"),
        (b"Ada <ada@example.com", "Ada", "ada@example.com"),
        (b"Ada", "Ada", ""),
        (b"", "", ""),
        (b"<ada@example.com>", "", "ada@example.com"),
        (b"Ada <> <ada@example.com>", "Ada", "> <ada@example.com"),
        (b"J\xf6rg <j@example.com>", "J\u00f6rg", "j@example.com"),
        ("J\u00f6rg <j@example.com>".encode(), "J\u00f6rg", "j@example.com"),
        (b"A\x00da <ada@example.com>", "Ada", "ada@example.com"),
        (b"N" * 5000 + b" <ada@example.com>", "N" * 1000, "ada@example.com"),
        (b'=cmd("x") <ada@example.com>', '=cmd("x")', "ada@example.com"),
    ],
)
def test_odd_identities(repo, workshop, recorded, name, email):
    repo.point(MAIN, repo.write_commit(repo.write_tree({}), [], "Odd", recorded, recorded, "1000 +0000", "1000 +0000"))
    assert workshop.ingest(repo).status == "ok"
    assert workshop.identities.book().select("name", "email").rows() == [(name, email)]
    assert workshop.lake.read("git_commits")["committed_at"].null_count() == 0


@pytest.mark.parametrize(
    "codec", ["", "iso-8859-1", "utf-16", "no-such-codec", "undefined", "idna", "hex", "utf-7", "\x00"]
)
def test_odd_encodings(repo, workshop, codec):
    message = b"Fu\xdfball\n\nCo-authored-by: J\xf6rg <j@example.com>\nCo-authored-by: Claude <noreply@anthropic.com>\n"
    repo.commit({"a": "1\n"}, message=message, headers=b"encoding " + codec.encode() + b"\n")
    assert workshop.ingest(repo).status == "ok"
    if codec != "utf-16":  # said to be what it is not: nothing can be read in it
        assert "co_author_trailer" in workshop.lake.read("git_marks")["kind"].to_list()


def test_a_codec_that_gives_half_characters(repo, workshop):
    message = b"\xff\n\nCo-authored-by: \\ud800 <x@example.com>\n"
    repo.commit({"a": "1\n"}, message=message, headers=b"encoding unicode_escape\n")
    assert workshop.ingest(repo).status == "ok"


@pytest.mark.parametrize(
    "message", [b"", b"\x00", b"NUL\x00after\n", b"no newline", b"commit " + b"1" * 40 + b"\n\x1e\x0c\r", b"\n\n\n"]
)
def test_odd_messages(repo, workshop, message):
    repo.commit({"a": "1\n"}, message=message)
    assert workshop.ingest(repo).status == "ok"
    assert workshop.lake.read("git_lines").height == 1


def test_a_sha256_repository(tmp_path, workshop):
    repo = Repository(tmp_path / "app", sha256=True)
    base = repo.commit({"a": "one = 1\ntwo = 2\n", "l": link("x")})
    side = repo.commit({"b": "three = 3\n", "l": "a file\n"}, base, ref=None)
    tip = repo.commit({}, base, side, merge_base=base)
    repo.annotate({side: "b\n  human 1\n---\n{}"})
    workshop.build(repo)
    check(repo, workshop)
    assert all(len(sha) == 64 for sha in workshop.lake.read("git_commits")["commit_sha"])
    assert (tip, "human") in workshop.rows("merged_lines", "landing_sha", "author_class")


def test_history_is_the_same_for_any_number_of_children(tmp_path):
    repo = Repository(tmp_path / "app")
    for number in range(12):
        repo.commit({f"{number % 3}": "line\n" * number}, at=START + number * 90 * DAY)
    tables = []
    for jobs in (1, 5):
        workshop = Workshop(tmp_path / f"out{jobs}")
        workshop.identities = tables[0][1] if tables else workshop.identities
        workshop.ingest(repo, jobs=jobs)
        tables.append(
            ({path.name: path.read_bytes() for path in workshop.lake.root.rglob("*.parquet")}, workshop.identities)
        )
    assert tables[0][0] == tables[1][0]


def test_notes_alone_are_no_history(repo, workshop):
    repo.commit({"x": "1\n"}, ref=NOTES)
    assert (workshop.ingest(repo).status, workshop.lake.read("git_commits").height) == ("ok", 0)
