"""The recordings that come with the package.  data/README.md gives sources, licences and what was changed."""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from producers.features import CONTENT_DIMENSIONS, NumberFeatures, TextFeatures

from . import data
from .recording import Recording

#: The usual estimate for English; answers were not recorded, so a computed cost is that of the prompt alone.
CHARACTERS_PER_TOKEN = 4

_COST_BASIS = (
    f"computed, not recorded: list price per token times the length of the prompt at {CHARACTERS_PER_TOKEN} characters "
    "a token; the answer's tokens are not in the data and not counted"
)


@dataclass(frozen=True, slots=True)
class Bundle:
    """One file of data/, and the tenant and domain it is played as."""

    file: str
    tenant: str
    domain: str
    stand_in: bool
    basis: str  # of what was recorded


BUNDLES: Final[tuple[Bundle, ...]] = (
    Bundle("mmlu", "mmlu", "model_routing", False, "recorded: whether the model's answer was right (RouteLLM, MMLU)"),
    Bundle("llmrouter", "llmrouter", "model_routing", False, "recorded: score of the model's answer (LLMRouter)"),
    Bundle("paretobandit", "paretobandit", "model_routing", False, "recorded: judged answer, its cost (ParetoBandit)"),
    Bundle("satimage", "stand-in-analysis", "content_analysis", True, "1 for the right class (PMLB satimage)"),
    Bundle("pendigits", "stand-in-engagement", "user_engagement", True, "1 for the right class (PMLB pendigits)"),
)

TENANTS: Final[tuple[str, ...]] = tuple(bundle.tenant for bundle in BUNDLES)


def load(tenant: str, *, content: bool, dimensions: int = CONTENT_DIMENSIONS) -> Recording:
    """The recording played as `tenant`.

    content: whether the tenant's domain has opted in to features made from message content (`content_features`);
    recordings of numbers have none either way.  KeyError: no such tenant.
    """
    bundle = {each.tenant: each for each in BUNDLES}[tenant]
    raw = read(bundle.file)
    return _of_texts(bundle, raw, TextFeatures(content, dimensions)) if "texts" in raw else _of_classes(bundle, raw)


def read(file: str) -> dict[str, Any]:
    """What a bundle holds, as it is."""
    packed = files(data).joinpath(f"{file}.json.gz").read_bytes()
    content: dict[str, Any] = json.loads(gzip.decompress(packed))
    return content


def _of_texts(bundle: Bundle, raw: dict[str, Any], make: TextFeatures) -> Recording:
    texts: list[str] = raw["texts"]
    characters: list[int] = raw["characters"]
    observed = {name: np.array(columns, dtype=np.float64).T for name, columns in raw["observed"].items()}
    basis = dict.fromkeys(observed, bundle.basis)
    if "cost" not in observed:
        per_token = np.array(raw["dollars_per_million_tokens"], dtype=np.float64) / 1e6
        observed["cost"] = np.array(characters, dtype=np.float64)[:, None] / CHARACTERS_PER_TOKEN * per_token
        basis["cost"] = _COST_BASIS
    prices = _prices(raw, observed["cost"])

    def features(row: int) -> NDArray[np.float32]:
        return make(texts[row], characters[row])

    return _recording(bundle, raw, prices, make.size, features, observed, basis)


def _prices(raw: dict[str, Any], cost: NDArray[np.float64]) -> tuple[float, ...]:
    """The expected cost of a request: the mean in the recording; models of one list price have the very same."""
    means = cost.mean(axis=0)
    listed = raw.get("dollars_per_million_tokens")
    if listed is None:
        return tuple(float(mean) for mean in means)
    first = {price: index for index, price in reversed(list(enumerate(listed)))}
    return tuple(float(means[first[price]]) for price in listed)


def _of_classes(bundle: Bundle, raw: dict[str, Any]) -> Recording:
    numbers = np.array(raw["numbers"], dtype=np.float64).T
    scale = NumberFeatures(raw["minimum"], raw["maximum"])
    classes = np.array(raw["classes"])
    observed = {"success": (classes[:, None] == np.arange(len(raw["arms"]))).astype(np.float64)}

    def features(row: int) -> NDArray[np.float32]:
        return scale(numbers[row])

    prices = (0.0,) * len(raw["arms"])
    return _recording(bundle, raw, prices, scale.size, features, observed, {"success": bundle.basis})


def _recording(
    bundle: Bundle,
    raw: dict[str, Any],
    prices: tuple[float, ...],
    size: int,
    features: Callable[[int], NDArray[np.float32]],
    observed: dict[str, NDArray[np.float64]],
    basis: dict[str, str],
) -> Recording:
    return Recording(
        bundle.tenant, bundle.domain, tuple(raw["arms"]), prices, size, features, observed, basis, bundle.stand_in
    )
