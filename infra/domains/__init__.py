"""Domain specifications for operators: from a TOML file to the log that every worker reads.

`file` reads and checks a file (`structure` by the types of `schemas.domains`, `rules` by what the fields mean
together, `lines` finds where), `changes` says in plain words what differs, `publish` puts it into the log.
"""
