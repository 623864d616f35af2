"""The published DuckDB file: how it is built from the lake, put in place and queried.

Belongs here: everything that opens the warehouse for writing, and the hardened way to read it. Does not belong here:
what the tables are (`schemas`), whether they are right (`quality`), or how the lake was computed (`pipelines`).
"""
