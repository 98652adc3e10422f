"""What Discord shows of slash commands, in the language of each user's client."""

from typing import Any

from discord import Locale
from discord.app_commands import TranslationContextTypes, Translator, locale_str

from .catalogue import ENGLISH, languages, say


def label(key: str) -> locale_str:
    """The text of `key` for a command's or option's description; `Translations` says it in other languages."""
    return locale_str(say(ENGLISH, key), key=key)


class Translations(Translator):
    """Gives Discord the other languages of every `label`."""

    async def translate(self, string: locale_str, locale: Locale, context: TranslationContextTypes) -> str | None:
        """None: Discord shows the English one."""
        key: Any = string.extras.get("key")
        language = locale.value.split("-")[0]
        if key is None or language == ENGLISH or language not in languages():
            return None
        return say(language, key)
