"""Joining: decisions and the rewards that come back for them become outcomes, exactly one per decision that counts.

Start with `rules` (what belongs to what, by which time), then `processor` (the stage).  `entries` is what is kept per
decision, `decisions` and `held` keep decisions and early rewards in the state, `tallies` counts.
"""
