"""The bot's features hold no content unless asked to, are what the documentation says, and are the same every time."""

import doctest
import re
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.discord.features import (
    ANALYSIS,
    ENGAGEMENT,
    FEATURES,
    PRIVACY,
    ROUTING,
    analysis_features,
    engagement_features,
    language,
    routing_features,
)
from producers.discord.features.language import language_of
from producers.discord.features.page import PAGE, page
from producers.discord.ports import Answered, Conversation, Past, Seen

_LANGUAGES = {"english", "other_latin", "other_script"}
_PAST = Past(questions=10, since_last_s=3600.0, ratings=4, satisfaction=0.75)
_CONVERSATION = Conversation(turns=6, characters=2000, code_turns=1, since_last_s=30.0)


def _seen(text="How many?", **changes):
    fields = {
        "tenant": "guild-1",
        "user": 80351110224678912,
        "text": text,
        "channel": 7,
        "channel_kind": "text",
        "hour_utc": 6.0,
        "attachments": 0,
        "images": 0,
        "depth": 0,
        "language": None,
    }
    return Seen(**{**fields, **changes})


def _named(features, vector):
    return dict(zip((each.name for each in features), vector.tolist(), strict=True))


def _routing(text="How many?", *, content=False, past=_PAST, **changes):
    return _named(ROUTING, routing_features(_seen(text, **changes), past, _CONVERSATION, content=content))


def _without_words(text):
    """The same form, but every letter is an x, every digit a 0, in every script; links stay links."""
    parts = re.split(r"(https?://)", text)
    return "".join(part if i % 2 else "".join(map(_blank, part)) for i, part in enumerate(parts))


def _blank(character):
    if character.isascii():
        return "0" if character.isdigit() else "x" if character.islower() else "X" if character.isupper() else character
    return "é" if character.isalpha() else character


texts = st.text(max_size=300) | st.lists(
    st.sampled_from(
        ["Why", "do", "plants", "http://a.example", "12.5", "`x = 1`", "(a) ", "\n", "?", "Привет", "ß", "B. "]
    ),
    max_size=40,
).map(" ".join)


@given(texts)
def test_without_consent_nothing_but_the_form_of_a_text_matters(text):
    """Two texts that differ in every letter, but not in form, have the same numbers, the class of language aside."""
    for features, make in (
        (ROUTING, lambda seen: routing_features(seen, _PAST, _CONVERSATION)),
        (ANALYSIS, lambda seen: analysis_features(seen, _PAST)),
        (
            ENGAGEMENT,
            lambda seen: engagement_features(seen, _PAST, _CONVERSATION, Answered(10, 1.0, False, False), 0),
        ),
    ):
        mine, blank = (_named(features, make(_seen(each))) for each in (text, _without_words(text)))
        for name in mine.keys() - _LANGUAGES:
            np.testing.assert_equal(mine[name], blank[name], err_msg=name)


@given(texts, st.booleans(), st.floats(0, 23.99), st.integers(0, 50), st.sampled_from(["text", "thread", "direct"]))
def test_every_number_is_known_and_small_but_for_what_may_be_missing(text, content, hour, depth, kind):
    values = _routing(text, content=content, hour_utc=hour, depth=depth, channel_kind=kind, past=Past())
    for each in ROUTING:
        value = values[each.name]
        if each.name in {"recency", "satisfaction"} or (each.privacy == "content" and not content):
            assert np.isnan(value), each.name
        else:
            low = -1 if each.name.startswith(("hour", "content")) else 0
            assert low <= value <= 1, each.name


def test_the_words_matter_only_with_consent():
    one, other = "Why do plants need light?", "Why do snails need rains?"
    assert [_routing(text, content=True)["content_0"] for text in (one, other)] != [0.0, 0.0]
    content = [each.name for each in ROUTING if each.privacy == "content"]
    mine, theirs = _routing(one, content=True), _routing(other, content=True)
    assert any(mine[name] != theirs[name] for name in content)
    assert all(mine[name] == theirs[name] for name in mine if name not in content)


def test_no_number_depends_on_who_or_where_exactly():
    """The ids of user, tenant and channel change nothing."""
    assert _routing() == pytest.approx(_routing(tenant="guild-2", user=5, channel=9), nan_ok=True)


def test_each_number_says_what_it_means():
    values = _routing(
        "Is `a` a list?\nhttps://a.example/x and https://b.example",
        attachments=3,
        images=1,
        depth=2,
        channel_kind="thread",
        hour_utc=6.0,
    )
    expected = {
        "questions": 1 / 2,
        "lines": 1 / 5,
        "code_block": 1,
        "links": 2 / 3,
        "files": 2 / 3,
        "images": 1 / 2,
        "english": 1,
        "other_latin": 0,
        "hour_sin": 1,
        "hour_cos": 0,
        "thread": 1,
        "direct": 0,
        "depth": 1 / 2,
        "questions_asked": 1 / 2,
        "recency": 1 / 2,
        "satisfaction": 0.75,
        "turns": 1 / 2,
        "conversation_length": 1 / 2,
    }
    assert {name: values[name] for name in expected} == pytest.approx(expected, abs=1e-6)
    after = engagement_features(_seen(), _PAST, _CONVERSATION, Answered(800, 5.0, True, True), 2)
    expected = {"answer_length": 0.5, "answer_seconds": 0.5, "answer_code": 1, "fell_back": 1, "offers": 0.5}
    values = _named(ENGAGEMENT, after)
    assert {name: values[name] for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "client", "expected"),
    [
        ("What is the best way to sort a list?", "de", "english"),
        ("Was ist der beste Weg, eine Liste zu sortieren?", "en-US", "other_latin"),
        ("Quelle est la meilleure façon de trier une liste ?", None, "other_latin"),
        ("¿Cuál es la mejor manera de ordenar una lista?", None, "other_latin"),
        ("Как лучше всего отсортировать список?", None, "other_script"),
        ("リストを並べ替える最良の方法は", None, "other_script"),
        ("ما هي أفضل طريقة لفرز القائمة؟", None, "other_script"),
        ("🎉🎉🎉", "en-GB", "english"),
        ("https://example.org/der/die/das", None, "unknown"),
        ("```\nfor the in of: und nicht\n```", None, "unknown"),
        ("lol", "ja", "other_script"),
        ("", None, "unknown"),
    ],
)
def test_language_is_guessed_coarsely(text, client, expected):
    assert language_of(text, client) == expected


def test_examples():
    assert doctest.testmod(language).failed == 0


@pytest.mark.parametrize("domain", FEATURES)
def test_every_feature_has_a_name_of_its_own_and_a_class(domain):
    names = [each.name for each in FEATURES[domain]]
    assert len(set(names)) == len(names)
    assert all(each.privacy in PRIVACY and each.meaning for each in FEATURES[domain])


def test_the_page_is_the_data():
    """docs/discord-features.md is written by `python -m producers.discord.features.page`."""
    assert Path(__file__).parents[2].joinpath(PAGE).read_text(encoding="utf-8") == page()


def test_features_of_a_long_message_take_a_small_part_of_the_time_there_is():
    """The bot's own time for a decision is to be under 5 ms; features of the longest message fit in."""
    text = ("How do I sort a list? See https://a.example, `x = [1, 2]`. " * 80)[:4000]
    took = []
    for _ in range(20):
        begin = time.perf_counter()
        routing_features(_seen(text), _PAST, _CONVERSATION, content=True)
        took.append(time.perf_counter() - begin)
    assert min(took) < 0.005
