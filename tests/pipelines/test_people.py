"""The roster and the aliases."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from pipelines.config import ConfigError
from pipelines.sources.people import RosterEntry, read_aliases, read_people, read_roster

if TYPE_CHECKING:
    from pathlib import Path


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(text)
    return path


def test_a_roster_is_read_in_the_order_of_addresses(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "\ufeffemail,engineer,joined,left,time_zone\n# comment\nZoe@Example.com,Zoe,2024-01-02,,Europe/Berlin\n\nada@example.com,,,,\n",
    )
    assert read_roster(path) == [
        RosterEntry("ada@example.com", "", None, None, None),
        RosterEntry("zoe@example.com", "Zoe", date(2024, 1, 2), None, "Europe/Berlin"),
    ]


def test_columns_may_be_left_out_and_reordered(tmp_path: Path) -> None:
    assert read_roster(write(tmp_path, "engineer,email\nAda,ada@example.com\n"))[0].engineer == "Ada"


def test_chains_of_aliases_end_at_the_last_address(tmp_path: Path) -> None:
    path = write(
        tmp_path, "alias,email\na@example.com,b@example.com\nb@example.com,C@example.com\nc@example.com,c@example.com\n"
    )
    assert read_aliases(path) == dict.fromkeys(["a@example.com", "b@example.com", "c@example.com"], "c@example.com")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("email,name\n", 1, "'name' is unknown"),
        ("engineer\nAda\n", 1, "'email' is missing"),
        ("email\nada\n", 2, "not an e-mail"),
        ("email,joined\nada@example.com,yesterday\n", 2, "2024-01-31"),
        ("email,joined,left\nada@example.com,2024-02-01,2024-01-01\n", 2, "before joined"),
        ("email,time_zone\nada@example.com,Mars\n", 2, "Europe/Berlin"),
        ("email\nada@example.com\nADA@example.com\n", 3, "earlier line"),
        ("email,engineer\nada@example.com\n", 2, "1 values for 2 columns"),
        ('email\n"ada@example.com\n', 2, "quote"),
        ("", None, "empty"),
    ],
)
def test_a_wrong_roster_names_its_line(tmp_path: Path, text: str, line: int | None, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_roster(write(tmp_path, text))
    assert caught.value.line == line
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("a@example.com,b@example.com\nb@example.com,a@example.com\n", "circle"),
        ("a@x.com,b@x.com\na@x.com,c@x.com\n", "somebody else"),
    ],
)
def test_contradicting_aliases_are_refused(tmp_path: Path, rows: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read_aliases(write(tmp_path, "alias,email\n" + rows))


def test_rows_of_one_engineer_are_one_person(tmp_path: Path) -> None:
    roster = tmp_path / "roster.csv"
    roster.write_text("email,engineer\nwork@example.com,Ada\nhome@example.com,Ada\nbo@example.com,Bo\nx@example.com,\n")
    aliases = tmp_path / "aliases.csv"
    aliases.write_text("alias,email\nold@example.com,work@example.com\nbot@example.com,ci@example.com\n")
    assert read_people(roster, aliases) == {
        "work@example.com": "home@example.com",
        "old@example.com": "home@example.com",
        "bot@example.com": "ci@example.com",
    }
    assert read_people(None, None) == {}


def test_an_alias_of_an_address_that_the_roster_does_not_hold_stays(tmp_path: Path) -> None:
    roster = tmp_path / "roster.csv"
    roster.write_text("email,engineer\nold@example.com,Ada\nnew@example.com,Ada\n")
    aliases = tmp_path / "aliases.csv"
    aliases.write_text("alias,email\nold@example.com,ada@example.com\n")
    # The roster's own row goes by its alias, and the engineer's other address with it.
    people = read_people(roster, aliases)
    assert people["old@example.com"] == people.get("ada@example.com", "ada@example.com")
    assert people.get("new@example.com", "new@example.com") == people["old@example.com"]
