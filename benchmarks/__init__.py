"""Measurements, each a command that prints the figures the documentation quotes.

`throughput` (what a process moves, beside other programs on the same broker), `latency` (how soon, beside the same path
without a router), `scale` (how it grows), `recovery` (how soon state is back), `profile` and `stages` (where the
microseconds go), `joiner` (what orders of arrival cost); `tables` runs them and prints markdown.  docs/benchmarks.md
says what each figure means.
"""
