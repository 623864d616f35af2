"""Sources, stages, Dagster definitions and the command line: the only floor that sees every other."""
