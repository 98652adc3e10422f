"""Everything that people read from the bot, in every language it speaks.

    >>> say("de", "errors.cooldown", seconds=3)
    'Das war schnell. Bitte versuch es in 3 s noch einmal.'

A language is a folder of TOML files, `{language}/{module}.toml`; the key `module.name` is the entry `name` of that
file.  An entry is a text with {placeholders}, or a table with `one` and `other`, between which the value `count`
chooses.  To add a language: copy the folder `en`, translate, and run `pytest tests/discord/test_words.py`, which says
what is missing.
"""

from .catalogue import ENGLISH, Placeholders, keys, languages, nearest, placeholders, say
from .commands import Translations, label

__all__ = ["ENGLISH", "Placeholders", "Translations", "keys", "label", "languages", "nearest", "placeholders", "say"]
