"""Whatever a model writes becomes data or text that can be shown; nothing it writes is an error."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.discord.analysis.parsing import Analysis, analysis_of
from producers.discord.model_text import data_of, shown, texts

ANSWER = {
    "summary": 'Rivers {of "ice"} are [slow].',
    "key_points": ["It moves a metre a day.", "It carries stones."],
    "questions": ["Is it a metre a day?"],
}
WHOLE = Analysis(ANSWER["summary"], tuple(ANSWER["key_points"]), tuple(ANSWER["questions"]))  # type: ignore[arg-type]

JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    "around",
    ["{}", "```json\n{}\n```", "```\n{}```", "Here is the summary, as [1] says:\n\n{}", "{}\n\nI hope that helps!"],
)
def test_an_answer_is_read_whatever_stands_around_it(around: str) -> None:
    assert analysis_of(around.replace("{}", json.dumps(ANSWER, indent=1))) == WHOLE


def test_an_answer_that_was_cut_off_says_what_had_come() -> None:
    """Wherever the tokens ended: no prefix is an error, and the more there is the more is read."""
    written = json.dumps(ANSWER)
    read = [analysis_of(written[:end]) for end in range(len(written) + 1)]
    assert read[-1] == WHOLE
    assert read[written.index('"key_points"')].summary == WHOLE.summary
    assert read[written.index("It carries") + 5].key_points == ("It moves a metre a day.", "It ca")
    points = [len(each.key_points) for each in read]
    assert points == sorted(points)


@settings(max_examples=40)
@given(st.text(), JSON)
def test_no_answer_is_an_error_and_all_of_it_can_be_shown(text: str, data: Any) -> None:
    for answer in (text, json.dumps(data), text + json.dumps(data), json.dumps({"summary": data, "key_points": data})):
        found = analysis_of(answer)
        for line in (found.summary, *found.key_points, *found.questions):
            assert len(line) <= 1_500
            assert "\n" not in line


@settings(max_examples=40)
@given(st.dictionaries(st.text(), JSON, min_size=1))
def test_an_object_is_read_as_json_reads_it(data: dict[str, Any]) -> None:
    assert data_of(json.dumps(data)) == data
    assert data_of(f"Sure:\n```json\n{json.dumps(data)}\n```") == data


def test_plain_text_is_read_as_summary_points_and_questions() -> None:
    text = "## Summary\nGlaciers move.\n\nKey points:\n- They carry stones.\n2. They melt.\n* How fast do they move?\n"
    assert analysis_of(text) == Analysis(
        "Glaciers move.", ("They carry stones.", "They melt."), ("How fast do they move?",)
    )


def test_data_that_nobody_asked_for_is_not_shown() -> None:
    assert not analysis_of('{"error": "I can not do that"}')
    assert not analysis_of("   ")


def test_a_link_says_where_it_leads() -> None:
    """A page that is summarised can make a model write a link with a name that lies."""
    assert shown("See [your bank](https://evil.example/x) now", 100) == "See your bank (https://evil.example/x) now"
    assert shown("See [your bank](<https://evil.example/x> 'Bank') now", 100) == (
        "See your bank (https://evil.example/x) now"
    )


def test_lists_come_in_many_forms() -> None:
    assert texts(["a", "a", {"question": "b?", "answer": "c"}, 3, ""], 10, 5) == ("a", "b?")
    assert texts("- one\n- two", 10, 5) == ("one", "two")
    assert texts(None, 10, 5) == ()
    assert texts(["x" * 20], 10, 5) == ("x" * 9 + "\u2026",)
