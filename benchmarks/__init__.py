"""Measurements, each a command that prints the figures the documentation quotes.

`throughput` (what a process moves, beside other programs on the same broker), `routing` (where a decision's
microseconds go), `joiner` (what the joiner costs).  docs/benchmarks.md says what each figure means.
"""
