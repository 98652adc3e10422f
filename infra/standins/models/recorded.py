"""What real models made of real questions: the bundled recordings, looked up by the text of the question."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from msgspec import Struct

from producers.providers import Usage
from producers.replay.bundle import TEXT_CHARACTERS
from producers.replay.bundled import CHARACTERS_PER_TOKEN, read

#: The recordings of models' answers.  An arm that is in two of them has the price of the last.
FILES: Final = ("mmlu", "llmrouter", "paretobandit")

#: USD per million input and output tokens.  ParetoBandit recorded costs: with the models' list prices of that time the
#: tokens come back from them.  The others' answers have no recorded length, so their cost is that of the question alone
#: (producers/replay/data/README.md) and their output is free here.
_PARETO: Final = {
    "gemini-2.5-flash": (0.3, 2.5),
    "gemini-2.5-pro": (1.25, 10.0),
    "llama-3.1-8b-instruct": (0.02, 0.05),
    "mistral-large-2512": (0.5, 1.5),
}


class Recorded(Struct, frozen=True):
    """What a model's answer to a question was worth: 0 to 1 (0 or 1 where it was right or wrong), and its tokens."""

    quality: float
    graded: bool  # judged from 0 to 1; else right or wrong
    usage: Usage


@dataclass(frozen=True)
class Recordings:
    """All questions, by their text."""

    arms: tuple[str, ...]
    prices: Mapping[str, tuple[float, float]]  # USD per million input and output tokens
    _rows: Mapping[bytes, list[tuple[str, int]]] = field(repr=False)
    _raw: Mapping[str, dict[str, Any]] = field(repr=False)

    def find(self, question: str, arm: str) -> Recorded | None:
        """What came of asking `arm` this; None: it was not recorded.  White space does not matter."""
        for key in (_key(question), _key(question[:TEXT_CHARACTERS])):
            for file, row in self._rows.get(key, ()):
                raw = self._raw[file]
                if arm in raw["arms"]:
                    return self._recorded(raw, raw["arms"].index(arm), row, arm)
        return None

    def _recorded(self, raw: dict[str, Any], column: int, row: int, arm: str) -> Recorded:
        observed = raw["observed"]
        graded = "quality" in observed
        quality = float(observed["quality" if graded else "success"][column][row])
        tokens = math.ceil(raw["characters"][row] / CHARACTERS_PER_TOKEN)
        if "cost" not in observed:
            return Recorded(quality, graded, Usage(tokens, 0))
        into, out = self.prices[arm]
        output = max(1, round((observed["cost"][column][row] * 1e6 - tokens * into) / out))
        return Recorded(quality, graded, Usage(tokens, output))


@cache
def recordings() -> Recordings:
    """The bundled ones; read once, in about a third of a second."""
    rows: dict[bytes, list[tuple[str, int]]] = {}
    raws: dict[str, dict[str, Any]] = {}
    prices: dict[str, tuple[float, float]] = {}
    for file in FILES:
        raw = read(file)
        for row, text in enumerate(raw.pop("texts")):
            rows.setdefault(_key(text), []).append((file, row))
        listed = raw.get("dollars_per_million_tokens")
        prices |= {arm: (price, 0.0) for arm, price in zip(raw["arms"], listed, strict=True)} if listed else _PARETO
        raws[file] = raw
    return Recordings(tuple(prices), prices, rows, raws)


def _key(text: str) -> bytes:
    return hashlib.blake2b(" ".join(text.split()).encode(), digest_size=12).digest()
