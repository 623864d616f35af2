"""Whether the candidate may be published: suites as plain data and the engine that runs them.

Belongs here: what must hold of the published tables, and running it on DuckDB through Great Expectations. Does not
belong here: how a table is computed, nor what happens after a failed check (`pipelines`).
"""
