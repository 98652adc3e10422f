"""An answer cut into messages is the answer: nothing lost, nothing too long, code blocks closed."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from producers.discord.splitting import FENCE, LIMIT, split, width

LIMITS = st.integers(200, 400)
PIECES = st.one_of(
    st.text(alphabet="abcdefg hijk\n`é👍🏽\u0301\u200d", max_size=120),
    st.sampled_from(
        ["```python\n", "```", "\n```\n", "\n\n", "\n", ". ", "word ", "    indented\n", "``", "🇩🇪", "-" * 150]
    ),
    st.integers(1, 60).map(lambda n: "line of code()\n" * n),
    st.integers(1, 60).map(lambda n: "A sentence of some length. " * n),
)
TEXTS = st.lists(PIECES, max_size=25).map("".join)


@given(TEXTS, LIMITS)
@example("`" * 1000, 200)
@example(" " * 1000 + "x", 200)
@example("```" + "x" * 500, 200)
@example("x" * 190 + "```python\ny\n```", 200)
@example("👍" * 300, 200)
def test_nothing_is_lost_doubled_or_moved(text: str, limit: int) -> None:
    parts = split(text, limit)
    if not text.strip():
        assert not parts
        return
    assert "".join(text[each.start : each.end] for each in parts) == text
    for each in parts:
        shown = each.text.removeprefix(each.opened)
        shown = shown[: len(shown) - len(each.closed)]
        assert shown.split() == text[each.start : each.end].split()


@given(TEXTS, LIMITS)
def test_every_message_can_be_sent(text: str, limit: int) -> None:
    for each in split(text, limit):
        assert 0 < width(each.text.strip()) <= width(each.text) <= limit
        assert len(each.text.encode("utf-16-le")) == 2 * width(each.text)


@given(TEXTS, LIMITS)
def test_every_message_closes_the_code_blocks_that_it_opens(text: str, limit: int) -> None:
    for each in split(text, limit):
        assert each.text.count(FENCE) % 2 == 0


@given(
    st.lists(PIECES.filter(lambda piece: piece != "``" and "`" not in piece.replace(FENCE, "")), max_size=25), LIMITS
)
def test_full_messages_stay_while_more_streams_in(pieces: list[str], limit: int) -> None:
    whole = [each.text for each in split("".join(pieces), limit)]
    for n in range(1, len(pieces)):
        so_far = split("".join(pieces[:n]), limit)
        assert [each.text for each in so_far[:-1]] == whole[: len(so_far[:-1])]


@given(TEXTS)
def test_what_fits_is_one_message(text: str) -> None:
    if text.strip() and width(text) <= LIMIT - 4:
        assert len(split(text)) == 1


def test_a_code_block_that_would_be_torn_begins_the_next_message() -> None:
    block = "```python\n" + "call()\n" * 100 + "```"
    before, after = "Here it is. " * 120, "\nThat was it."
    first, second = split(before + block + after)
    assert first.text == before.strip()
    assert second.text == block + after


def test_a_code_block_longer_than_a_message_goes_on_in_its_language() -> None:
    lines = [f"line_{n} = {n}" for n in range(400)]
    parts = split("```rust\n" + "\n".join(lines) + "\n```")
    assert len(parts) > 2
    shown = []
    for each in parts:
        code = re.fullmatch(r"```rust\n(.*\n)```", each.text, re.DOTALL)
        assert code, each.text
        shown += code[1].splitlines()
    assert shown == lines


@pytest.mark.parametrize(
    ("unit", "end"),
    [
        ("A paragraph of text that says something. " * 8 + "\n\n", "something."),
        ("A line that says something, and goes on for a while\n", "a while"),
        ("A sentence that says something, and goes on for a while. ", "a while."),
        ("word ", "word"),
    ],
)
def test_messages_end_where_a_reader_would_pause(unit: str, end: str) -> None:
    parts = split(unit * (9_000 // len(unit)))
    assert len(parts) >= 5
    for each in parts:
        assert each.text.endswith(end)
        assert each.text.startswith(unit[:4])


def test_what_is_seen_as_one_character_stays_together() -> None:
    for character in ("👍🏽", "👩‍👩‍👧", "🇩🇪", "e\u0301"):
        for each in split(character * 2_000):
            assert each.text == character * (len(each.text) // len(character))


def test_limits_are_those_of_discord() -> None:
    assert LIMIT == 2_000
    with pytest.raises(ValueError, match="at least 200"):
        split("x", 10)
