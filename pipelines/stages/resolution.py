"""From evidence to a class: who wrote each group of merged lines, and which engineer answers for it.

Belongs here: the precedence of evidence, sponsors of bots, the waterfall's last stage. Does not belong here: gathering
evidence (`attribution.py`). Nothing here reads history, so a changed rule costs no reading.

Precedence per line: files that nobody authors are `generated`; then a note on the line; then a session that wrote it;
then an agent's account as author; then agents that the commit's message names, which is an upper bound on lines; then
another bot's account. What is left is `unknown`, or `human` where the configuration says that silence means so.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from pipelines.stages.categories import LEFT_OUT
from schemas import TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMIT_MARKS = ("aider_author", "co_author_trailer", "policy_trailer", "footer", "session_link")
"""Marks on a whole commit, strongest first."""


def summarise_marks(marks: pl.DataFrame) -> pl.DataFrame:
    """Per commit: `bot_tool`, `is_automation`, `mark` (strongest commit-level kind), `tools`, `models` (sorted lists)."""
    strength = {kind: number for number, kind in enumerate(COMMIT_MARKS)}
    bots = marks.filter(pl.col("kind") == "bot_author")
    named = marks.filter(pl.col("kind").is_in(COMMIT_MARKS)).with_columns(
        strength=pl.col("kind").replace_strict(strength, return_dtype=pl.Int64)
    )
    authors = bots.group_by("commit_sha").agg(bot_tool=pl.col("tool").min())
    automation = (
        marks.filter(pl.col("kind") == "automation_author")
        .select("commit_sha", is_automation=pl.lit(value=True))
        .unique()
    )
    commits = named.group_by("commit_sha").agg(mark=pl.col("kind").sort_by("strength").first())
    both = pl.concat([bots, named.drop("strength")])
    tools = both.group_by("commit_sha").agg(
        tools=pl.col("tool").unique().sort(), models=pl.col("model").drop_nulls().unique().sort()
    )
    every = marks.select("commit_sha").unique()
    for part in (authors, automation, commits, tools):
        every = every.join(part, on="commit_sha", how="left")
    return every.with_columns(pl.col("is_automation").fill_null(value=False)).sort("commit_sha")


def find_sponsors(commits: pl.DataFrame, marks: pl.DataFrame, engineers: pl.DataFrame) -> pl.DataFrame:
    """Engineer who answers for each commit: `commit_sha`, `engineer_id`.

    The author, but for an agent's account: then the first human co-author by id, else whoever landed it, as author or
    else as committer of the landing; the account itself where all of them are bots. `commits` has `commit_sha`,
    `author_id`, `committer_id`, `landing_sha`; `engineers` is engineer_identities.
    """
    who = engineers.select("identity_id", "engineer_id", "is_agent", "is_bot").unique("identity_id").sort("identity_id")
    people = who.filter(~pl.col("is_bot")).select("identity_id", "engineer_id")
    co_authors = (
        marks.filter(pl.col("kind") == "human_co_author")
        .join(people, on="identity_id", how="inner")
        .group_by("commit_sha")
        .agg(co_author=pl.col("engineer_id").min())
    )
    mergers = commits.select(landing_sha="commit_sha", merger_id="author_id", lander_id="committer_id")
    found = (
        commits.select("commit_sha", "author_id", "landing_sha")
        .join(who, left_on="author_id", right_on="identity_id", how="left")
        .join(co_authors, on="commit_sha", how="left")
        .join(mergers, on="landing_sha", how="left")
        .join(people.rename({"engineer_id": "merger"}), left_on="merger_id", right_on="identity_id", how="left")
        .join(people.rename({"engineer_id": "lander"}), left_on="lander_id", right_on="identity_id", how="left")
    )
    sponsor = pl.coalesce("co_author", "merger", "lander", "engineer_id")
    return found.select(
        "commit_sha", engineer_id=pl.when(pl.col("is_agent")).then(sponsor).otherwise(pl.col("engineer_id"))
    ).sort("commit_sha")


def resolve_lines(
    credited: pl.DataFrame,
    marks: pl.DataFrame,
    landings: pl.DataFrame,
    sponsors: pl.DataFrame,
    categories: pl.DataFrame,
    session_tools: pl.DataFrame,
    *,
    assume_unmarked_is_human: bool | date,
) -> pl.DataFrame:
    """The table `merged_lines` of one repository.

    `landings`: `landing_sha`, `landed_on`; `categories`: `landing_sha`, `path`, `category`; `session_tools`:
    `session_id`, `tool`. `assume_unmarked_is_human` may be the day from which silence means a person.
    """
    rows = (
        credited.join(summarise_marks(marks), on="commit_sha", how="left")
        .join(landings.select("landing_sha", "landed_on"), on="landing_sha", how="left")
        .join(sponsors, on="commit_sha", how="left")
        .join(categories.select("landing_sha", "path", "category"), on=["landing_sha", "path"], how="left")
        .join(session_tools.select("session_id", session_tool="tool"), on="session_id", how="left")
    )
    rows = rows.with_columns(_decide(assume_unmarked_is_human))
    is_ai = pl.col("author_class") == "ai"
    named = pl.col("tools").list.join("+")
    one_model = pl.when(pl.col("models").list.len() == 1).then(pl.col("models").list.first())
    evidence = pl.col("evidence")
    tool = (
        pl.when(evidence == "git_ai_note").then(pl.col("note_tool"))
        .when(evidence == "session_match").then(pl.col("session_tool"))
        .when(evidence == "bot_author").then(pl.col("bot_tool"))
        .when(is_ai).then(named)
        .when(evidence == "automation_author").then(pl.lit("bot"))
    )  # fmt: skip
    model = (
        pl.when(evidence == "git_ai_note").then(pl.col("note_model"))
        .when(evidence == "session_match").then(pl.col("session_model"))
        .when(is_ai).then(one_model)
    )  # fmt: skip
    rows = rows.with_columns(
        tool=tool.fill_null(""),
        model=model.fill_null(""),
        strength=_strength(),
        lines_authored=pl.when(pl.col("author_class") == "generated").then(0).otherwise(pl.col("lines_effective")),
    )
    return _sum(rows, TABLES["merged_lines"].key, TABLES["merged_lines"].columns)


def _decide(assume_unmarked_is_human: bool | date) -> Sequence[pl.Expr]:  # noqa: FBT001 - the value of a setting, not a switch
    assumed = (
        pl.col("landed_on") >= assume_unmarked_is_human
        if isinstance(assume_unmarked_is_human, date)
        else pl.lit(assume_unmarked_is_human)
    ).fill_null(value=False)
    is_left_out = pl.col("category").is_in(LEFT_OUT).fill_null(value=False)
    is_automation = pl.col("is_automation").fill_null(value=False)
    steps: list[tuple[pl.Expr, pl.Expr, str]] = [
        (is_left_out, pl.lit("file_category"), "generated"),
        (pl.col("note_class") == "ai", pl.lit("git_ai_note"), "ai"),
        (pl.col("note_class") == "human", pl.lit("git_ai_note"), "human"),
        (pl.col("session_id").is_not_null(), pl.lit("session_match"), "ai"),
        (pl.col("bot_tool").is_not_null(), pl.lit("bot_author"), "ai"),
        (pl.col("mark").is_not_null(), pl.col("mark"), "ai"),
        (is_automation, pl.lit("automation_author"), "automation"),
        (assumed, pl.lit("policy_assumption"), "human"),
    ]
    evidence, verdict = pl.lit("none"), pl.lit("unknown")
    for condition, kind, author_class in reversed(steps):
        evidence = pl.when(condition).then(kind).otherwise(evidence)
        verdict = pl.when(condition).then(pl.lit(author_class)).otherwise(verdict)
    return evidence.alias("evidence"), verdict.alias("author_class")


def _strength() -> pl.Expr:
    evidence = pl.col("evidence")
    return (
        pl.when(evidence.is_in(["git_ai_note", "session_match"])).then(pl.lit("line"))
        .when(evidence.is_in(["bot_author", "automation_author"])).then(pl.lit("author"))
        .when(evidence.is_in(COMMIT_MARKS)).then(pl.lit("commit"))
        .otherwise(pl.lit("none"))
    )  # fmt: skip


def _sum(rows: pl.DataFrame, key: Sequence[str], columns: Sequence[str]) -> pl.DataFrame:
    by = [*key, *(column for column in columns if column not in key and not column.startswith("lines_"))]
    sums = rows.group_by(by).agg(pl.col("lines_raw", "lines_distinct", "lines_effective", "lines_authored").sum())
    return sums.select(columns).sort(key)
