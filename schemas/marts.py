"""The published tables: what analysts query, and what the contract promises.

Belongs here: every table of the warehouse. Does not belong here: how a table is computed (`pipelines/stages`,
`warehouse/marts`), nor tables that stay in the lake (`lake.py`).
"""

from __future__ import annotations

from schemas.fields import Field, Table
from schemas.lake import AUTHOR_CLASSES, REPO, SHA

LANDING = Field("landing_sha", "string", "First-parent commit of the mainline that brought it in")
ENGINEER = Field("engineer_id", "string", "Pseudonym of the engineer: keyed hash of the canonical e-mail address")
SESSION = Field("session_id", "string", "Pseudonym of the session: keyed hash of the id that the agent gave it")
RAW = Field("lines_raw", "int64", "Added lines, as git log --first-parent -m --numstat counts them")
DELETED = Field("lines_deleted", "int64", "Deleted lines, as git counts them")
DISTINCT = Field(
    "lines_distinct",
    "int64",
    "Added lines without those that only moved inside the landing (blocks of 3 or more equal lines, multiset match)",
)
EFFECTIVE = Field(
    "lines_effective",
    "int64",
    "Distinct lines without blank, short (3 characters or fewer), punctuation-only and over-long (1,000 characters) ones",
)
AUTHORED = Field(
    "lines_authored", "int64", "Effective lines outside generated, vendored, minified, lock, snapshot and fixture files"
)
LANDED_ON = Field("landed_on", "date", "UTC date of landed_at", is_nullable=True)
EVIDENCE = (
    "git_ai_note",
    "session_match",
    "bot_author",
    "aider_author",
    "co_author_trailer",
    "policy_trailer",
    "footer",
    "session_link",
    "automation_author",
    "file_category",
    "policy_assumption",
    "none",
)
CATEGORIES = (
    "source",
    "test",
    "documentation",
    "configuration",
    "data",
    "generated",
    "vendored",
    "minified",
    "lock",
    "snapshot",
    "binary",
    "symlink",
    "submodule",
)
GRAIN = Field("grain", "string", "Length of the period", values=("day", "week", "month", "quarter"))
PERIOD = Field("period", "date", "First day of the period (weeks begin on Monday)")
TIER = Field("tier", "string", "Difficulty tier, or `all`")
MODEL = Field("model", "string", "Model, or `all`")
TOOL = Field("tool", "string", "Agent, or `all`")
JUDGE = Field("judge", "string", "Who judged")


def _count(name: str, description: str, unit: str = "", *, is_nullable: bool = False) -> Field:
    return Field(name, "int64", description, unit, is_nullable)


def _share(name: str, description: str, *, is_nullable: bool = True) -> Field:
    return Field(name, "float64", description, "share, 0 to 1", is_nullable)


REPOSITORIES = Table(
    "repositories",
    "Repositories that the configuration names, what was read of each, and what was not.",
    (
        REPO,
        Field("path", "string", "Where the configuration says it is"),
        Field("mainline", "string", "Branch whose first-parent history counts"),
        Field("head_sha", "string", "Commit at the mainline's tip", is_nullable=True),
        _count("landings", "First-parent commits of the mainline"),
        _count("commits", "Commits that landed"),
        Field("first_landed_at", "timestamp", "Earliest landing, UTC", is_nullable=True),
        Field("last_landed_at", "timestamp", "Latest landing, UTC", is_nullable=True),
        Field(
            "status",
            "string",
            "ok; partial: some of it could not be read and is counted in quarantine; refused",
            values=("ok", "partial", "refused"),
        ),
        Field("error", "string", "Why it was refused or is partial, and what to do", is_nullable=True),
    ),
    ("repo",),
    "marts",
)
LANDINGS = Table(
    "landings",
    "One row per landing: a first-parent commit of the mainline, and what the mainline gained by it.",
    (
        REPO,
        LANDING,
        Field(
            "landed_at",
            "timestamp",
            "Committer time of the landing, UTC; null outside the years 1 to 9999",
            is_nullable=True,
        ),
        LANDED_ON,
        Field("kind", "string", "How it landed", values=("merge", "squash", "direct", "root")),
        ENGINEER,
        Field("pull_request", "int64", "Pull- or merge-request number in its subject", is_nullable=True),
        _count("commits", "Commits that landed with it, itself included", "commits"),
        _count("files", "Files that it changed", "files"),
        RAW,
        DELETED,
        DISTINCT,
        EFFECTIVE,
        AUTHORED,
        Field("is_boundary", "bool", "Whether the clone is shallow here: its lines are unknown and counted as 0"),
    ),
    ("repo", "landing_sha"),
    "stages",
)
COMMITS = Table(
    "commits",
    "One row per commit that landed, with the landing that brought it in.",
    (
        REPO,
        SHA,
        LANDING,
        Field("authored_at", "timestamp", "Author time, UTC", is_nullable=True),
        Field("committed_at", "timestamp", "Committer time, UTC", is_nullable=True),
        ENGINEER,
        Field("is_merge", "bool", "Whether it has two or more parents"),
        Field("tools", "list<string>", "Agents that its identities and message name, sorted"),
        Field("models", "list<string>", "Models that its message names, sorted"),
    ),
    ("repo", "commit_sha"),
    "stages",
)
FILE_CHANGES = Table(
    "file_changes",
    "One row per landing and file that it changed.",
    (
        REPO,
        LANDING,
        Field("path", "string", "Path after the landing"),
        Field("old_path", "string", "Path before a rename", is_nullable=True),
        Field("category", "string", "What kind of file it is", values=CATEGORIES),
        Field("language", "string", "Language by file name; empty where unknown"),
        Field("is_binary", "bool", "Whether git calls it binary; its lines are not counted"),
        RAW,
        DELETED,
    ),
    ("repo", "landing_sha", "path"),
    "stages",
)
MERGED_LINES = Table(
    "merged_lines",
    "Merged lines by landing, file, engineer and authorship. The classes of a landing add up to its lines at every stage.",
    (
        REPO,
        LANDING,
        LANDED_ON,
        Field("path", "string", "Path after the landing"),
        ENGINEER,
        Field(
            "author_class", "string", "Who wrote the lines, as the point estimate counts them", values=AUTHOR_CLASSES
        ),
        Field(
            "tool",
            "string",
            "Agents, joined by `+` where several are named and a line cannot be told apart; bot for automation; empty otherwise",
        ),
        Field("model", "string", "Model; empty where unknown"),
        Field("evidence", "string", "Kind of evidence that decided", values=EVIDENCE),
        Field(
            "strength",
            "string",
            "How strong it is: line (this line), author (a bot authored the commit), commit (a mark on the whole commit), none",
            values=("line", "author", "commit", "none"),
        ),
        RAW,
        DISTINCT,
        EFFECTIVE,
        AUTHORED,
    ),
    ("repo", "landing_sha", "path", "engineer_id", "author_class", "tool", "model", "evidence"),
    "stages",
)
ENGINEERS = Table(
    "engineers",
    "One row per engineer or bot that landed something. Who a pseudonym is stands in the identities folder alone.",
    (
        ENGINEER,
        Field("is_bot", "bool", "Whether the account is a bot, an agent's or another"),
        Field("first_landed_on", "date", "First landing, UTC", is_nullable=True),
        Field("last_landed_on", "date", "Last landing, UTC", is_nullable=True),
    ),
    ("engineer_id",),
    "stages",
)
SESSIONS = Table(
    "sessions",
    "One row per conversation with an agent; resumes, forks and subagents are folded in and every record counts once.",
    (
        SESSION,
        Field("tool", "string", "Agent"),
        Field("tool_version", "string", "Last version of the agent in the session", is_nullable=True),
        Field("model", "string", "Model with the most output tokens", is_nullable=True),
        Field("engineer_id", "string", "Pseudonym of whose session it is, where known", is_nullable=True),
        Field(
            "repo", "string", "Repository that most of its edits, or its working directory, belong to", is_nullable=True
        ),
        Field("started_at", "timestamp", "First event, UTC", is_nullable=True),
        Field("ended_at", "timestamp", "Last event, UTC", is_nullable=True),
        _count("prompts", "Prompts typed by a person", "prompts"),
        _count("machine_prompts", "Prompts made by a machine", "prompts"),
        _count("tool_calls", "Tool calls", "calls"),
        _count("tool_errors", "Tool calls that failed, rejections not among them", "calls"),
        _count("interruptions", "Times a person stopped the agent", "times"),
        _count("rejections", "Tool uses that a person refused", "times"),
        _count("corrections", "Prompts and rejections that correct the agent", "times"),
        _count("lines_written", "Lines that its edits wrote"),
        _count("lines_landed", "Merged lines that match a line it wrote to the same path within the window"),
        _count("input_tokens", "Input tokens without cache", "tokens"),
        _count("output_tokens", "Output tokens", "tokens"),
        _count("cache_read_tokens", "Input tokens read from cache", "tokens"),
        _count("cache_write_tokens", "Input tokens written to cache", "tokens"),
        Field("is_automated", "bool", "Whether all its prompts are machine-made"),
        Field("permission_mode", "string", "Permission mode that most of its prompts ran under", is_nullable=True),
    ),
    ("session_id",),
    "stages",
)
SESSION_LANDINGS = Table(
    "session_landings",
    "Which landings took lines from which session.",
    (SESSION, REPO, LANDING, _count("lines", "Merged lines that match a line which the session wrote")),
    ("session_id", "repo", "landing_sha"),
    "stages",
)
SESSION_OUTCOMES = Table(
    "session_outcomes",
    "One verdict per session and judge.",
    (
        SESSION,
        JUDGE,
        Field("judge_version", "string", "Version of the judge and its rubric"),
        Field(
            "outcome",
            "string",
            "Whether the agent clearly did what was asked without needing corrections",
            values=("success", "failure", "unclear"),
        ),
        Field("tier", "string", "Difficulty tier", values=("trivial", "routine", "substantial", "open_ended")),
        Field(
            "human_minutes", "float64", "Estimate of how long a person would have taken", "minutes", is_nullable=True
        ),
        Field(
            "verified",
            "bool",
            "Success with hard evidence: lines that landed, tests that passed last, or the user's explicit confirmation",
        ),
    ),
    ("session_id", "judge"),
    "stages",
)
LINES_PER_ENGINEER_DAY = Table(
    "lines_per_engineer_day",
    "Merged lines per UTC day and engineer: the additive table from which every per-engineer figure is made. Bots are left out.",
    (
        Field("landed_on", "date", "UTC date"),
        ENGINEER,
        RAW,
        EFFECTIVE,
        AUTHORED,
        _count("ai_point", "Of the authored lines, those written by AI, point estimate"),
    ),
    ("landed_on", "engineer_id"),
    "marts",
)
LINES_PER_ENGINEER_QUARTER = Table(
    "lines_per_engineer_quarter",
    "Lines merged per engineer per day, by quarter: the mean over the quarter's observed days of L(d)/A(d), L the "
    "day's lines with landings capped, A the engineers with a landing in the trailing 365 days.",
    (
        Field("quarter", "string", "Quarter, as 2026Q2"),
        Field(
            "specification",
            "string",
            "Choices behind the number: numerator, cap, denominator, days, aggregate, baseline",
        ),
        Field("is_headline", "bool", "Whether it is the specification that the summary quotes"),
        Field("value", "float64", "Lines per engineer per day", "lines per engineer-day"),
        Field(
            "value_lower",
            "float64",
            "Lower end of the 95 % bootstrap interval, clustered by engineer",
            "lines per engineer-day",
            is_nullable=True,
        ),
        Field("value_upper", "float64", "Upper end", "lines per engineer-day", is_nullable=True),
        Field(
            "multiple",
            "float64",
            "Value divided by the mean of the baseline quarters; null without baseline quarters",
            "ratio",
            is_nullable=True,
        ),
        Field("multiple_lower", "float64", "Lower end of the multiple's 95 % interval", "ratio", is_nullable=True),
        Field("multiple_upper", "float64", "Upper end", "ratio", is_nullable=True),
        _count("engineers", "Engineers with a landing in the quarter", "engineers"),
        _count("days", "Observed days of the quarter", "days"),
        Field("is_partial", "bool", "Whether the data does not cover the whole quarter"),
    ),
    ("quarter", "specification"),
    "metrics",
)
AI_SHARE = Table(
    "ai_share",
    "Share of authored lines written by AI, with bounds. Counts are effective lines; lines = ai_lines_point + human + "
    "automation + generated + unknown. Shares are of lines without automation and generated.",
    (
        GRAIN,
        PERIOD,
        Field("repo", "string", "Repository, or `all`"),
        _count("lines", "Effective merged lines"),
        _share("ai_lower", "Line-level evidence and bot authors alone"),
        _share("ai_point", "Lower bound plus lines under commit-level marks"),
        _share("ai_upper", "Everything not proven human, automation or generated"),
        _count("ai_lines_lower", "Lines behind ai_lower"),
        _count("ai_lines_point", "Lines behind ai_point"),
        _count("ai_lines_upper", "Lines behind ai_upper"),
        _count("human", "Lines proven human, or assumed so by the configuration"),
        _count("automation", "Lines of bots that are not AI"),
        _count("generated", "Lines of generated, vendored, minified, lock and snapshot files"),
        _count("unknown", "Lines without evidence"),
        _share("coverage", "Share of lines with any evidence", is_nullable=False),
        Field(
            "is_corrected",
            "bool",
            "Whether the point estimate is corrected by measured precision and recall of commit marks",
        ),
        Field("rules_version", "string", "Version of the identity table"),
    ),
    ("grain", "period", "repo"),
    "marts",
)
_SLICE = (GRAIN, PERIOD, TIER, MODEL, TOOL)
SESSION_SUCCESS = Table(
    "session_success",
    "How often sessions succeed, with Wilson intervals; `unclear` counts as no success in the rate. Sessions without people are left out.",
    (
        *_SLICE,
        JUDGE,
        _count("sessions", "Sessions", "sessions"),
        _count("successes", "Sessions judged a success", "sessions"),
        _count("unclear", "Sessions judged unclear", "sessions"),
        _share("rate", "Successes divided by sessions"),
        _share("rate_lower", "Lower end of the 95 % Wilson interval"),
        _share("rate_upper", "Upper end"),
        _share("bound_lower", "Rate with every unclear session a failure"),
        _share("bound_upper", "Rate with every unclear session a success"),
        _share("calibrated", "Rate calibrated against human labels; null without labels"),
        _share("calibrated_lower", "Lower end of its 95 % interval"),
        _share("calibrated_upper", "Upper end"),
        _count("verified", "Successes with hard evidence", "sessions"),
        _share("mix_adjusted", "Rate standardised to the reference mix of tiers; null without one"),
    ),
    ("grain", "period", "tier", "model", "tool", "judge"),
    "metrics",
)
SESSION_FRICTION = Table(
    "session_friction",
    "How often a person has to step in. Sessions without people are left out.",
    (
        *_SLICE,
        _count("sessions", "Sessions", "sessions"),
        _count("prompts", "Prompts typed by a person", "prompts"),
        _count("interruptions", "Interruptions", "times"),
        _count("rejections", "Rejected tool uses", "times"),
        _count("corrections", "Corrections", "times"),
        _count(
            "takeovers",
            "Sessions whose work a person finished: it ended by interruption or rejection and nothing of it landed",
            "sessions",
        ),
        Field(
            "interruptions_per_100_prompts",
            "float64",
            "Interruptions per 100 prompts",
            "per 100 prompts",
            is_nullable=True,
        ),
        Field(
            "rejections_per_100_prompts", "float64", "Rejections per 100 prompts", "per 100 prompts", is_nullable=True
        ),
        Field(
            "corrections_per_100_prompts", "float64", "Corrections per 100 prompts", "per 100 prompts", is_nullable=True
        ),
        Field("takeovers_per_session", "float64", "Takeovers divided by sessions", "per session", is_nullable=True),
    ),
    ("grain", "period", "tier", "model", "tool"),
    "metrics",
)
QUARANTINE = Table(
    "quarantine",
    "Records that could not be used. Never the record's text.",
    (
        Field("source", "string", "Reader that met it: git, notes, claude-code, codex, sessions, people"),
        Field("path", "string", "Repository or file, as the configuration leads to it"),
        Field("position", "string", "Where in it: a commit id, a line number, a byte offset"),
        Field("reason", "string", "Short code of what is wrong"),
        Field("detail", "string", "What was expected, and what to do"),
    ),
    ("source", "path", "position", "reason"),
    "sources",
)
QUALITY_CHECKS = Table(
    "quality_checks",
    "Checks of the run that published this warehouse.",
    (
        Field("asset", "string", "Table that was checked"),
        Field("check", "string", "Name of the check"),
        Field("severity", "string", "error stops a publication, warning does not", values=("error", "warning")),
        Field("passed", "bool", "Whether it held"),
        Field("observed", "string", "What was found", is_nullable=True),
        Field("expected", "string", "What was expected"),
    ),
    ("asset", "check"),
    "marts",
)
RUNS = Table(
    "runs",
    "Published runs, newest last.",
    (
        Field("run_id", "string", "Dagster's id of the run"),
        Field("started_at", "timestamp", "Start, UTC"),
        Field("finished_at", "timestamp", "End of computation, UTC"),
        Field("code_version", "string", "Version of Mergeline"),
        Field("config_hash", "string", "Hash of the effective configuration"),
        Field("input_hash", "string", "Hash of every input that the numbers rest on"),
        Field("published_at", "timestamp", "When it was put in place, UTC"),
    ),
    ("run_id",),
    "marts",
)

MART_TABLES: tuple[Table, ...] = (
    REPOSITORIES,
    LANDINGS,
    COMMITS,
    FILE_CHANGES,
    MERGED_LINES,
    ENGINEERS,
    SESSIONS,
    SESSION_LANDINGS,
    SESSION_OUTCOMES,
    LINES_PER_ENGINEER_DAY,
    LINES_PER_ENGINEER_QUARTER,
    AI_SHARE,
    SESSION_SUCCESS,
    SESSION_FRICTION,
    QUARANTINE,
    QUALITY_CHECKS,
    RUNS,
)
