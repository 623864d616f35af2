"""Readers: a repository, a session file, a roster become tables of the lake. One module or package per source.

Belongs here: formats, their traps, and what is kept of them. Does not belong here: Dagster, metrics, verdicts.
"""
