"""Which engineer each recorded identity is, and which engineers there are.

Belongs here: mailmap, aliases and roster applied to identities; who is a bot. Does not belong here: marks on commits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from pipelines.sources.git.marks import load_rules
from pipelines.sources.git.objects import Identity
from pipelines.sources.mailmap import Mailmap
from schemas import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipelines.identities import Identities
    from pipelines.lake import Lake

_BOT_KINDS = frozenset({"autonomous", "automation", "reviewer", "hint"})


def build_engineer_identities(
    repo: str, lake: Lake, identities: Identities, aliases: Mapping[str, str], *, pseudonyms: bool
) -> pl.DataFrame:
    """The table `engineer_identities` of one repository.

    `aliases` maps a lower-case address to the one it stands for. The repository's mailmap is applied first, then the
    aliases. With `pseudonyms` false the address itself is the id.
    """
    commits = lake.read("git_commits", {"repo": repo})
    marks = lake.read("git_marks", {"repo": repo})
    met = pl.concat([commits["author_id"], commits["committer_id"], marks["identity_id"].drop_nulls()]).unique()
    mailmap = Mailmap(identities.mailmap(repo))
    rules = load_rules()
    rows: list[tuple[str, str, str, bool, bool]] = []
    people = identities.book().filter(pl.col("identity_id").is_in(met.sort().to_list()))
    for identity_id, name, email in people.iter_rows():
        found = rules.identify(Identity(name, email))
        kind = found[2] if found else ""
        engineer = engineer_of(identities, mailmap.resolve(name, email), name, aliases, pseudonyms=pseudonyms)
        rows.append((repo, identity_id, engineer, kind not in ("", "automation"), kind in _BOT_KINDS))
    return pl.DataFrame(rows, schema=TABLES["engineer_identities"].polars_schema, orient="row").sort(
        "repo", "identity_id"
    )


def engineer_of(identities: Identities, email: str, name: str, aliases: Mapping[str, str], *, pseudonyms: bool) -> str:
    """Id of the engineer behind an address; the name stands in for an address that is missing."""
    address = email.strip().lower() or f"name:{name.strip().lower()}"
    address = aliases.get(address, address)
    return identities.pseudonym("engineer", address) if pseudonyms else address


def summarise_engineers(lake: Lake) -> pl.DataFrame:
    """The table `engineers`: everyone who landed something or wrote a commit that landed, over all repositories."""
    bots = lake.read("engineer_identities").group_by("engineer_id").agg(pl.col("is_bot").all())
    landings = lake.read("landings").select("repo", "landing_sha", "engineer_id", "landed_on")
    # Authors of landed commits are among them though none of their lines may have been left at the landing.
    commits = lake.read("commits").select("repo", "landing_sha", "engineer_id")
    authors = commits.join(landings.drop("engineer_id"), on=["repo", "landing_sha"], how="left")
    engineers = (
        pl.concat([landings.select("engineer_id", "landed_on"), authors.select("engineer_id", "landed_on")])
        .group_by("engineer_id")
        .agg(first_landed_on=pl.col("landed_on").min(), last_landed_on=pl.col("landed_on").max())
        .join(bots, on="engineer_id", how="left")
        .with_columns(pl.col("is_bot").fill_null(value=False))
    )
    return engineers.select(TABLES["engineers"].columns).sort("engineer_id")
