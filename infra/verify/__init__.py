"""Reads a deployment's topics from outside and proves, or refutes, what DESIGN's invariants promise.

Start with `verify` (one call, one `Verdict`), then `cut` (what is read, so that it is consistent while everything
runs) and `partition` (what is checked in one partition, without Kafka).  `join` has the rules by which rewards belong
to decisions and `kpis` the aggregates, written a second time: nothing there uses the joiner's or analytics' code, so
that an error there cannot hide itself.  `replays` compares state with an offline replay of its log, `joiner` the
joiner's state with the logs, and `retained` says what can still be proven when a log has lost its beginning.
"""
