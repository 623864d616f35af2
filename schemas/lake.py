"""The lake's own tables: what readers extract and stages derive before anything is published.

Belongs here: tables that stay in Parquet. A table that is also published stands in `marts.py`.
"""

from __future__ import annotations

from schemas.fields import Field, Table

REPO = Field("repo", "string", "Name of the repository in the configuration")
SHA = Field("commit_sha", "string", "Commit id, hexadecimal")
POSITION = Field("position", "int64", "Order within the record's own source")
AUTHOR_CLASSES = ("ai", "human", "automation", "generated", "unknown")
MARK_KINDS = (
    "bot_author",
    "automation_author",
    "aider_author",
    "co_author_trailer",
    "policy_trailer",
    "footer",
    "session_link",
    "review_suggestion",
    "hint",
    "human_co_author",
)

GIT_COMMITS = Table(
    "git_commits",
    "Every commit reachable from a repository's mainline, as its raw object says. The message is not kept.",
    (
        REPO,
        SHA,
        Field("parents", "list<string>", "Parent commit ids in order"),
        Field("author_id", "string", "Keyed hash of the author's name and e-mail as recorded"),
        Field("committer_id", "string", "Keyed hash of the committer's name and e-mail as recorded"),
        Field("authored_at", "timestamp", "Author time; null outside the years 1 to 9999", is_nullable=True),
        Field("committed_at", "timestamp", "Committer time; null outside the years 1 to 9999", is_nullable=True),
        Field("pull_request", "int64", "Pull- or merge-request number that the subject names", is_nullable=True),
        Field("is_forge_commit", "bool", "Whether a forge's web interface committed it (GitHub's noreply committer)"),
        Field(
            "is_boundary",
            "bool",
            "Whether its parents are missing because the clone is shallow; it then has no changes",
        ),
    ),
    ("repo", "commit_sha"),
    "sources",
)
GIT_CHANGES = Table(
    "git_changes",
    "One row per commit and changed path: the diff from the commit's first parent (the empty tree for a root), "
    "renames detected at 50 %. Rows stand in the order in which git_lines stores their lines.",
    (
        REPO,
        SHA,
        Field("change_id", "uint64", "Hash of commit and path: joins git_lines"),
        Field("path", "string", "Path after the change; bytes that are not UTF-8 are written as \\xNN"),
        Field("old_path", "string", "Path before a rename", is_nullable=True),
        Field(
            "status",
            "string",
            "What happened to the path",
            values=("added", "modified", "deleted", "renamed", "copied", "type_changed"),
        ),
        Field(
            "file_kind",
            "string",
            "What the path is after the change, before it where it was deleted",
            values=("file", "symlink", "submodule"),
        ),
        Field("is_binary", "bool", "Whether git calls either side binary; its lines are then not counted"),
        Field("lines_raw", "int64", "Added lines"),
        Field("lines_deleted", "int64", "Deleted lines"),
    ),
    ("repo", "commit_sha", "path"),
    "sources",
)
GIT_LINES = Table(
    "git_lines",
    "One row per added or deleted line of a change, in diff order: hashes, never text.",
    (
        Field("change_id", "uint64", "The change of git_changes"),
        Field("is_added", "bool", "Added (true) or deleted"),
        Field(
            "line",
            "uint32",
            "Line number, from 1, in the new file for an added line, in the old one for a deleted line",
        ),
        Field("hash", "uint64", "64-bit hash of the normalised line"),
        Field(
            "shape",
            "uint8",
            "Class of the normalised line: 0 blank, 1 up to 3 characters, 2 punctuation only, 3 effective, 4 over 1,000 characters",
        ),
    ),
    (),
    "sources",
)
GIT_MARKS = Table(
    "git_marks",
    "Evidence about who or what wrote a commit, found in its identities and its message.",
    (
        REPO,
        SHA,
        Field("kind", "string", "Kind of evidence", values=MARK_KINDS),
        Field("tool", "string", "Agent or bot; empty for a human co-author"),
        Field("model", "string", "Model that the mark names", is_nullable=True),
        Field("identity_id", "string", "Keyed hash of the identity that the mark is about", is_nullable=True),
        Field(
            "reference", "string", "Keyed hash of the session or checkpoint id that the mark names", is_nullable=True
        ),
        Field("rules_version", "string", "Version of the identity table that found it"),
    ),
    ("repo", "commit_sha", "kind", "tool", "model", "identity_id", "reference"),
    "sources",
)
GIT_NOTES = Table(
    "git_notes",
    "Line attestations of git-ai notes (refs/notes/ai). Transcripts inside notes are never kept.",
    (
        REPO,
        SHA,
        Field("path", "string", "Path that the note names"),
        POSITION,
        Field("author_class", "string", "Who the note says wrote the lines", values=("ai", "human")),
        Field("tool", "string", "Agent; `unknown` where the key resolves nowhere"),
        Field("model", "string", "Model", is_nullable=True),
        Field("first_line", "int64", "First attested line, from 1"),
        Field("last_line", "int64", "Last attested line"),
    ),
    ("repo", "commit_sha", "path", "position"),
    "sources",
)
SESSION_FILES = Table(
    "session_files",
    "Session files that were found, and what reading them gave.",
    (
        Field("file_id", "string", "Keyed hash of the file's path"),
        Field("format", "string", "Format told from the content", values=("claude-code", "codex", "unknown")),
        Field("size_bytes", "int64", "Size when it was read", unit="bytes"),
        Field("records", "int64", "Records that were read"),
        Field("quarantined", "int64", "Records that could not be used"),
        Field(
            "engineer_id",
            "string",
            "Pseudonym of the engineer whose sessions they are, where the source says so",
            is_nullable=True,
        ),
    ),
    ("file_id",),
    "sources",
)
EVENT_KINDS = (
    "start",
    "prompt",
    "machine_prompt",
    "response",
    "tool_call",
    "tool_error",
    "interruption",
    "rejection",
    "correction",
    "permission_mode",
    "test_passed",
    "test_failed",
    "commit",
    "pull_request",
    "outside_edit",
    "confirmation",
    "api_error",
)
SESSION_EVENTS = Table(
    "session_events",
    "Countable events of sessions, one row per record and kind, as each file holds them. Copies in other files are "
    "still here and share their record_id; the sessions stage counts each once.",
    (
        Field("file_id", "string", "The file of session_files"),
        Field("session_id", "string", "Keyed hash of the session id that the record carries"),
        Field(
            "record_id", "string", "Identity of the record across copies: keyed hash of its uuid, message id or call id"
        ),
        POSITION,
        Field("kind", "string", "Kind of event", values=EVENT_KINDS),
        Field("occurred_at", "timestamp", "When", is_nullable=True),
        Field("is_subagent", "bool", "Whether a subagent of the session produced it"),
        Field("tool", "string", "Agent", values=("claude-code", "codex")),
        Field("tool_version", "string", "Version of the agent", is_nullable=True),
        Field("model", "string", "Model of a response", is_nullable=True),
        Field(
            "value",
            "string",
            "Short enumeration or keyed hash: permission mode, tool name, commit id",
            is_nullable=True,
        ),
        Field("input_tokens", "int64", "Input tokens without cache reads and writes", unit="tokens"),
        Field("output_tokens", "int64", "Output tokens", unit="tokens"),
        Field("cache_read_tokens", "int64", "Input tokens read from cache", unit="tokens"),
        Field("cache_write_tokens", "int64", "Input tokens written to cache", unit="tokens"),
        Field(
            "place", "list<uint64>", "Keyed hashes of the working directory and of each of its parents, longest first"
        ),
        Field(
            "place_names",
            "list<uint64>",
            "Keyed hashes of the lower-cased names of those directories, in the same order",
        ),
    ),
    ("file_id", "position", "record_id", "kind"),
    "sources",
)
SESSION_EDITS = Table(
    "session_edits",
    "Edits that an agent made to files, one row per edit and file, copies included.",
    (
        Field("file_id", "string", "The file of session_files"),
        Field("session_id", "string", "Keyed hash of the session id"),
        Field("record_id", "string", "Identity of the edit across copies"),
        Field("edit_id", "uint64", "Hash of record and path: joins session_lines"),
        POSITION,
        Field("edited_at", "timestamp", "When", is_nullable=True),
        Field("tool", "string", "Agent", values=("claude-code", "codex")),
        Field("model", "string", "Model", is_nullable=True),
        Field(
            "path_keys",
            "list<uint64>",
            "Keyed hashes of the file's path and of its suffixes by whole components, longest first",
        ),
        Field(
            "place", "list<uint64>", "Keyed hashes of the working directory and of each of its parents, longest first"
        ),
        Field(
            "place_names",
            "list<uint64>",
            "Keyed hashes of the lower-cased names of those directories, in the same order",
        ),
        Field("lines_written", "int64", "Lines that the edit wrote"),
    ),
    ("file_id", "position", "edit_id"),
    "sources",
)
SESSION_LINES = Table(
    "session_lines",
    "Lines that an agent wrote in an edit: hashes, never text.",
    (
        Field("edit_id", "uint64", "The edit of session_edits"),
        Field("line", "uint32", "Order within the edit's text, from 1"),
        Field("hash", "uint64", "64-bit hash of the normalised line, as in git_lines"),
        Field("shape", "uint8", "Class of the normalised line, as in git_lines"),
    ),
    ("edit_id", "line"),
    "sources",
)
ENGINEER_IDENTITIES = Table(
    "engineer_identities",
    "Which engineer each recorded identity belongs to, after mailmap, roster and aliases.",
    (
        REPO,
        Field("identity_id", "string", "Keyed hash of the name and e-mail as recorded"),
        Field("engineer_id", "string", "Pseudonym of the engineer: keyed hash of the canonical e-mail address"),
        Field("is_agent", "bool", "Whether the identity is a coding agent's own account"),
        Field("is_bot", "bool", "Whether the identity is an agent's or another bot's account"),
    ),
    ("repo", "identity_id"),
    "stages",
)
CREDITED_LINES = Table(
    "credited_lines",
    "Merged lines grouped by everything that is known of who wrote them: evidence, not yet a verdict.",
    (
        REPO,
        Field("landing_sha", "string", "The landing"),
        Field("path", "string", "Path after the landing"),
        Field(
            "commit_sha",
            "string",
            "Commit inside the landing that last introduced the line; the landing itself where none did",
        ),
        Field("note_class", "string", "What a line-level note says", is_nullable=True, values=("ai", "human")),
        Field("note_tool", "string", "Agent that the note names", is_nullable=True),
        Field("note_model", "string", "Model that the note names", is_nullable=True),
        Field("session_id", "string", "Session that wrote the line to this path", is_nullable=True),
        Field("session_model", "string", "Model that the session used for it", is_nullable=True),
        Field("lines_raw", "int64", "Added lines"),
        Field("lines_distinct", "int64", "Without lines that only moved"),
        Field("lines_effective", "int64", "Of the distinct ones, those with content"),
    ),
    (
        "repo",
        "landing_sha",
        "path",
        "commit_sha",
        "note_class",
        "note_tool",
        "note_model",
        "session_id",
        "session_model",
    ),
    "stages",
)

LAKE_TABLES: tuple[Table, ...] = (
    GIT_COMMITS,
    GIT_CHANGES,
    GIT_LINES,
    GIT_MARKS,
    GIT_NOTES,
    SESSION_FILES,
    SESSION_EVENTS,
    SESSION_EDITS,
    SESSION_LINES,
    ENGINEER_IDENTITIES,
    CREDITED_LINES,
)
