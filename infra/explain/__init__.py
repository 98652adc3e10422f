"""Why a decision was made and what came of it, from the log alone.

`gather` finds what the log holds about a decision, `explanation` says what that means (no Kafka there), `words` says it
to people, and `absent` says where a request without a decision is.
"""
