"""Joining: decisions and the rewards that come back for them become outcomes, exactly one per decision that counts.

Start with `rules` (what belongs to what, by which time), then `processor` (the stage).  `batch` reads records into
columns (`parsing` the plain ones), `join` applies the rules to them, with `absorbing` for observations, `holding` for
early rewards and `outcomes` for what is written; `columns` says what the numbers in the tables are.  `decisions` and
`held` own the tables and their form in the state (`entries`, `storing`); `names` and `moments` find rows in them,
`ring` keeps bytes of records, `tallies` counts.
"""
