"""What the learners lose, earn and take: on public data, beside other programs, in one run.

`python -m benchmarks.learning --json`; docs/learning.md says what the figures mean.  `parts` lists what is measured,
`protocol` is PMLB-16, `ours` says which learners in which configuration, `peers` holds the other programs.
"""
