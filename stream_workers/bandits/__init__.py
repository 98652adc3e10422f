"""Learners: data (arrays) plus functions; no Kafka, no asyncio, no clock, no global random state.

Start with `policy` (what every learner is) and `registry` (which there are, and their parameters).  `linear` has those
that are linear in the features of `feature_map`: `updating` learns, `judging` reads, `exploration` makes probabilities;
`deciding` and `table` decide for many domains at once.  `pacer` holds a budget; `randomness` draws from decision ids.
"""
