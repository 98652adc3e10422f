"""Reads a deployment's topics from outside and proves, or disproves, what DESIGN's invariants promise.

Start with `audit` (one call, one `Audit`), then `partition` (what is computed for one partition, without Kafka) and
`join` (the rules by which rewards belong to decisions, written a second time: nothing here uses the joiner's code, so
that an error there cannot hide itself).  `learner` compares learned state with an offline replay of its log.
"""
