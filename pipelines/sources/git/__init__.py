"""git history: commits, changes, hashed lines, marks of agents, and authorship notes.

Belongs here: everything that is read from a repository. Does not belong here: landings, credit, attribution.
"""

from pipelines.sources.git.reader import ingest_repository
from pipelines.sources.git.state import RepositoryRead, load_reads

__all__ = ["RepositoryRead", "ingest_repository", "load_reads"]
