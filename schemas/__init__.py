"""What travels between the parts: topics, events, domain specifications, and how they are put on the wire.

Start with `topics` (which topic holds what, who writes and who reads it), then `events` (the records themselves).
"""
