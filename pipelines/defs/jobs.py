"""The job for the whole pipeline, and its daily schedule."""

from __future__ import annotations

import dagster as dg

JOB_NAME = "publish_all"

publish_all = dg.define_asset_job(
    JOB_NAME,
    selection=dg.AssetSelection.all(),
    description="Read what is new, compute every table, check the candidate, publish the warehouse.",
)

daily = dg.ScheduleDefinition(
    name="daily",
    job=publish_all,
    cron_schedule="0 3 * * *",
    execution_timezone="UTC",
    description="Every day at 03:00 UTC, once it is switched on.",
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
