"""Names that may be stored as they are, because they are in a list or have a known shape.

Belongs here: allow-lists for tools, models, versions and permission modes. Does not belong here: anything that a
user or a repository named; that is hashed.
"""

from __future__ import annotations

import re

from pipelines.sources.models import clean_model

TOOLS = frozenset(
    {
        # Claude Code
        "Agent", "AskUserQuestion", "Bash", "BashOutput", "Edit", "EnterPlanMode", "ExitPlanMode", "Glob", "Grep",
        "KillBash", "KillShell", "LS", "LSP", "MultiEdit", "NotebookEdit", "NotebookRead", "PowerShell", "Read", "Skill",
        "SlashCommand", "Task", "TaskCreate", "TaskGet", "TaskList", "TaskOutput", "TaskStop", "TaskUpdate", "TodoRead",
        "TodoWrite", "ToolSearch", "WebFetch", "WebSearch", "Write",
        # Codex
        "apply_patch", "container.exec", "exec", "exec_command", "js_repl", "list_dir", "grep_files", "local_shell",
        "read_file", "request_user_input", "shell", "shell_command", "spawn_agent", "tool_search", "unified_exec",
        "update_plan", "view_image", "wait", "wait_agent", "web_search", "write_stdin",
    }
)  # fmt: skip
MODES = frozenset(
    {
        "default", "acceptEdits", "plan", "auto", "bypassPermissions", "dontAsk",  # Claude Code
        "untrusted", "on-failure", "on-request", "never", "granular",  # Codex
    }
)  # fmt: skip
_MODEL = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,79}$")
_FAMILY = re.compile(
    r"claude|gpt|codex|gemini|gemma|llama|qwen|deepseek|kimi|glm|grok|mistral|devstral|minimax|nova|(^|[/-])o[134]\b",
    re.IGNORECASE,
)
_VERSION = re.compile(r"^\d{1,5}(\.\d{1,5}){1,3}([-+.][0-9A-Za-z.]{1,24})?$")


def tool_name(name: str) -> str:
    """A tool's name if it is an agent's own; `mcp` for tools of servers, `other` for the rest."""
    if name in TOOLS:
        return name
    return "mcp" if name.startswith(("mcp__", "mcp.")) else "other"


def model_name(name: str) -> str | None:
    """A model in the spelling of `clean_model`; `other` for one of no known family, None for a placeholder."""
    name = clean_model(name)
    if not name:
        return None
    return name if _MODEL.match(name) and _FAMILY.search(name) else "other"


def mode_name(name: str) -> str | None:
    """A permission mode; `other` for an unknown one, None for none."""
    if not name:
        return None
    return name if name in MODES else "other"


def version_name(name: str) -> str | None:
    """An agent's version if it looks like one."""
    return name if _VERSION.match(name) else None
