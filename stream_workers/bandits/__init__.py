"""Learners: data (arrays) plus functions; no Kafka, no asyncio, no clock, no global random state.

Start with `policy` (what every learner is) and `registry` (which there are, and their parameters).  `doubly_robust`
puts together `feature_map`, `ridge` and `exploration`; `pacer` holds a budget; `randomness` draws from decision ids.
"""
