"""Session records of coding agents: Claude Code transcripts and Codex rollouts become tables of the lake.

Belongs here: finding and reading session files, one record in memory at a time. Does not belong here: counting
copies once, which is the ledger's (`pipelines/stages/ledger.py`), and any judgement of a session.

The text of prompts, code and tool output lives in memory while its record is read, and nowhere else.
"""

from pipelines.sources.sessions.ingest import SessionsRead, ingest_sessions

__all__ = ["SessionsRead", "ingest_sessions"]
