"""Dagster and nothing else: assets, checks, the job, its schedule, the resource, and how a run is launched.

Belongs here: which function makes which table, in which order, and what stops a publication. Does not belong here:
how anything is read or computed (`pipelines/sources`, `pipelines/stages`, `warehouse`, `quality`).
"""
