"""`croupier evaluate`: what a policy would have earned, from the outcomes of a deployment or of an export.

`gather` and `export` give the events, `wanted` reads which policies are meant, `replay` says what each would have done,
`answer` puts estimates, intervals and words together; `tables` and `plot` show them.
"""
