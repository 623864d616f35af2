"""Stages: tables of the lake in, tables of the lake out. The place where kernels are called.

Belongs here: landings, attribution, outcomes, metrics. Does not belong here: reading sources, Dagster, DuckDB.
"""
