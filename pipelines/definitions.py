"""What Dagster loads: every asset, check, job and schedule of `pipelines/defs`, and the resource that they share.

Belongs here: putting them together. Does not belong here: any of them. The modules are named one by one, so that an
installed wheel, which has no project folder to search, loads the same definitions as a checkout.
"""

from __future__ import annotations

import dagster as dg

from pipelines.defs import assets, jobs, publication
from pipelines.defs.resources import Workspace


def build_defs(workspace: Workspace | None = None) -> dg.Definitions:
    """The definitions; a test may pass a workspace of its own."""
    return dg.Definitions(
        assets=[*assets.ASSETS, *publication.ASSETS],
        asset_checks=publication.CHECKS,
        jobs=[jobs.publish_all],
        schedules=[jobs.daily],
        resources={"workspace": workspace or Workspace()},
        # Steps are short and share the lock and the candidate: one process runs them all.
        executor=dg.in_process_executor,
    )


defs = build_defs()
