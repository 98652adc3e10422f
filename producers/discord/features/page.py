"""The page that documents every feature, written from the data: `python -m producers.discord.features.page`."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from .described import PRIVACY, Feature
from .vectors import FEATURES

PAGE: Final = Path("docs/discord-features.md")

_INTRODUCTION: Final = """\
# What the bot's policies see

This page is written from the code (`producers/discord/features`) by `python -m producers.discord.features.page`; a test
holds the two equal. These numbers, and a pseudonym, are all that leaves the bot's machine for Kafka about a message: no
text, no name, no id of a user. [What is kept where](discord-privacy.md), and for how long, is on a page of its own.

A number that is not known is NaN; the domains of `examples/bot.toml` say `missing = "mean"`, so a policy takes it to be
that feature's mean. Counts n are squashed to n / (n + half), so every number is between 0 and 1 (sine, cosine and
content: between -1 and 1).

## Privacy classes

| class | made from |
| --- | --- |
"""

_TITLES: Final = {
    "model_routing": "Which model answers (`model_routing`)",
    "content_analysis": "How deeply a post is analysed (`content_analysis`)",
    "user_engagement": "Which follow-up is offered (`user_engagement`)",
}


def page() -> str:
    """The page's text."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _INTRODUCTION.rstrip("\n")
    yield from (f"| {name} | {made} |" for name, made in PRIVACY.items())
    for domain, features in FEATURES.items():
        yield from ("", f"## {_TITLES[domain]}", "", f"{len(features)} numbers.", "")
        yield from _table(features)


def _table(features: Iterable[Feature]) -> Iterator[str]:
    yield from ("| number | name | meaning | class |", "| --- | --- | --- | --- |")
    for number, each in enumerate(features):
        yield f"| {number} | `{each.name}` | {each.meaning} | {each.privacy} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
