"""Recorded traffic played as live traffic.

`recording` holds what was recorded, `bundled` reads the recordings that come with the package, `schedule` says which
row is sent when, `feedback` how its result comes back; all four are pure.  `player` plays them on Kafka.
"""
