"""Marks of agents on commits, and all that looks like one and is none."""

from __future__ import annotations

import pytest

from pipelines.sources.git.marks import Mark, load_rules, parse_person
from pipelines.sources.git.objects import Commit, Identity
from pipelines.sources.git.subjects import is_forge_commit, pull_request_of
from pipelines.sources.models import clean_model

RULES = load_rules()
ADA = Identity("Ada Example", "ada@example.com")
NOREPLY = "@users.noreply.github.com"


def marks(message="", author=ADA, committer=ADA):
    commit = Commit("0" * 40, "1" * 40, (), author, committer, 0, 0, message)
    return RULES.find_marks(commit)


def kinds(message="", **people):
    return [(mark.kind, mark.tool) for mark in marks(message, **people)]


def trailer(value, key="Co-Authored-By"):
    return f"Mend it\n\nSome words.\n\n{key}: {value}\n"


@pytest.mark.parametrize(
    ("value", "tool"),
    [
        ("Claude <noreply@anthropic.com>", "claude-code"),
        ("Claude <no-reply@anthropic.com>", "claude-code"),
        ("CLAUDE <NOREPLY@Anthropic.COM>", "claude-code"),
        ("Claude <noreply@anthropic.com)", "claude-code"),
        ('Claude <noreply@anthropic.com>"', "claude-code"),
        ("Claude <noreply@anthropic.com", "claude-code"),
        ("Claude &lt;noreply@anthropic.com&gt;", "claude-code"),
        ("Crush <crush@charm.land", "crush"),
        (f"Copilot 223556219+Copilot{NOREPLY}", "copilot-cli"),
        (f"Copilot <223556219+Copilot{NOREPLY}>", "copilot-cli"),
        (f"renamed <198982749+whatever{NOREPLY}>", "copilot-coding-agent"),
        ("Oz [oz-agent@warp.dev](mailto:oz-agent@warp.dev)", "oz"),
        ("Oz <oz-agent@warp.dev>", "oz"),
        ("Cursor <cursoragent@cursor.com>", "cursor"),
        ("Codex <noreply@openai.com>", "codex"),
        ("aider (gpt-5.4) <noreply@aider.chat>", "aider"),
        ("Amp <amp@ampcode.com>", "amp"),
        (f"Claude <41898282+claude[bot]{NOREPLY}>", "claude-code"),
        (f"roomote[bot] <219738659+roomote-v0[bot]{NOREPLY}>", "roo-code"),
        ("MechaCoder <noreply@anthropic.com>", "claude-code"),
    ],
)
@pytest.mark.parametrize("key", ["Co-Authored-By", "co-authored-by", "Coauthored-by", "  Co-authored-by "])
def test_co_authors_in_every_form(value, tool, key):
    assert kinds(trailer(value, key)) == [("co_author_trailer", tool)]


@pytest.mark.parametrize(
    "value",
    [
        "Claude Monet <claude@example.com>", "Devin <devin@example.com>", "Jules Verne <jules@example.com>",
        "Zed <zed@zed.dev>", "Person <person@all-hands.dev>", "Person <person@warp.dev>", "Person <person@ampcode.com>",
        "Person <person@amazon.com>", "Person <person@google.com>", "codex <codex@example.com>",
        f"warp-agent-staging[x] <1234567+person{NOREPLY}>", f"Claude <7654321+person{NOREPLY}>", "noreply@anthropic.com.example.com",
        "X <xnoreply@anthropic.com>",
    ],
)  # fmt: skip
def test_people_are_people_whatever_they_are_called(value):
    assert [mark.kind for mark in marks(trailer(value))] == ["human_co_author"]
    assert marks(author=parse_person(value)) == []


@pytest.mark.parametrize("value", ["Gemini", "unknown <>", "Claude", "AI assistant", "<>"])
def test_without_an_address_there_is_no_one(value):
    assert marks(trailer(value)) == []


def test_a_persons_number_wins_over_a_bots_name():
    assert RULES.identify(Identity("warp-agent-staging[bot]", f"1234567+person{NOREPLY}")) != (
        "oz",
        "autonomous",
        "autonomous",
    )
    assert RULES.identify(Identity("devin-ai-integration[bot]", f"158243242+x{NOREPLY}"))[0] == "devin"


@pytest.mark.parametrize(
    ("name", "login", "kind"),
    [
        ("dependabot[bot]", "49699333+dependabot[bot]", "automation_author"),
        ("github-actions[bot]", "41898282+github-actions[bot]", "automation_author"),
        ("claude[bot]", "41898282+claude[bot]", "bot_author"),
        ("devin-ai-integration[bot]", "158243242+devin-ai-integration[bot]", "bot_author"),
        ("never-heard-of[bot]", "555000555+never-heard-of[bot]", "automation_author"),
        ("Copilot", "198982749+Copilot", "bot_author"),
        ("ellipsis-dev[bot]", "65095814+ellipsis-dev[bot]", "review_suggestion"),
    ],
)
def test_bots_as_authors(name, login, kind):
    assert [mark.kind for mark in marks(author=Identity(name, login + NOREPLY))] == [kind]


def test_an_unknown_bot_without_github_is_never_a_person():
    assert kinds(author=Identity("Sync [bot]", "sync@example.com")) == [("automation_author", "bot")]


@pytest.mark.parametrize(
    ("name", "email", "kind"),
    [
        ("Claude", "noreply@anthropic.com", "bot_author"),
        ("Claude Opus 4.7", "noreply@anthropic.com", "bot_author"),
        ("Cursor Agent", "cursoragent@cursor.com", "bot_author"),
        ("gemini-cli-robot", "gemini-cli-robot@google.com", "automation_author"),
    ],
)
def test_an_assistants_address_as_author_wrote_it(name, email, kind):
    assert [mark.kind for mark in marks(author=Identity(name, email))] == [kind]


def test_aider_as_author_and_as_committer():
    aider = Identity("Ada Example (aider)", "ada@example.com")
    assert kinds(author=aider) == [("aider_author", "aider")]
    assert kinds(committer=aider) == []
    assert kinds("aider: mend it\n") == [("footer", "aider")]
    assert kinds("Mend\n\naider: mend it\n") == []


def test_the_web_interface_says_nothing():
    assert kinds(committer=Identity("GitHub", "noreply@github.com")) == []


def test_reviewers_and_hints_touch_and_do_not_write():
    assert kinds(trailer(f"Copilot <175728472+Copilot{NOREPLY}>")) == [("review_suggestion", "copilot-review")]
    assert kinds(trailer("Copilot <copilot@github.com>")) == [("hint", "copilot")]
    assert kinds(trailer("dependabot[bot] <support@dependabot.com>")) == []


def test_signatures_are_no_evidence():
    assert (
        kinds("Mend\n\nSigned-off-by: Claude <noreply@anthropic.com>\nReviewed-by: Cursor <cursoragent@cursor.com>\n")
        == []
    )


def test_trailers_in_the_middle_of_a_squash_count_once_each():
    message = (
        "Feature (#12)\n\n* fix: one\n\nCo-authored-by: Claude <noreply@anthropic.com>\n\n* two\n\n"
        "Co-authored-by: Claude <noreply@anthropic.com>\nCo-authored-by: Bo <bo@example.com>\n\nMore words at the end."
    )
    assert kinds(message) == [("co_author_trailer", "claude-code"), ("human_co_author", "")]
    assert marks(message)[1].person == ("Bo", "bo@example.com")


def test_a_message_without_final_newline_and_with_carriage_returns():
    assert kinds("Mend\n\nCo-authored-by: Claude <noreply@anthropic.com>") == [("co_author_trailer", "claude-code")]
    assert kinds("Mend\r\n\r\nCo-authored-by: Claude <noreply@anthropic.com>\r\n") == [
        ("co_author_trailer", "claude-code")
    ]


@pytest.mark.parametrize(
    "message",
    [
        trailer("Jane Example", "Assisted-by"),
        trailer("Daniel Example <daniel@example.com>", "Assisted-by"),
        trailer("Jules Example <jules@example.com>", "Assisted-by"),
        trailer("Claude Example <claude@example.com>", "Suggested-by"),
        trailer("openstack/project-config:roles/prepare/files/add_release_note_page.sh", "Generated-by"),
        trailer("https://github.com/example/app/commit/1", "Claude-Session"),
        trailer("https://claude.ai.example.com/code/session_1", "Claude-Session"),
        trailer("https://evil.example.com/https://claude.ai/code/session_1", "Claude-Session"),
        trailer("Person", "Replit-Commit-Author"),
        "Write about the Generated with love section\n",
        "Cursor: blink slower\n\nMade-with-love: Cursor\n",
    ],
)
def test_controls_that_are_no_marks(message):
    assert [mark for mark in marks(message) if mark.kind != "human_co_author"] == []


@pytest.mark.parametrize(
    ("value", "tool", "model"),
    [
        ("Claude:claude-3-opus coccinelle sparse", "claude-code", "claude-3-opus"),
        ("Claude claude-opus-4-6 claude-code-2.1.92", "claude-code", "claude-opus-4-6"),
        ("claude-code (claude-opus-4-6)", "claude-code", "claude-opus-4-6"),
        ("GPT-5 (Cursor)", "cursor", "gpt-5"),
        ("Cursor Auto", "cursor", ""),
        ("pi gpt-5.5", "pi", "gpt-5.5"),
        ("Opus 4.7", "unknown", "opus-4.7"),
        ("OpenAI GPT-5.4", "unknown", "gpt-5.4"),
        ("GLM-4.7 via Crush <crush@charm.land>", "crush", "glm-4.7"),
    ],
)
def test_policy_trailers(value, tool, model):
    assert marks(trailer(value, "Assisted-by")) == [Mark("policy_trailer", tool, model)]


@pytest.mark.parametrize(
    ("line", "kind", "tool", "reference"),
    [
        ("\U0001f916 Generated with [Claude Code](https://claude.com/claude-code)", "footer", "claude-code", ""),
        ("Claude-Session: https://claude.ai/code/session_01AbC", "session_link", "claude-code", "session_01AbC"),
        ("Made-with: Cursor", "footer", "cursor", ""),
        ("Amp-Thread-ID: https://ampcode.com/threads/T-" + "a" * 36, "session_link", "amp", "T-" + "a" * 36),
        ("Replit-Commit-Author: Agent", "footer", "replit", ""),
        ("Entire-Checkpoint: 0123456789ab", "hint", "entire", "0123456789ab"),
        ("\U0001f498 Generated with Crush", "footer", "crush", ""),
    ],
)
def test_footers(line, kind, tool, reference):
    found = [mark for mark in marks(f"Mend\n\n{line}\n") if mark.kind == kind]
    assert [(mark.tool, mark.reference) for mark in found] == [(tool, reference)]


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("Claude Opus 4.6 (1M context)", "claude-opus-4-6"), ("Claude Fable 5", "claude-fable-5"), ("Claude", ""),
        ("Claude 3.5 Sonnet", "claude-sonnet-3-5"), ("Claude Code 2.1 / Claude Opus 5", "claude-opus-5"), ("Claude opus", ""),
    ],
)  # fmt: skip
def test_models_of_claude(name, model):
    assert [mark.model for mark in marks(trailer(f"{name} <noreply@anthropic.com>"))] == [model]


@pytest.mark.parametrize(
    ("recorded", "model"),
    [
        ('"gpt-5"', "gpt-5"), ("openai-codex/gpt-5.4", "gpt-5.4"), ("openrouter/tencent/hy3:free", "hy3:free"),
        ("claude-opus-4-8[1m]", "claude-opus-4-8"), ("claude-opus-4.6", "claude-opus-4-6"), ("<synthetic>", ""),
        ("claude-opus-4-6-20260101", "claude-opus-4-6"), ("default", ""), ("unknown", ""), ("", ""), ("Auto", ""),
    ],
)  # fmt: skip
def test_model_names_are_cleaned(recorded, model):
    assert clean_model(recorded) == model


@pytest.mark.parametrize(
    ("message", "number"),
    [
        ("Mend (#12)", 12), ("Mend (#12)\n\nbody (#13)", 12), ("Merge pull request #7 from a/b", 7), ("Mend #12", None),
        ("Revert (#1) of it", None), ("Merged in x (pull request #3)", 3), ("Mend\n\nSee merge request a/b!4", 4),
        ("(#" + "9" * 30 + ")", None), ("", None),
    ],
)  # fmt: skip
def test_pull_requests(message, number):
    assert pull_request_of(message) == number


def test_forges():
    assert is_forge_commit("NoReply@github.com")
    assert not is_forge_commit("ada@example.com")


def test_hostile_messages_take_no_time():
    for text in (
        "Co-authored-by: " + " " * 20_000,
        "<" * 20_000,
        "co-authored-by:" * 5_000,
        "a " * 20_000 + "@",
        "[" * 5_000 + "@](",
    ):
        marks(f"Mend\n\nCo-authored-by: {text}\nAssisted-by: {text}\n")
