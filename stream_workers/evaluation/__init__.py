"""What a policy is worth: `progressive` estimates while the stream runs, `offline` over logged arrays.

`estimators`, `tuning`, `reward_model` are what `offline` is made of.  Intervals: `pseudo_outcomes` has terms that are
bounded from one side, `empirical_bernstein` the limits for them, `confidence` the asymptotic ones; `clusters` and
`groups` are about outcomes of one unit, `overlap` about how much a log says, `bootstrap` about the end of a report.
"""
