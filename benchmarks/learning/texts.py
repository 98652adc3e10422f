"""The recordings of texts that the routing benchmarks are played on, as features and what every arm earned."""

import gzip
import json
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.learning.sets import DATA
from producers.features import TextFeatures
from producers.replay import bundled


class Texts(NamedTuple):
    """n requests and K arms."""

    features: NDArray[np.float32]  # (n, d)
    rewards: NDArray[np.float64]  # (n, K) in [0, 1]
    arms: tuple[str, ...]
    raw: dict[str, Any]


def recorded(name: str, observed: str, *, wording: bool) -> Texts:
    """A bundle of producers/replay/data, or of data/ here.  wording: with `producers.features.wording`."""
    raw = _here(name) if name.endswith("_val") else bundled.read(name)
    make = TextFeatures(content=wording, dimensions=0, wording=True) if wording else TextFeatures(content=False)
    rows = [make(text, characters) for text, characters in zip(raw["texts"], raw["characters"], strict=True)]
    return Texts(np.array(rows), np.array(raw["observed"][observed], np.float64).T.copy(), tuple(raw["arms"]), raw)


def subjects() -> list[tuple[str, int]]:
    """Of the bundle `mmlu`, in order: name and number of questions."""
    found = json.loads((DATA / "mmlu_subjects.json").read_text())
    return [(name, count) for name, count in found]


def _here(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(gzip.decompress((DATA / f"{name}.json.gz").read_bytes()))
    return content
