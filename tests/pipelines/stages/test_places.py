from __future__ import annotations

import polars as pl
import pytest

from pipelines.config import Repository as Named
from pipelines.stages.places import assign_edits, find_places, locate_sessions
from schemas import TABLES
from tests.pipelines.repositories import Repository, Workshop

PATHS = ("src/app.py", "src/deep/app.py", "app.py", "lib/other.py", "README.md")


@pytest.fixture
def workshop(tmp_path):
    workshop = Workshop(tmp_path / "out")
    for name, paths in (("app", PATHS), ("lib", ("src/app.py", "src/lib.py", "main.py"))):
        repo = Repository(tmp_path / "code" / name)
        repo.commit(dict.fromkeys(paths, "one = 1\n"))
        workshop.ingest(repo, name)
    return workshop


def places(workshop, tmp_path):
    named = [Named(path=tmp_path / "code" / name, name=name) for name in ("lib", "app")]
    return find_places(named, workshop.lake, workshop.identities)


def edits(workshop, *rows):
    """(session, directory, path) of each edit."""
    columns = []
    for number, (session, directory, path) in enumerate(rows, 1):
        held, names = workshop.identities.place_keys(directory)
        columns.append(
            {
                "file_id": "f", "session_id": session, "record_id": "r", "edit_id": number, "position": number,
                "edited_at": None, "tool": "codex", "model": None, "path_keys": workshop.identities.path_keys(path),
                "place": held, "place_names": names, "lines_written": 1,
            }
        )  # fmt: skip
    return pl.DataFrame(columns, schema=TABLES["session_edits"].polars_schema)


def assigned(workshop, tmp_path, *rows):
    found = assign_edits(edits(workshop, *rows), places(workshop, tmp_path))
    named = {edit: (repo, path) for edit, _, repo, path in found.rows()}
    return [named.get(number) for number in range(1, len(rows) + 1)]


def test_the_repositorys_own_folder_decides(workshop, tmp_path):
    root = str(tmp_path / "code/app")
    assert assigned(
        workshop, tmp_path, ("s", root, f"{root}/src/app.py"), ("s", f"{root}/src", f"{root}/src/deep/app.py"),
        ("s", root, f"{root}/README.md"), ("s", root, "/elsewhere/nothing.py"),
    ) == [("app", "src/app.py"), ("app", "src/deep/app.py"), ("app", "README.md"), None]  # fmt: skip


def test_the_longest_path_wins(workshop, tmp_path):
    root = str(tmp_path / "code/app")
    assert assigned(workshop, tmp_path, ("s", root, f"{root}/x/app.py")) == [("app", "app.py")]


def test_a_folder_of_the_same_name_elsewhere(workshop, tmp_path):
    rows = [("s", "/home/bo/App", "/home/bo/App/src/app.py"), ("t", "/home/bo/lib/src", "/home/bo/lib/src/app.py")]
    assert assigned(workshop, tmp_path, *rows) == [("app", "src/app.py"), ("lib", "src/app.py")]


def test_paths_alone_decide_where_a_session_agrees(workshop, tmp_path):
    fitting = [("s", "/w", "/w/src/deep/app.py"), ("s", "/w", "/w/lib/other.py"), ("s", "/w", "/w/none.py")]
    assert assigned(workshop, tmp_path, *fitting) == [("app", "src/deep/app.py"), ("app", "lib/other.py"), None]
    alone = [("s", "/w", "/w/src/deep/app.py"), *(("s", "/w", f"/w/{number}.py") for number in range(3))]
    assert assigned(workshop, tmp_path, *alone) == [None] * 4


def test_a_bare_file_name_is_too_little(workshop, tmp_path):
    assert assigned(workshop, tmp_path, ("s", "/w", "/w/README.md"), ("s", "/w", "/w/app.py")) == [None, None]


def test_nothing_gives_nothing(workshop, tmp_path):
    empty = edits(workshop)
    assert assign_edits(empty, places(workshop, tmp_path)).rows() == []
    assert assigned(workshop, tmp_path, ("s", "", "")) == [None]
    nowhere = find_places([], workshop.lake, workshop.identities)
    assert assign_edits(edits(workshop, ("s", "/w", "/w/a.py")), nowhere).rows() == []


def test_sessions_are_where_their_edits_went_else_where_they_ran(workshop, tmp_path):
    root = str(tmp_path / "code/lib")
    found = places(workshop, tmp_path)
    edited = assign_edits(edits(workshop, ("one", "/home/app", "/home/app/src/deep/app.py")), found)

    def ran(session, directory):
        held, names = workshop.identities.place_keys(directory)
        row = dict.fromkeys(TABLES["session_events"].columns)
        row |= {field.name: 0 for field in TABLES["session_events"] if field.kind == "int64"}
        return row | {"session_id": session, "place": held, "place_names": names}

    events = pl.DataFrame(
        [ran("one", root), ran("two", f"{root}/src"), ran("three", "/x/APP"), ran("four", "/x/y")],
        schema=TABLES["session_events"].polars_schema,
    )
    assert locate_sessions(events, edited, found).rows() == [("one", "app"), ("three", "app"), ("two", "lib")]
