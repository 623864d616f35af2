from __future__ import annotations

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipelines.sources.mailmap import Mailmap
from pipelines.stages.engineers import engineer_of, summarise_engineers
from tests.pipelines.repositories import ADA, BO, CLAUDE, CY, DEPENDABOT, DEVIN, Repository, Workshop, link

NAMES = st.sampled_from(["Ada", "ada", "Bo B", "C # D", ""])
MAILS = st.sampled_from(["a@x.example", "A@X.example", "b@x.example", "c@x.example", "", "no at"])
LINES = st.one_of(
    st.tuples(NAMES, MAILS).map(lambda row: f"{row[0]} <{row[1]}>"),
    st.tuples(NAMES, MAILS, NAMES, MAILS).map(lambda row: f"{row[0]} <{row[1]}> {row[2]} <{row[3]}>"),
    st.tuples(MAILS, MAILS).map(lambda row: f"<{row[0]}> <{row[1]}>"),
    st.sampled_from(["# Ada <a@x.example> <b@x.example>", "", "broken <a@x.example", "  Ada <c@x.example>   <a@x.example>  # why",
                     "\tAda <c@x.example> Bo B <b@x.example>\r", "words", "> <", "Ada <c@x.example><b@x.example>"]),
)  # fmt: skip


# Shrinking costs minutes of git children: a failure is shown as it was drawn.
@settings(
    max_examples=40, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(st.lists(LINES, max_size=8))
def test_the_mailmap_maps_as_git_maps(tmp_path_factory, lines):
    content = "\n".join(lines).encode()
    repo = Repository(tmp_path_factory.mktemp("mailmap") / "r")
    file = repo.path / "map"
    file.write_bytes(content)
    people = [
        (name, mail)
        for name in ("Ada", "Bo B", "C # D", "Other")
        for mail in ("a@x.example", "A@x.example", "b@x.example", "no at")
    ]
    asked = "".join(f"{name} <{mail}>\n" for name, mail in people).encode()
    answers = repo.git("-c", f"mailmap.file={file}", "check-mailmap", "--stdin", stdin=asked).decode().splitlines()
    mailmap = Mailmap(content)
    found = [mailmap.resolve(name, mail) for name, mail in people]
    assert found == [answer.rpartition("<")[2].rstrip(">") for answer in answers]


def test_an_empty_mailmap_changes_nothing():
    assert Mailmap().resolve("Ada", "Ada@Example.com") == "Ada@Example.com"
    assert Mailmap(b"\xff\xfe <a@x> <b@x>\n").resolve("", "b@x") == "a@x"


@pytest.fixture
def workshop(tmp_path):
    return Workshop(tmp_path / "out")


def test_mailmap_then_aliases_join_identities(tmp_path, workshop):
    repo = Repository(tmp_path / "app")
    repo.commit(
        {".mailmap": "Ada Example <ada@example.com> <ada@old.example>\n", "a": "one = 1\n"},
        author="A <ada@old.example>",
    )
    repo.commit({"b": "two = 2\n"}, author="Ada <ADA@Example.com>")
    repo.commit({"c": "three = 3\n"}, author="Ada at home <home@example.org>")
    workshop.build(repo, aliases={"home@example.org": "ada@example.com"})
    assert workshop.lake.read("engineer_identities")["engineer_id"].unique().to_list() == [workshop.engineer(ADA)]
    assert workshop.lake.read("merged_lines")["engineer_id"].unique().to_list() == [workshop.engineer(ADA)]


def test_a_mailmap_that_changes_moves_old_work(tmp_path, workshop):
    repo = Repository(tmp_path / "app")
    repo.commit({"a": "one = 1\n"}, author=BO)
    workshop.build(repo)
    repo.commit({".mailmap": "<ada@example.com> <bo@example.com>\n"}, author=ADA)
    workshop.build(repo)
    assert workshop.lake.read("merged_lines")["engineer_id"].unique().to_list() == [workshop.engineer(ADA)]


def test_a_linked_mailmap_is_not_followed(tmp_path, workshop):
    repo = Repository(tmp_path / "app")
    repo.commit({".mailmap": link("map"), "map": "<ada@example.com> <bo@example.com>\n"}, author=BO)
    workshop.build(repo)
    assert workshop.identities.mailmap("app") == b""


def test_agents_and_bots_are_told_from_people(tmp_path, workshop):
    repo = Repository(tmp_path / "app")
    for number, author in enumerate((ADA, DEVIN, DEPENDABOT, CLAUDE, "new[bot] <new@example.com>")):
        repo.commit({f"{number}": f"one = {number}\n"}, author=author, committer=CY)
    workshop.build(repo)
    book = workshop.identities.book()
    rows = workshop.lake.read("engineer_identities").join(book, on="identity_id")
    assert {name.split("[")[0].split()[0]: flags for name, *flags in rows.select("name", "is_agent", "is_bot").rows()} == {
        "Ada": [False, False], "Cy": [False, False], "devin-ai-integration": [True, True], "Claude": [True, True],
        "dependabot": [False, True], "new": [False, True],
    }  # fmt: skip
    engineers = summarise_engineers(workshop.lake)
    bots = set(engineers.filter(pl.col("is_bot"))["engineer_id"])
    assert bots == {workshop.engineer(DEPENDABOT), workshop.engineer("x <new@example.com>")}
    assert workshop.engineer(CY) in set(engineers["engineer_id"])  # who merged the agents' work answers for it
    assert workshop.engineer(DEVIN) not in set(engineers["engineer_id"])


def test_ids_of_engineers(workshop):
    of = engineer_of
    identities = workshop.identities
    assert of(identities, " Ada@Example.com ", "x", {}, pseudonyms=False) == "ada@example.com"
    assert of(identities, "", "Ada", {}, pseudonyms=False) == "name:ada"
    assert of(identities, "a@x", "", {"a@x": "b@x"}, pseudonyms=False) == "b@x"
    assert of(identities, "a@x", "", {}, pseudonyms=True) == identities.pseudonym("engineer", "a@x")
