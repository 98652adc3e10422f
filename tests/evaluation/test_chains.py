"""Off-policy values of policies for several domains at once, from what a router, a joiner and a learner log."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.domains import Arm, Component, DomainSpec, Input, LearnerSpec
from stream_workers.evaluation.chains import chain_products
from tests.routing.chains import TENANT, Chains

DEPTHS, MODELS = ("light", "deep"), ("small", "large", "huge")
#: By depth and model, and whether the request is hard: the probability of success.
SUCCESS = {
    (depth, model, hard): (0.9 if model == "huge" else 0.3 if model == "large" else 0.1)
    if depth == "deep"
    else (0.7 if model == "small" else 0.2) - 0.1 * hard
    for depth, model, hard in itertools.product(DEPTHS, MODELS, (0, 1))
}
ANALYSIS = DomainSpec(
    TENANT, "analysis", 1, tuple(map(Arm, DEPTHS)), {"accuracy": Component()},
    LearnerSpec("shallow", "fixed", {"arm": "light"}), exploration_minimum=0.5,
)  # fmt: skip
ROUTING = DomainSpec(
    TENANT, "routing", 1, tuple(map(Arm, MODELS)), {"success": Component(required=True)},
    LearnerSpec("cheap", "fixed", {"arm": "small"}), exploration_minimum=0.75,
    inputs=(Input("analysis", "choice", DEPTHS),),
)  # fmt: skip


def analysis_policy(hard):
    """The policy to be judged: deep, mostly."""
    return {"light": 0.1, "deep": 0.9} if hard else {"light": 0.4, "deep": 0.6}


def routing_policy(hard, depth):
    """What it then does depends on what was done before."""
    return {"small": 0.05, "large": 0.15, "huge": 0.8} if depth == "deep" else {"small": 0.6, "large": 0.4, "huge": 0.0}


def logged_policy(arms, favourite, exploration):
    return {arm: exploration / len(arms) + (arm == favourite) * (1 - exploration) for arm in arms}


def value(first, then):
    """Exact expectation of success, over both kinds of requests and all that may be chosen."""
    return sum(
        0.5 * first(hard)[depth] * then(hard, depth)[model] * SUCCESS[depth, model, hard]
        for hard, depth, model in itertools.product((0, 1), DEPTHS, MODELS)
    )


@pytest.fixture(scope="module")
def log():
    """Chains of two decisions each, as they come out of the pipeline."""
    chains, rng = Chains(ANALYSIS, ROUTING), np.random.default_rng(11)
    for number in range(6000):
        hard = float(rng.integers(2))
        depth = chains.ask(f"p{number}", "analysis", (hard,)).arm
        model = chains.ask(f"c{number}", "routing", (hard,), after=f"p{number}").arm
        chains.reward(f"p{number}", accuracy=1.0)
        chains.reward(f"c{number}", success=float(rng.random() < SUCCESS[depth, model, int(hard)]))
        if number % 50 == 49:
            chains.settle()
    outcomes = chains.outcomes()
    assert len(outcomes) == 12_000
    return sorted((outcome.decision for outcome in outcomes), key=lambda d: (int(d.id[1:]), d.id[0] == "c")), {
        outcome.decision.id: outcome.observations.get("success") for outcome in outcomes
    }


def columns(log):
    """parent rows, propensities, probabilities under the policies to be judged, rewards (NaN where there is none)."""
    decisions, success = log
    row = {decision.id: i for i, decision in enumerate(decisions)}
    parent = np.array([-1 if each.after is None else row[each.after] for each in decisions])
    propensity = np.array([np.frombuffer(each.propensities, "<f4")[each.choice] for each in decisions], np.float64)
    target = []
    for each in decisions:
        features = np.frombuffer(each.features, "<f4")
        hard = int(features[0])
        if each.domain == "routing":
            assert features[3] == 1.0  # the parent was known
            target.append(routing_policy(hard, DEPTHS[int(features[2])])[each.arm])
        else:
            target.append(analysis_policy(hard)[each.arm])
    rewards = np.array([np.nan if success[each.id] is None else success[each.id] for each in decisions])
    return parent, propensity, np.array(target), rewards


def test_the_logged_chain_is_the_product(log):
    """What the router wrote into each decision is what follows from the decisions themselves."""
    decisions, _ = log
    parent, propensity, _, _ = columns(log)
    product = chain_products(parent, propensity)
    for i, each in enumerate(decisions):
        assert (each.chain or 1.0) * propensity[i] == pytest.approx(product[i], rel=1e-12)


def test_chained_weights_are_unbiased_and_the_last_weight_alone_is_not(log):
    """The mean of reward times chained weight is the value of the joint policy, within four standard errors.  With the
    last weight alone it is far from it: it is the value of the new routing behind the old analysis."""
    parent, propensity, target, rewards = columns(log)
    last = ~np.isnan(rewards)
    truth = value(analysis_policy, routing_policy)
    behind_old = value(lambda _: logged_policy(DEPTHS, "light", 0.5), routing_policy)
    chained = (chain_products(parent, target / propensity)[last]) * rewards[last]
    alone = (target / propensity)[last] * rewards[last]
    n = last.sum()
    assert abs(chained.mean() - truth) < 4 * chained.std() / np.sqrt(n)
    assert abs(alone.mean() - behind_old) < 4 * alone.std() / np.sqrt(n)
    assert abs(alone.mean() - truth) > 8 * alone.std() / np.sqrt(n)


def test_the_logged_policies_are_worth_what_they_earned(log):
    """The policies that acted have weight one everywhere: their value is the mean reward, exactly."""
    parent, propensity, _, rewards = columns(log)
    last = ~np.isnan(rewards)
    weights = chain_products(parent, propensity / propensity)[last]
    assert (weights == 1.0).all()
    truth = value(lambda _: logged_policy(DEPTHS, "light", 0.5), lambda _, __: logged_policy(MODELS, "small", 0.75))
    assert abs(rewards[last].mean() - truth) < 4 * rewards[last].std() / np.sqrt(last.sum())


@given(st.lists(st.tuples(st.integers(-2, 30), st.floats(0.01, 5)), max_size=30))
def test_products_are_those_of_the_definition(rows):
    """Against the definition, one chain at a time."""
    parent = np.array([min(each, i - 1) if each >= 0 and i else min(each, -1) for i, (each, _) in enumerate(rows)],
                      np.int64)  # fmt: skip
    factor = np.array([each for _, each in rows])

    def product(row):
        if row < 0:
            return 1.0 if row == -1 else np.nan
        return factor[row] * product(int(parent[row]))

    np.testing.assert_allclose(chain_products(parent, factor), [product(i) for i in range(len(rows))])


def test_a_parent_comes_before():
    """A row that follows from a later one is refused."""
    with pytest.raises(ValueError, match="before its own"):
        chain_products(np.array([1, -1]), np.ones(2))
