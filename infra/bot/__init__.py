"""Puts the Discord bot together: what `producers.discord` needs, made of Kafka, files and providers.

`template` and `enrol` bring the domains of every server into force.
"""
