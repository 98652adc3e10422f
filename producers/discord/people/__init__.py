"""Who the bot talks to: pseudonyms, consent, and the little that is remembered of a person.

`pseudonyms` has the keyed hashes (pure), `local` keeps keys, salts and what is remembered on the bot's disk, `cog` is
what people use to see, delete and allow it.
"""

from .local import LocalPeople

__all__ = ["LocalPeople"]
