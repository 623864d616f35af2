"""Names of models, in one spelling wherever they are met.

Belongs here: cleaning what trailers, notes and transcripts call a model. Does not belong here: which tool used it.
"""

from __future__ import annotations

import re

_PLACEHOLDERS = frozenset({"", "unknown", "default", "<synthetic>", "auto", "none", "model_version"})
_PROVIDER = re.compile(r"^(?:[\w.-]+/)+")
_CONTEXT = re.compile(r"\[\w+\]$")
_DATE = re.compile(r"[-@](?:20\d{6}|latest)$")


def clean_model(model: str) -> str:
    """Lower-case name without quotes, provider, context window and date; empty for placeholders.

    Claude models are written with dashes throughout: `claude-opus-4.6` and `claude-opus-4-6-20260101` are one.
    """
    name = re.sub(r"\s+", "-", model.strip().strip("\"'").lower()).rstrip(".,;)")
    name = _DATE.sub("", _CONTEXT.sub("", _PROVIDER.sub("", name)))
    if name.startswith("claude"):
        name = name.replace(".", "-")
    return "" if name in _PLACEHOLDERS else name
