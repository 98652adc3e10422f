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
from typing import Final

_WORD = re.compile(r"[A-Za-z']+")
_CAPITAL = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+")
_YEAR = re.compile(r"(?<![0-9A-Za-z_])(?:1[5-9][0-9][0-9]|20[0-9][0-9])(?![0-9A-Za-z_])")
_QUOTE = re.compile('["\u201c\u201d]')
_FORMULA = re.compile(r"[$\\^=]")
_DIGIT = re.compile(r"[0-9]")

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
        self.options = [line for line in text.split("\n") if line.strip()][1:]
        self.sizes = [len(line) for line in self.options]


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
    *(
        Wording(f"field_{name}", f"words of the field {name} n as n / (n + 1)", _in_field(words))
        for name, words in FIELDS.items()
    ),
)


def wording(text: str) -> list[float]:
    """The features of a text, in the order of `WORDINGS`, each from 0 to 1."""
    parts = _Text(text)
    return [each.value(parts) for each in WORDINGS]
