"""Content-free features: what a text looks like, never what it says.

Every feature is a count or a share of character classes, from 0 to 1.  Counts n are squashed to n / (n + half), which
is one half at n = half: division is exact in IEEE 754 where logarithms differ between C libraries, so every machine
gets the same bits.  Character classes are ASCII, because those of Unicode change with Python's version.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_DIGIT = re.compile(r"[0-9]")
_UPPER = re.compile(r"[A-Z]")
_LETTER = re.compile(r"[A-Za-z]")
_PUNCTUATION = re.compile(r"[.,;:!?'\"-]")
_CODE = re.compile(r"[{}\[\]()<>=+*/\\_`$%&|~^#@]")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_WORD = re.compile(r"[^\s\x00-\x20]+")
_NUMBER = re.compile(r"[0-9]+(?:[.,][0-9]+)*")
_OPTION = re.compile(r"^[ \t]*(?:\([A-Za-z0-9]\)|[A-Za-z0-9][.)])[ \t]", re.MULTILINE)
_ITEM = re.compile(r"^[ \t]*[-*]", re.MULTILINE)
_SENTENCE = re.compile(r"[.!?](?:\s|$)")


@dataclass(frozen=True, slots=True)
class Shape:
    """One feature: its name, what it means, and the function of (text, characters)."""

    name: str
    meaning: str
    value: Callable[[str, int], float]


def _count(pattern: re.Pattern[str], half: float) -> Callable[[str, int], float]:
    def value(text: str, characters: int) -> float:  # noqa: ARG001 - all have one signature
        return _squash(len(pattern.findall(text)), half)

    return value


def _share(pattern: re.Pattern[str]) -> Callable[[str, int], float]:
    def value(text: str, characters: int) -> float:  # noqa: ARG001
        return len(pattern.findall(text)) / len(text) if text else 0.0

    return value


def _squash(count: float, half: float) -> float:
    return count / (count + half)


def _length(half: float) -> Callable[[str, int], float]:
    return lambda _, characters: _squash(characters, half)


def _upper_share(text: str, _: int) -> float:
    letters = len(_LETTER.findall(text))
    return len(_UPPER.findall(text)) / letters if letters else 0.0


def _word_length(text: str, _: int) -> float:
    words = _WORD.findall(text)
    return _squash(sum(map(len, words)) / len(words), 5.0) if words else 0.0


def _ends_with(mark: str) -> Callable[[str, int], float]:
    return lambda text, _: float(text.rstrip(" \t\r\n").endswith(mark))


SHAPES: Final[tuple[Shape, ...]] = (
    Shape("length", "characters n as n / (n + 150)", _length(150.0)),
    Shape("length_long", "characters n as n / (n + 1000): tells long texts apart", _length(1000.0)),
    Shape("words", "words n as n / (n + 30)", _count(_WORD, 30.0)),
    Shape("word_length", "mean characters of a word m as m / (m + 5)", _word_length),
    Shape("sentences", "sentence ends n as n / (n + 3)", _count(_SENTENCE, 3.0)),
    Shape("lines", "line breaks n as n / (n + 4)", _count(re.compile(r"\n"), 4.0)),
    Shape("questions", "question marks n as n / (n + 1)", _count(re.compile(r"\?"), 1.0)),
    Shape("ends_with_question", "1 when the text ends with a question mark", _ends_with("?")),
    Shape("ends_with_colon", "1 when the text ends with a colon", _ends_with(":")),
    Shape("options", "lines that begin like a choice, such as A. or (b), n as n / (n + 2)", _count(_OPTION, 2.0)),
    Shape("items", "lines that begin with a dash or a star n as n / (n + 2)", _count(_ITEM, 2.0)),
    Shape("numbers", "numbers n as n / (n + 3)", _count(_NUMBER, 3.0)),
    Shape("digits", "share of digits among the characters", _share(_DIGIT)),
    Shape("capitals", "share of capitals among the ASCII letters", _upper_share),
    Shape("punctuation", "share of . , ; : ! ? ' \" - among the characters", _share(_PUNCTUATION)),
    Shape("code", "share of brackets, operators and other marks of code among the characters", _share(_CODE)),
    Shape("not_ascii", "share of characters outside ASCII", _share(_NOT_ASCII)),
)


def shape(text: str, characters: int | None = None) -> list[float]:
    """The features of a text, in the order of `SHAPES`.

    characters: length of the whole text where `text` is only its beginning; default: that of `text`.
    """
    whole = len(text) if characters is None else characters
    return [each.value(text, whole) for each in SHAPES]
