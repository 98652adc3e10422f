"""With the domain that every server gets, cost falls where that is free, and quality is kept where it is not."""

import msgspec
import numpy as np
import pytest

from infra.bot.template import read_template
from producers.discord.ports import GuildSettings
from producers.providers.catalogue import Catalogue, Model, Provider
from schemas.events import Decision, Outcome
from stream_workers.learning.domain import DomainState

from .test_template import BOT

#: USD per million tokens.
PRICES = {"large": 10.0, "small": 0.5}
RATED = 0.2
QUESTIONS = 4_000


def _spec():
    models = {name: Model("local", name, price, price, 100_000, 4_000) for name, price in PRICES.items()}
    template = read_template(BOT, Catalogue({"local": Provider("openai", "http://127.0.0.1/v1")}, models))
    (spec,) = [spec for spec in template.of("guild-1", GuildSettings()) if spec.domain == "model_routing"]
    return msgspec.structs.replace(spec, challengers=())


def _played(quality, seed):
    """A server's questions, of which one in five is rated; of the last half: (cost, quality, share of the large model
    for hard questions, for the others), cost and quality beside always the large model's.

    quality: the chance that people are pleased with a model's answer, by model; on hard questions (a feature) the small
    one has half of it.
    """
    spec, rng = _spec(), np.random.default_rng(seed)
    state, names, waiting = DomainState(spec, 1), tuple(arm.name for arm in spec.arms), []
    chosen, pleased, hard = np.empty(QUESTIONS, int), np.empty(QUESTIONS), rng.random(QUESTIONS) < 0.3
    for number in range(QUESTIONS):
        features = np.full((1, spec.features), np.nan, np.float32)
        features[0, :10] = rng.random(10)
        features[0, 6] = hard[number]
        made = state.decide(features, None, rng.random(1))
        arm = chosen[number] = int(made.arm[0])
        good = quality[names[arm]] * (0.5 if hard[number] and names[arm] == "small" else 1.0)
        pleased[number] = good
        seen = {"success": 1.0, "cost": spec.arms[arm].price, "regenerated": 0.0, "deleted": 0.0}
        if rng.random() < RATED:
            seen["thumbs"] = float(rng.random() < good)
        decision = Decision(
            str(number), "guild-1", "model_routing", names, arm, made.propensities.tobytes(), made.scores.tobytes(),
            features.tobytes(), "learned", 1, number, spec.horizon_ms, (), number,
        )  # fmt: skip
        waiting.append(Outcome(number, "horizon", number, number, seen, number, decision))
        if len(waiting) == 20:  # feedback comes later
            state.learn(waiting)
            waiting = []
    last = slice(QUESTIONS // 2, None)
    large = chosen[last] == names.index("large")
    cost = np.array([arm.price for arm in spec.arms])[chosen[last]].mean() / max(arm.price for arm in spec.arms)
    return cost, pleased[last].mean() / quality["large"], large[hard[last]].mean(), large[~hard[last]].mean()


@pytest.mark.parametrize("seed", range(3))
def test_cost_falls_where_the_small_model_is_as_good_and_only_there(seed):
    """Hard questions stay with the large model, most of the others go to the small one."""
    cost, quality, hard, easy = _played({"large": 0.85, "small": 0.85}, seed)
    assert cost < 0.65
    assert quality > 0.98
    assert hard > 0.9
    assert easy < 0.45


@pytest.mark.parametrize("seed", range(3))
def test_quality_is_kept_where_the_small_model_disappoints(seed):
    cost, quality, _, _ = _played({"large": 0.9, "small": 0.45}, seed)
    assert quality > 0.95
    assert cost > 0.85
