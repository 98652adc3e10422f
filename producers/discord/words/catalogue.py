"""Reads the language files, and fills in the placeholders."""

import string
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

ENGLISH: Final = "en"

Placeholders = frozenset[str]


def say(language: str, key: str, /, **values: object) -> str:
    """The text of `key` in `language`; in English where the language, or the text in it, is not there.

    KeyError: there is no such key, or a placeholder without a value: a defect (tests/discord/test_words.py finds it).
    """
    text = _texts(nearest(language)).get(key) or _texts(ENGLISH)[key]
    if not isinstance(text, str):
        text = text["one" if values["count"] == 1 else "other"]
    return text.format_map(values)


@cache
def languages() -> tuple[str, ...]:
    """The languages there are, English first."""
    found = sorted(each.name for each in _folder().iterdir() if any(_language_files(each)))
    return (ENGLISH, *(each for each in found if each != ENGLISH))


def nearest(locale: str | None) -> str:
    """The language of a locale as Discord writes it ("en-US", "de"); English if it is not spoken here."""
    language = (locale or ENGLISH).split("-")[0].lower()
    return language if language in languages() else ENGLISH


def keys(language: str) -> frozenset[str]:
    """All keys of a language, `module.name`."""
    return frozenset(_texts(language))


def placeholders(language: str, key: str) -> Placeholders:
    """What has to be filled in."""
    text = _texts(language)[key]
    if isinstance(text, str):
        return _names(text)
    return frozenset({"count"}).union(*(_names(each) for each in text.values()))


def _names(text: str) -> Placeholders:
    return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


@cache
def _texts(language: str) -> Mapping[str, str | Mapping[str, str]]:
    texts: dict[str, str | Mapping[str, str]] = {}
    for file in _language_files(_folder() / language):
        module = file.name.removesuffix(".toml")
        for name, text in tomllib.loads(file.read_text("utf-8")).items():
            texts[f"{module}.{name}"] = text
    return texts


def _language_files(folder: Traversable) -> list[Traversable]:
    return [each for each in folder.iterdir() if each.name.endswith(".toml")] if folder.is_dir() else []


def _folder() -> Traversable:
    return files(__package__)
