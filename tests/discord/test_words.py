"""What people read is there in every language, is filled in rightly wherever it is said, and is said somewhere."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from discord import Locale
from discord.app_commands import TranslationContext, TranslationContextLocation, locale_str

from producers.discord.words import ENGLISH, Translations, keys, label, languages, nearest, placeholders, say
from producers.discord.words import catalogue as under_test

ROOT = Path(__file__).parents[2]
WORDS = Path(under_test.__file__).parent
SOURCES = [*(ROOT / "producers" / "discord").rglob("*.py"), *(ROOT / "infra" / "bot").rglob("*.py")]
SAYING = {"say", "label"}


class Said:
    """One place in the source at which a key is said; with `start`, all keys that begin so are."""

    def __init__(self, path: Path, call: ast.Call, key: ast.expr) -> None:
        self.where = f"{path.relative_to(ROOT)}:{call.lineno}"
        self.values = {each.arg for each in call.keywords if each.arg}
        self.spread = any(each.arg is None for each in call.keywords)
        self.key = key.value if isinstance(key, ast.Constant) else None
        first = key.values[0] if isinstance(key, ast.JoinedStr) else None
        self.start = first.value if isinstance(first, ast.Constant) else None


def said() -> Iterator[Said]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in SAYING:
                for key in node.args[:2]:
                    if isinstance(key, ast.JoinedStr) or (isinstance(key, ast.Constant) and "." in str(key.value)):
                        yield Said(path, node, key)


def said_elsewhere() -> set[str]:
    """Keys that stand in a table, and are said by way of it."""
    return {
        node.value
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_there_is_english_and_another_language() -> None:
    assert languages()[0] == ENGLISH
    assert len(languages()) >= 2


@pytest.mark.parametrize("language", languages())
def test_a_language_has_the_keys_and_placeholders_of_english(language: str) -> None:
    assert keys(language) == keys(ENGLISH)
    for key in keys(ENGLISH):
        assert placeholders(language, key) == placeholders(ENGLISH, key), key


@pytest.mark.parametrize("language", languages())
def test_entries_are_texts_or_one_and_other(language: str) -> None:
    for file in (WORDS / language).glob("*.toml"):
        for name, entry in tomllib.loads(file.read_text()).items():
            assert isinstance(entry, str) or entry.keys() == {"one", "other"}, f"{file.name}: {name}"
            for text in [entry] if isinstance(entry, str) else entry.values():
                assert text.strip(), f"{file.name}: {name} is empty"
                assert len(text) <= 1_900, f"{file.name}: {name} does not fit a message"


def test_every_key_that_is_said_is_there_with_its_placeholders() -> None:
    for each in said():
        if each.key is not None:
            assert each.key in keys(ENGLISH), f"{each.where}: no text {each.key}"
            if not each.spread:
                assert each.values == placeholders(ENGLISH, each.key), f"{each.where}: values of {each.key}"
        elif each.start is not None:
            assert any(key.startswith(each.start) for key in keys(ENGLISH)), f"{each.where}: no text {each.start}*"


def test_every_text_is_said_somewhere() -> None:
    literal = said_elsewhere()
    starts = tuple(each.start for each in said() if each.start)
    unused = {key for key in keys(ENGLISH) if key not in literal and not key.startswith(starts or ("\0",))}
    assert not unused


def test_descriptions_fit_what_discord_allows() -> None:
    for each in said():
        if each.key is not None and each.key.endswith("_description"):
            for language in languages():
                assert len(say(language, each.key)) <= 100, (language, each.key)


def test_a_language_that_is_not_spoken_is_answered_in_english() -> None:
    assert nearest("en-GB") == "en"
    assert nearest("de") == "de"
    assert nearest("pt-BR") == "en"
    assert nearest(None) == "en"
    assert say("tlh", "errors.guild_only") == say("en", "errors.guild_only") != say("de", "errors.guild_only")


def test_count_chooses_between_one_and_other(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {"m.found": {"one": "{count} answer", "other": "{count} answers"}}
    monkeypatch.setattr(under_test, "_texts", lambda language: texts)
    assert [say("en", "m.found", count=n) for n in (0, 1, 2)] == ["0 answers", "1 answer", "2 answers"]
    assert placeholders("en", "m.found") == {"count"}


async def test_discord_is_given_the_other_languages_of_a_label() -> None:
    context = TranslationContext(TranslationContextLocation.command_description, None)  # type: ignore[arg-type]
    translated = await Translations().translate(label("errors.guild_only"), Locale.german, context)
    assert translated == say("de", "errors.guild_only")
    assert await Translations().translate(label("errors.guild_only"), Locale.american_english, context) is None
    assert await Translations().translate(locale_str("not ours"), Locale.german, context) is None
