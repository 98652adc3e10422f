"""Why nobody can answer: the asker is told what somebody can do something about, and a fault that passes passes."""

import pytest

from producers.discord.choosing import _told
from producers.discord.words import ENGLISH, keys


@pytest.mark.parametrize(
    ("restrictions", "told"),
    [
        ({"a": "capability", "b": "budget"}, "capability"),
        ({"a": "context-length", "b": "not-allowed"}, "context_length"),
        ({"a": "budget", "b": "not-allowed"}, "budget"),
        ({"a": "not-allowed"}, "not_allowed"),
        ({"a": "unhealthy", "b": "capability", "c": "budget"}, "no_model"),
        ({"a": "no-key", "b": "disabled"}, "no_model"),
        ({}, "no_model"),
    ],
)
def test_what_the_asker_is_told(restrictions, told):
    assert _told(restrictions) == told
    assert f"refusals.{told}" in keys(ENGLISH)
