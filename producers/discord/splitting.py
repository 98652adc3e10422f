"""Cuts an answer into messages: between paragraphs, lines, sentences, words; code blocks whole, or closed and reopened.

Discord allows 2,000 characters a message (counted here as UTF-16 units, which are never fewer), strips the blanks
around it, and takes three backticks anywhere as the beginning or the end of a code block.

Where a message ends depends only on the text that fits into it: full messages stay as they are while more streams in.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

LIMIT: Final = 2_000
FENCE: Final = "```"
_CLOSED: Final = "\n" + FENCE
#: As Discord's clients read it; a longer word is no language.
_LANGUAGE: Final = re.compile(r"([A-Za-z0-9_+\-.#]{0,30})\n")
_PARAGRAPH: Final = re.compile(r"\n[ \t]*\n\s*")
_LINE: Final = re.compile(r"\n\s*")
_SENTENCE: Final = re.compile(r"""[.!?…]["'”’»)\]*_]*\s+|[。！？]\s*""")  # noqa: RUF001
_WORD: Final = re.compile(r"\s+")


class Part(Struct, frozen=True):
    """One message.  text[start:end] is what it shows of the answer; all parts together show it whole."""

    text: str  # as it is sent
    start: int
    end: int
    opened: str = ""  # what stands before the piece, because a code block goes on here
    closed: str = ""  # what stands behind it, because the block goes on in the next message, or was never closed


class _Block(Struct, frozen=True):
    """A code block: from its first backtick to behind its last."""

    start: int
    code: int  # where the code begins, behind backticks and language
    end: int | None  # None: not closed in what was looked at
    language: str

    def forbids(self, at: int) -> bool:
        """Whether a cut there would tear the backticks or the language."""
        return self.start < at < self.code or (self.end is not None and self.end - len(FENCE) < at < self.end)

    def holds(self, at: int) -> bool:
        """Whether a cut there would be within the block."""
        return self.start < at and (self.end is None or at < self.end)


def width(text: str) -> int:
    """Length in UTF-16 units."""
    return len(text) if text.isascii() else len(text) + sum(each > "\uffff" for each in text)


def split(text: str, limit: int = LIMIT) -> list[Part]:
    """The messages of an answer; none of a blank one.  limit: at least 200."""
    if limit < 200:
        raise ValueError(f"limit must be at least 200, and is {limit}")
    parts: list[Part] = []
    start, language = 0, None
    while start < len(text) and (language is not None or _behind_blanks(text, start) < len(text)):
        part, language = _first(text, start, language, limit)
        parts.append(part)
        start = part.end
    return parts


def _first(text: str, start: int, language: str | None, limit: int) -> tuple[Part, str | None]:
    """The message that begins at `start`, inside a code block of `language` unless None; and in what it ends."""
    opened = "" if language is None else f"{FENCE}{language}\n"
    begin = _behind_blanks(text, start) if language is None else start
    end = _reach(text, begin, limit - width(opened) - len(_CLOSED))
    blocks = list(_blocks(text, begin, end, language))
    if end < len(text):
        end = _cut(text, begin, end, blocks)
    within = next((each.language for each in blocks if each.holds(end)), None)
    piece = text[begin:end]
    if within is None:
        shown, closed, end = piece.rstrip(), "", _behind_blanks(text, end)
    else:
        shown, closed = piece, FENCE if piece.endswith("\n") else _CLOSED
    return Part(opened + shown + closed, start, end, opened, closed), within


def _blocks(text: str, begin: int, end: int, language: str | None) -> Iterator[_Block]:
    """Code blocks that begin before `end`; the first goes on from before `begin` unless `language` is None."""
    at, start = begin, begin - 1
    while True:
        if language is not None:
            close = text.find(FENCE, at, end + 2)
            yield _Block(start, at, None if close < 0 else close + len(FENCE), language)
            if close < 0:
                return
            at = close + len(FENCE)
        start = text.find(FENCE, at, end + 2)
        if start < 0 or start >= end:
            return
        header = _LANGUAGE.match(text, start + len(FENCE))
        language = header[1] if header else ""
        at = header.end() if header else start + len(FENCE)


def _cut(text: str, begin: int, end: int, blocks: list[_Block]) -> int:
    """Where to end: at most at `end`, and behind `begin`."""

    def last(boundary: re.Pattern[str], least: int, edges: frozenset[int] = frozenset()) -> int | None:
        found = edges.union(each.end() for each in boundary.finditer(text, begin, end))
        return max(
            (at for at in found if least <= at <= end and not any(each.holds(at) for each in blocks)), default=None
        )

    half, quarter = begin + (end - begin) // 2, begin + (end - begin) // 4
    torn = next((each for each in blocks if each.holds(end)), None)
    if torn is not None and torn.start >= quarter:
        return torn.start  # it begins the next message
    if torn is not None:
        line = text.rfind("\n", max(quarter, torn.code), end) + 1
        return line if line and not torn.forbids(line) else _between_characters(text, begin, end, blocks)
    edges = frozenset(at for each in blocks for at in (each.start, each.end) if at is not None)
    for boundary, least, also in (
        (_PARAGRAPH, half, edges),
        (_LINE, half, frozenset[int]()),
        (_SENTENCE, half, frozenset[int]()),
        (_WORD, quarter, edges),
    ):
        at = last(boundary, least, also)
        if at is not None:
            return at
    return _between_characters(text, begin, end, blocks)


def _between_characters(text: str, begin: int, end: int, blocks: list[_Block]) -> int:
    """The last place that separates neither what is seen as one character nor three backticks."""
    allowed = [at for at in range(end, max(begin, end - 100), -1) if not any(each.forbids(at) for each in blocks)]
    return next((at for at in allowed if not _one_character(text[at - 1], text[at])), allowed[0])


def _one_character(before: str, after: str) -> bool:
    """Whether two characters are seen as one: accents, emoji of several parts, flags; or are both backticks."""
    return (
        unicodedata.category(after) in {"Mn", "Me", "Mc"}
        or "\u200d" in (before, after)
        or "\U0001f3fb" <= after <= "\U0001f3ff"  # skin tones
        or ("\U0001f1e6" <= before <= "\U0001f1ff" and "\U0001f1e6" <= after <= "\U0001f1ff")
        or before == after == "`"
    )


def _reach(text: str, begin: int, units: int) -> int:
    """The end of the longest piece from `begin` on that is no wider than `units`."""
    end = min(len(text), begin + units)
    while (over := width(text[begin:end]) - units) > 0:
        end -= (over + 1) // 2
    return end


def _behind_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at
