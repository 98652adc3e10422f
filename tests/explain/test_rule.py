"""The rule of exploration, and what the policy thought: of every kind, as the policy itself has it."""

import msgspec
import numpy as np
import pytest

from infra.explain.explanation import explain
from infra.explain.replayed import replayed
from infra.explain.words import words
from schemas.domains import LearnerSpec
from schemas.errors import CroupierError
from stream_workers.bandits.randomness import draws
from stream_workers.bandits.registry import KINDS, check_params
from stream_workers.learning.domain import DomainState

from ..cli.written import SPEC, decision, outcome, packed
from ..status.shown import shown
from .test_explanation import SPANS, evidence_of

replace = msgspec.structs.replace


def spec_of(kind):
    params = {"arm": "strong"} if kind == "fixed" else {}
    return replace(SPEC, champion=LearnerSpec("learned", kind, params))


def learned(spec, n=300):
    """A state that has learned n outcomes."""
    state, rng = DomainState(spec, 0), np.random.default_rng(1)
    state.learn(
        [
            outcome(
                decision(str(i), choice=i % 2, features=packed(*rng.normal(size=2))), i,
                success=float(rng.random() < (0.3, 0.7)[i % 2]),
            )
            for i in range(n)
        ]
    )  # fmt: skip
    return state


def decided(state, name="d"):
    """What its router would write."""
    features = np.array([[0.5, -1.25]], np.float32)
    choices = state.decide(features, None, draws([name], "acme/routing"))
    return decision(
        name, choice=int(choices.arm[0]), propensities=packed(*choices.propensities[0, :2]),
        scores=packed(*choices.scores[0, :2]),
    )  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_explained(kind):
    """Its meaning, its parameters with defaults, its floor; and learned again it gives what it decided, to the bit."""
    spec = spec_of(kind)
    state = learned(spec)
    made = decided(state)
    thought = replayed(state, made)
    said = explain(evidence_of(made, spec=spec), SPANS, 0, thought)
    assert said.rule.parameters == check_params(kind, spec.champion.params)
    assert said.rule.floor == spec.exploration_minimum / 2
    assert said.rule.below_floor == []
    assert thought.same
    assert thought.outcomes == 300
    assert {each.name: each.probability for each in thought.arms} == {
        name: float(p) for name, p in zip(made.arms, np.frombuffer(made.propensities, "<f4"), strict=True)
    }
    page = " ".join(shown(words(said)).split())
    assert KINDS[kind].meaning in page
    assert "gives these very probabilities" in page
    assert all(name in page for name in said.rule.parameters)
    assert ("estimates no rewards" in page) == (kind in ("fixed", "uniform"))


@pytest.mark.parametrize("kind", ["linucb", "squarecb", "doubly_robust", "thompson"])
def test_uncertainty_is_what_the_rule_adds(kind):
    """Deviations fall as an arm is learned, and an upper confidence bound chooses by estimate and bonus times them."""
    spec = spec_of(kind)
    few, many = (replayed(learned(spec, n), decided(learned(spec, n))) for n in (20, 300))
    unsure = [{each.name: each.deviation for each in thought.arms} for thought in (few, many)]
    assert all(unsure[0][name] > unsure[1][name] > 0 for name in ("weak", "strong"))
    if kind == "linucb":
        bonus = check_params(kind, {})["bonus"]
        likeliest = many.arms[0]
        assert likeliest.name == max(many.arms, key=lambda each: each.score + bonus * each.deviation).name


def test_a_rule_without_a_bonus_has_no_uncertainty():
    """Epsilon-greedy by default adds nothing for what is not known."""
    state = learned(spec_of("epsilon_greedy"))
    assert all(each.deviation is None for each in replayed(state, decided(state)).arms)


def test_the_floor():
    """An arm at the floor is said to have no more; one below it, that the router did not decide this."""
    at = explain(evidence_of(decision("d", choice=0, propensities=packed(0.01, 0.99))), SPANS, 0)
    assert at.rule.at_floor == ["weak"]
    assert "weak had no more" in shown(words(at))
    below = explain(evidence_of(decision("d", propensities=packed(0.001, 0.999))), SPANS, 0)
    assert below.rule.below_floor == ["weak"]
    assert "weak had less" in shown(words(below))
    assert explain(evidence_of(decision("d"), spec=None), SPANS, 0).rule is None


def test_what_another_program_wrote():
    """Other probabilities than the policy's are said to be so; one of other arms or features cannot be replayed."""
    state = learned(SPEC)
    made = decided(state)
    thought = replayed(state, replace(made, propensities=packed(0.5, 0.5)))
    assert not thought.same
    assert "gives other probabilities than were logged" in shown(
        words(explain(evidence_of(made), SPANS, 0, thought))
    ).replace("\n", " ")
    for change in ({"arms": ("weak", "unheard-of")}, {"features": packed(1.0)}):
        with pytest.raises(CroupierError, match="in force by then"):
            replayed(state, replace(made, **change))
