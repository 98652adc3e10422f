"""How a text is worded: endings and lengths of words, capitals, years, blanks, answer options, and fields of words.

A bag of hashed words needs thousands of interactions before it tells a question of law from one of physics; these few
numbers tell that from the first hundred on.  They are made from words, and so, unlike `shape`, need the tenant's
consent.

Fields are short lists of common English words, written by hand for this purpose and not taken from any data set; in
other languages they are 0 and the rest still means something.  Counts n are squashed to n / (n + half), as in `shape`;
classes of characters are ASCII, so that every machine gets the same bits.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Final

_WORD = re.compile(r"[A-Za-z']+")
_CAPITAL = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+")
_YEAR = re.compile(r"(?<![0-9A-Za-z_])(?:1[5-9][0-9][0-9]|20[0-9][0-9])(?![0-9A-Za-z_])")
_QUOTE = re.compile('["\u201c\u201d]')
_FORMULA = re.compile(r"[$\\^=]")
_DIGIT = re.compile(r"[0-9]")
_TOKEN = re.compile(r"[a-z0-9']+")
_NUMBER = re.compile(r"[0-9][0-9,]*")
_SENTENCE_END = re.compile(r"[.!?][ \t\r\n]")

#: Words by field.
FIELDS: Final[dict[str, frozenset[str]]] = {
    name: frozenset(words.split())
    for name, words in {
        "negation": "not no never none neither nor cannot except least false incorrect untrue unlikely without isn't "
        "don't doesn't can't won't",
        "asking": "what which who whom whose when where why how",
        "amount": "many much number total sum average mean percent percentage amount rate ratio cost price probability "
        "value",
        "calculation": "calculate compute find solve evaluate determine estimate simplify convert graph equation "
        "function",
        "first_person": "i me my mine myself we us our ours",
        "second_person": "you your yours",
        "third_person": "he him his she her hers they them their",
        "modality": "would should could might may must can will shall",
        "comparison": "more less most least greater smaller higher lower better worse best than same different equal "
        "larger increase decrease increases decreases",
        "cause": "because therefore thus hence since so if then implies causes cause result results due leads effect",
        "time": "before after during while when until year years century early late first last",
        "place": "united states america american england british france french germany german china chinese india "
        "europe european world war empire country countries state nation",
        "law": "court law legal plaintiff defendant statute liable contract property criminal sued jury evidence "
        "constitutional trial tort",
        "medicine": "patient disease symptoms treatment drug blood cells cell cancer infection clinical doctor "
        "hospital diagnosis therapy physical examination",
        "mathematics": "matrix vector integer polynomial group ring field prime triangle circle angle graph theorem "
        "real line set",
        "science": "energy force mass velocity temperature pressure acid reaction molecule atom electron gene protein "
        "dna species water gas light wave current voltage",
        "computing": "program algorithm code data computer software network memory array variable string int return "
        "system server class file",
        "money": "market price demand supply tax income interest bank money capital cost profit firm economic "
        "investment sales",
        "mind": "theory behavior learning memory person individual social people child children self attitude emotion "
        "personality",
        "ethics": "moral morally wrong right duty good evil argument ethical ethics virtue belief believe god religion "
        "religious",
        "reading": "according following passage text excerpt based above statement statements scenario example "
        "question refers",
        "judging": "true false yes correct incorrect all none both only",
    }.items()
}

_ENDINGS: Final = {
    "nouns_of_action": ("tion", "sion", "ment"),
    "nouns_of_kind": ("ism", "ist", "ity"),
    "ing": ("ing",),
    "past": ("ed",),
    "adverbs": ("ly",),
    "adjectives": ("al", "ic", "ous", "ive"),
    "learned": ("ology", "osis", "itis", "emia", "ase", "gen"),
}


class _Text:
    """A text, its words, and what follows its first line (where a question has its options)."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = _WORD.findall(text)
        self.lower = [word.lower() for word in self.words]
        lines = [line for line in text.split("\n") if line.strip()]
        self.first = lines[0] if lines else ""
        self.options = lines[1:]
        self.sizes = [len(line) for line in self.options]
        self.option_words = [word for line in self.options for word in _TOKEN.findall(line.lower())]


@dataclass(frozen=True, slots=True)
class Wording:
    """One feature: its name, what it means, and its function."""

    name: str
    meaning: str
    value: Callable[[_Text], float]


def _share(test: Callable[[str], bool]) -> Callable[[_Text], float]:
    return lambda text: sum(map(test, text.lower)) / len(text.lower) if text.lower else 0.0


def _ends(endings: tuple[str, ...]) -> Callable[[_Text], float]:
    return _share(lambda word: word.endswith(endings))


def _count(pattern: re.Pattern[str], half: float) -> Callable[[_Text], float]:
    def value(text: _Text) -> float:
        found = len(pattern.findall(text.text))
        return found / (found + half)

    return value


def _blanks(text: _Text) -> float:
    found = text.text.count("__")
    return found / (found + 1.0)


def _in_field(words: frozenset[str]) -> Callable[[_Text], float]:
    def value(text: _Text) -> float:
        found = sum(word in words for word in text.lower)
        return found / (found + 1.0)

    return value


def _option_length(text: _Text) -> float:
    mean = sum(text.sizes) / len(text.sizes) if text.sizes else 0.0
    return mean / (mean + 40.0)


def _option_spread(text: _Text) -> float:
    return (max(text.sizes) - min(text.sizes)) / (max(text.sizes) + 10.0) if text.sizes else 0.0


def _options_with_digits(text: _Text) -> float:
    return sum(bool(_DIGIT.search(line)) for line in text.options) / len(text.options) if text.options else 0.0


def _option_deviation(text: _Text) -> float:
    n = len(text.sizes)
    if not n:
        return 0.0
    deviation = sqrt(n * sum(size * size for size in text.sizes) - sum(text.sizes) ** 2) / n
    return deviation / (deviation + 10.0)


def _option_variety(text: _Text) -> float:
    return len(set(text.option_words)) / len(text.option_words) if text.option_words else 0.0


def _option_echo(text: _Text) -> float:
    asked = set(_TOKEN.findall(text.first.lower()))
    return sum(word in asked for word in text.option_words) / len(text.option_words) if text.option_words else 0.0


def _first_line(text: _Text) -> float:
    return len(text.first) / (len(text.first) + 100.0)


def _sentence_length(text: _Text) -> float:
    mean = len(text.text) / (1 + len(_SENTENCE_END.findall(text.text)))
    return mean / (mean + 80.0)


def _longest_word(text: _Text) -> float:
    longest = max(map(len, text.words), default=0)
    return longest / (longest + 10.0)


def _large_numbers(text: _Text) -> float:
    found = sum(len(number.replace(",", "").lstrip("0")) >= 3 for number in _NUMBER.findall(text.text))
    return found / (found + 1.0)


def _initials(text: _Text) -> float:
    words = text.words
    return sum("A" <= word[0] <= "Z" and len(word) > 1 for word in words) / len(words) if words else 0.0


def _variety(text: _Text) -> float:
    return len(set(text.lower)) / len(text.lower) if text.lower else 0.0


WORDINGS: Final[tuple[Wording, ...]] = (
    *(
        Wording(f"ending_{name}", f"share of words that end in {', '.join(ends)}", _ends(ends))
        for name, ends in _ENDINGS.items()
    ),
    Wording("long_words", "share of words of ten letters or more", _share(lambda word: len(word) >= 10)),
    Wording("short_words", "share of words of three letters or fewer", _share(lambda word: len(word) <= 3)),
    Wording("variety", "different words among all words", _variety),
    Wording("names", "capitalised words inside sentences n as n / (n + 2)", _count(_CAPITAL, 2.0)),
    Wording("years", "years from 1500 to 2099 n as n / (n + 1)", _count(_YEAR, 1.0)),
    Wording("blanks", "blanks to fill in (__) n as n / (n + 1)", _blanks),
    Wording("quotes", "quotation marks n as n / (n + 2)", _count(_QUOTE, 2.0)),
    Wording("formulas", "marks of formulas ($ \\ ^ =) n as n / (n + 2)", _count(_FORMULA, 2.0)),
    Wording("option_length", "mean length n of the lines after the first as n / (n + 40)", _option_length),
    Wording("option_spread", "longest less shortest of those lines, over the longest and 10", _option_spread),
    Wording("options_with_digits", "share of those lines that have a digit", _options_with_digits),
    Wording("option_deviation", "standard deviation n of their lengths as n / (n + 10)", _option_deviation),
    Wording("option_variety", "different words among all words of those lines", _option_variety),
    Wording("option_echo", "share of their words that the first line has, too", _option_echo),
    Wording("first_line", "characters n of the first line as n / (n + 100)", _first_line),
    Wording("sentence_length", "mean characters n of a sentence as n / (n + 80)", _sentence_length),
    Wording("longest_word", "letters n of the longest word as n / (n + 10)", _longest_word),
    Wording("single_letters", "share of words of one letter", _share(lambda word: len(word) == 1)),
    Wording("large_numbers", "numbers of three digits or more n as n / (n + 1)", _large_numbers),
    Wording("initials", "share of words of more than one letter that begin with a capital", _initials),
    Wording("brackets", "opening brackets n as n / (n + 2)", _count(re.compile(r"\("), 2.0)),
    Wording("commas", "commas n as n / (n + 4)", _count(re.compile(","), 4.0)),
    *(
        Wording(f"field_{name}", f"words of the field {name} n as n / (n + 1)", _in_field(words))
        for name, words in FIELDS.items()
    ),
)


def wording(text: str) -> list[float]:
    """The features of a text, in the order of `WORDINGS`, each from 0 to 1."""
    parts = _Text(text)
    return [each.value(parts) for each in WORDINGS]
