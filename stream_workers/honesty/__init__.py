"""Does the stream keep what it says?  Checks over outcomes, with stated rates of false alarms while they run.

`stretches` says which decisions are looked at together, `gathering` sums them up, `judging` weighs the sums with the
tests of `evidence` and raises alarms, `checks` is all of it for one domain and says what was found.
docs/decisions/0010-honesty.md says why it is so.
"""
