"""Two learners merged are one that learned from the outcomes of both; those that cannot be merged say so."""

import numpy as np
import pytest

from schemas.errors import SpecificationError
from stream_workers.bandits.merging import beginning, merge, mergeable
from stream_workers.bandits.policy import Batch, Setting
from stream_workers.bandits.registry import KINDS, make

PARAMS = {"fixed": {"arm": "a0"}}
MERGEABLE = ("linucb", "thompson", "squarecb", "fastcb", "epsilon_greedy", "softmax", "fixed", "uniform")


def setting(kind, K=3, d=4, forgetting=1.0, **params):
    return Setting(tuple(f"a{i}" for i in range(K)), d, 0.05, forgetting, {**PARAMS.get(kind, {}), **params})


def logged(n, seed, K=3, d=4):
    rng = np.random.default_rng(seed)
    features = rng.normal(seed, 1 + seed, (n, d)).astype(np.float32)
    chosen = rng.integers(K, size=n)
    reward = np.clip(0.5 + 0.1 * features[:, 0] * (chosen - 1), 0, 1)
    full = np.ones((n, K), np.bool_)
    return Batch(features, full, chosen, np.full(n, 1 / K), reward, np.zeros((n, K)), np.zeros(n))


def joined(*batches):
    return Batch(*(None if column[0] is None else np.concatenate(column) for column in zip(*batches, strict=True)))


def settled(kind, **params):
    """One that has learned nothing and standardises as a learner of another log does."""
    policy = make(kind, setting(kind, **params))
    policy.update(logged(600, 5))
    return beginning(policy)


def again(policy):
    return type(policy).from_bytes(policy.to_bytes(), policy.setting)


def same(one, other):
    test = logged(50, 2)
    for a, b in zip(
        one.distribution(test.features, test.eligible, test.costs, 0.0),
        other.distribution(test.features, test.eligible, test.costs, 0.0),
        strict=True,
    ):
        assert (a is None and b is None) or a == pytest.approx(b, abs=1e-6)


CASES = [*((kind, "small") for kind in MERGEABLE), ("squarecb", "standard"), ("thompson", "standard")]


@pytest.mark.parametrize(("kind", "preset"), CASES)
def test_merged_is_learned_from_both(kind, preset):
    """Merging is learning one log after the other, in either order, and what it gives goes on learning."""
    params = {} if kind in ("fixed", "uniform") else {"map": preset}
    start = settled(kind, **params)
    logs = [logged(200, 1), logged(150, 3)]
    parts = []
    for log in logs:
        parts.append(again(start))
        parts[-1].update(log)
    whole = again(start)
    whole.update(joined(*logs))
    merged = merge(*parts)
    same(merged, whole)
    same(merge(*reversed(parts)), whole)
    same(again(merged), merged)
    more = logged(100, 4)
    merged.update(more)
    whole.update(more)
    same(merged, whole)


@pytest.mark.parametrize("preset", ["small", "standard"])
def test_what_both_had_counts_once(preset):
    """Learners that go on from the same one are merged without counting twice what that one knew."""
    ancestor = make("squarecb", setting("squarecb", map=preset))
    ancestor.update(logged(600, 1))
    logs = [logged(120, 3), logged(80, 4)]
    parts = []
    for log in logs:
        parts.append(again(ancestor))
        parts[-1].update(log)
    whole = again(ancestor)
    whole.update(joined(*logs))
    same(merge(*parts, ancestor), whole)


def test_with_one_that_learned_nothing():
    """It changes nothing."""
    start = settled("squarecb")
    policy = again(start)
    policy.update(logged(200, 1))
    same(merge(policy, start), policy)
    same(merge(start, policy), policy)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - set(MERGEABLE)))
def test_kinds_that_are_no_sums(kind):
    """What learns from what it thought itself is refused by its name."""
    policy = make(kind, setting(kind))
    assert not mergeable(policy)
    with pytest.raises(SpecificationError, match=rf"{kind} .*no sum"):
        merge(policy, policy)
    with pytest.raises(SpecificationError, match=kind):
        beginning(policy)


def test_reasons():
    """Forgetting, other arms or parameters, other kinds and other standardisers are each said."""
    forgetting = make("squarecb", setting("squarecb", forgetting=0.99))
    with pytest.raises(SpecificationError, match="with forgetting"):
        merge(forgetting, forgetting)
    start = settled("squarecb")
    for other in (settled("squarecb", ridge=2.0), settled("linucb")):
        with pytest.raises(SpecificationError, match="same setting"):
            merge(start, other)
    parts = []
    for seed in (1, 3):
        parts.append(make("squarecb", setting("squarecb")))
        parts[-1].update(logged(100, seed))
    with pytest.raises(SpecificationError, match="standardise their features differently"):
        merge(*parts)
