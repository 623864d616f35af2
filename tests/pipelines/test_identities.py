from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.identities import Identities


@pytest.fixture(scope="module")
def identities(tmp_path_factory):
    return Identities(tmp_path_factory.mktemp("identities"))


def test_pseudonyms_are_keyed_and_stay(tmp_path):
    one, other = Identities(tmp_path / "one"), Identities(tmp_path / "other")
    assert re.fullmatch("[0-9a-f]{32}", one.pseudonym("engineer", "ada@example.com"))
    assert one.pseudonym("engineer", "ada@example.com") == Identities(tmp_path / "one").pseudonym(
        "engineer", "ada@example.com"
    )
    assert one.pseudonym("engineer", "ada@example.com") != other.pseudonym("engineer", "ada@example.com")
    assert one.pseudonym("engineer", "x") != one.pseudonym("session", "x")
    assert one.hash_path("a/b") != other.hash_path("a/b")
    assert one.identity_of("A", "b") != one.identity_of("Ab", "")


def test_a_key_that_others_can_read_is_refused(tmp_path):
    key = Identities(tmp_path).folder / "key"
    key.chmod(0o640)
    with pytest.raises(PermissionError, match="chmod 600"):
        Identities(tmp_path)


@given(st.text())
def test_any_text_has_a_pseudonym_and_a_hash(identities, text):
    assert len(identities.pseudonym("x", text)) == 32
    assert 0 <= identities.hash_path(text) < 2**64


@given(st.lists(st.sampled_from(["a", "b", "c.py", ".", "", ".."]), max_size=30), st.integers(1, 30))
def test_path_keys_are_the_suffixes_longest_first(identities, parts, limit):
    kept = [part for part in parts if part not in ("", ".")][-limit:]
    expected = [identities.hash_path("/".join(kept[start:])) for start in range(len(kept))]
    assert identities.path_keys("/".join(parts), limit) == expected


def test_a_path_in_a_repository_is_a_suffix_of_the_path_on_disk(identities):
    assert identities.path_keys("src/a.py")[0] in identities.path_keys("home/ada/app/src/a.py")
    assert identities.path_keys("rc/a.py")[0] not in identities.path_keys("home/ada/app/src/a.py")
    assert identities.path_keys("") == []


def test_place_keys_are_the_parents_longest_first(identities):
    places, names = identities.place_keys("/Home/ada/app/")
    assert places == [identities.hash_path(path) for path in ("/Home/ada/app", "/Home/ada", "/Home")]
    assert names == [identities.hash_path(name) for name in ("name:app", "name:ada", "name:home")]
    assert identities.place_keys("/") == ([], [])


def test_the_book_keeps_what_it_knows(tmp_path):
    identities = Identities(tmp_path)
    assert identities.book().rows() == []
    identities.remember([("2", "Bo", "bo@example.com"), ("1", "Ada", "ada@example.com")])
    identities.remember([("2", "Other", "other@example.com"), ("3", "Cy", "")])
    assert identities.book().rows() == [("1", "Ada", "ada@example.com"), ("2", "Bo", "bo@example.com"), ("3", "Cy", "")]
    identities.remember([])
    assert identities.book().height == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key", "people.parquet"]


def test_mailmaps_are_kept_apart(tmp_path):
    identities = Identities(tmp_path)
    assert identities.mailmap("app") == b""
    identities.keep_mailmap("app", b"one")
    identities.keep_mailmap("App", b"two")
    assert (identities.mailmap("app"), identities.mailmap("App")) == (b"one", b"two")
