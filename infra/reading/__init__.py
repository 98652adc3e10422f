"""The log read from outside: without a consumer group, so that nothing read here moves anybody's offsets.

`log` reads ranges of topics; `latest` finds the last N records that somebody wants.
"""
