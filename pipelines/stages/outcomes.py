"""The heuristic judge, version 1: outcome, tier and human minutes of a session from deterministic signals alone.

Belongs here: the rules below. Does not belong here: other judges, rates over sessions (`metrics.py`).

**Outcome.** The rubric is the essay's: a session is a success only if the agent clearly did what was asked without
needing corrections. The judge sees order and counts of events, no text.

*Failure*, if any of these holds:

1. it ends stopped: an interruption or a rejected tool use comes after the agent's last answer or tool call;
2. it ends broken: an API error comes after the agent's last answer or tool call;
3. it ends corrected: the last prompt is a correction, and no answer or tool call follows it;
4. it ends red: the last tests that it ran failed, no commit, pull request or confirmation follows them, and none
   of its lines landed.

*Success*, if none of those holds, the agent answered at all, there is no interruption, rejection or correction
anywhere in the session, and at least one piece of evidence: lines of it landed; the last tests that it ran passed;
a commit or pull request was made; the last prompt is a confirmation.

*Unclear* otherwise: most conversations end without a word. A *verified* success has one of the first two pieces of
evidence or the confirmation; a commit alone does not count, since it may never land.

**Human minutes.** A guess at how long a person would have taken, on a log scale; it orders sessions, no more:
`2 * 2^(0.4 log2(1 + prompts) + 0.4 log2(1 + tool_calls / 4) + 0.3 log2(1 + lines_written / 10) +
0.4 log2(1 + files) + 0.2 log2(1 + active_minutes))`, rounded to tenths. `prompts` are people's and machines';
`files` are distinct paths that it edited; `active_minutes` add up the gaps between events, each at most five
minutes. Lines alone never decide, since success goes with size.

**Tier**, by human minutes: trivial below 15, routine below 60, substantial below 240, open_ended from there. The
cuts are those at which METR's task bins and SWE-bench's difficulty labels change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from schemas import TABLES

if TYPE_CHECKING:
    from pipelines.stages.ledger import Ledger

JUDGE = "heuristic"
JUDGE_VERSION = "1"
ROUTINE_MINUTES, SUBSTANTIAL_MINUTES, OPEN_ENDED_MINUTES = 15, 60, 240
LONGEST_GAP_SECONDS = 300

_ANSWERS = ("response", "tool_call")
_STOPS = ("interruption", "rejection")


def judge_sessions(ledger: Ledger, sessions: pl.DataFrame) -> pl.DataFrame:
    """Table session_outcomes, sorted by its key: one row for each row of `sessions` (the table of that name)."""
    signals = sessions.join(_find_signals(ledger.events), on="session_id", how="left")
    files = ledger.edits.group_by("session_id").agg(files=pl.col("path_keys").list.first().n_unique())
    signals = signals.join(files, on="session_id", how="left").with_columns(
        pl.col("files", "active_seconds", "confirmations").fill_null(0),
        pl.col("^.*_index$").fill_null(-1),
    )
    judged = signals.with_columns(has_tests_passed=pl.col("passed_index") > pl.col("failed_index"))
    judged = judged.with_columns(
        is_confirmed=(pl.col("confirmation_index") >= 0) & (pl.col("confirmation_index") > pl.col("prompt_index")),
        is_failure=_is_failure(),
    )
    is_hard = (pl.col("lines_landed") > 0) | pl.col("has_tests_passed") | pl.col("is_confirmed")
    is_clean = (pl.col("interruptions") + pl.col("rejections") + pl.col("corrections")) == 0
    is_success = (
        ~pl.col("is_failure") & (pl.col("answer_index") >= 0) & is_clean & (is_hard | (pl.col("made_index") >= 0))
    )
    outcome = pl.when("is_failure").then(pl.lit("failure")).when(is_success).then(pl.lit("success"))
    minutes = _estimate_minutes()
    tier = (
        pl.when(minutes < ROUTINE_MINUTES)
        .then(pl.lit("trivial"))
        .when(minutes < SUBSTANTIAL_MINUTES)
        .then(pl.lit("routine"))
        .when(minutes < OPEN_ENDED_MINUTES)
        .then(pl.lit("substantial"))
        .otherwise(pl.lit("open_ended"))
    )
    table = TABLES["session_outcomes"]
    judged = judged.select(
        "session_id",
        judge=pl.lit(JUDGE),
        judge_version=pl.lit(JUDGE_VERSION),
        outcome=outcome.otherwise(pl.lit("unclear")),
        tier=tier,
        human_minutes=minutes,
        verified=is_success & is_hard,
    )
    return judged.select(pl.col(name).cast(kind) for name, kind in table.polars_schema.items()).sort(table.key)


def _find_signals(events: pl.DataFrame) -> pl.DataFrame:
    """session_id, the index of the last event of each sort within the session, and active_seconds."""
    main = events.filter(~pl.col("is_subagent") & (pl.col("kind") != "start"))
    # Of one record's events the prompt stands first, so that what is said about it comes after it.
    rank = pl.col("kind").replace_strict(
        {"prompt": 0, "machine_prompt": 0, "response": 1, "tool_call": 2}, default=3, return_dtype=pl.Int64
    )
    main = main.with_columns(rank=rank).sort(
        "session_id", "occurred_at", "position", "rank", "kind", "record_id", nulls_last=True
    )
    main = main.with_columns(index=pl.int_range(pl.len()).over("session_id"))

    def last(*kinds: str) -> pl.Expr:
        return pl.col("index").filter(pl.col("kind").is_in(kinds)).max()

    signals = main.group_by("session_id").agg(
        prompt_index=last("prompt"),
        answer_index=last(*_ANSWERS),
        stop_index=last(*_STOPS),
        error_index=last("api_error"),
        correction_index=last("correction"),
        confirmation_index=last("confirmation"),
        passed_index=last("test_passed"),
        failed_index=last("test_failed"),
        made_index=last("commit", "pull_request"),
        confirmations=(pl.col("kind") == "confirmation").sum(),
    )
    gaps = (
        events.filter(pl.col("occurred_at").is_not_null())
        .sort("session_id", "occurred_at")
        .group_by("session_id", maintain_order=True)
        .agg(seconds=pl.col("occurred_at").diff().dt.total_seconds().clip(0, LONGEST_GAP_SECONDS).sum())
        .select("session_id", active_seconds="seconds")
    )
    return signals.join(gaps, on="session_id", how="left")


def _is_failure() -> pl.Expr:
    answered = pl.col("answer_index")
    is_stopped = pl.col("stop_index") > answered
    is_broken = pl.col("error_index") > answered
    is_corrected = (pl.col("correction_index") > pl.col("prompt_index")) & (pl.col("correction_index") > answered)
    is_red = (
        (pl.col("failed_index") > pl.col("passed_index"))
        & (pl.col("made_index") < pl.col("failed_index"))
        & (pl.col("confirmation_index") < pl.col("failed_index"))
        & (pl.col("lines_landed") == 0)
    )
    return is_stopped | is_broken | is_corrected | is_red


def _estimate_minutes() -> pl.Expr:
    def log2(value: pl.Expr) -> pl.Expr:
        return (value.cast(pl.Float64) + 1.0).log(2.0)

    power = (
        0.4 * log2(pl.col("prompts") + pl.col("machine_prompts"))
        + 0.4 * log2(pl.col("tool_calls") / 4)
        + 0.3 * log2(pl.col("lines_written") / 10)
        + 0.4 * log2(pl.col("files"))
        + 0.2 * log2(pl.col("active_seconds") / 60)
    )
    return (pl.lit(2.0).pow(power + 1.0)).round(1)
