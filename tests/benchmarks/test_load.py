"""What is measured with is what the pipeline takes: decoded by its own reader, in its own partitions."""

from collections import Counter

import numpy as np

from benchmarks.load import Load
from schemas import wire
from schemas.partitioning import partition
from stream_workers.learning.domain import DomainState
from stream_workers.learning.outcomes import check

LOAD = Load(partitions=4, tenants=8, trained=30)


def test_contexts_fit_their_domains_and_partitions():
    """Each has a tenant with a domain, as many finite features as it declares, an id of its own, the right place."""
    specs = {spec.tenant: spec for spec in LOAD.specs}
    rows = list(LOAD.contexts(2_000))
    ids = set()
    for row in rows:
        context = wire.decode("contexts", row.value)
        spec = specs[context.tenant]
        assert (spec.domain, 4 * spec.features) == (context.domain, len(context.features))
        assert np.isfinite(np.frombuffer(context.features, "<f4")).all()
        assert (row.key, row.partition) == (context.tenant.encode(), partition(context.tenant, 4))
        ids.add(context.id)
    assert len(ids) == len(rows)
    assert set(Counter(partition(name, 4) for name in LOAD.names).values()) == {2}


def test_a_reward_belongs_to_each_context_and_ends_its_outcome():
    """Same tenants, ids and partitions in the same order, from any beginning, with all components a domain awaits."""
    awaited = {spec.tenant: set(spec.reward) for spec in LOAD.specs}
    for first in (0, 777):
        for context_row, reward_row in zip(LOAD.contexts(500, first), LOAD.rewards(500, first), strict=True):
            context, reward = wire.decode("contexts", context_row.value), wire.decode("rewards", reward_row.value)
            assert (reward.tenant, reward.decision) == (context.tenant, context.id)
            assert context_row[:2] == reward_row[:2]
            assert set(reward.observations) == awaited[reward.tenant]


def test_any_number_of_tenants_is_spread_evenly():
    """No partition has two tenants more than another, also when the number is no multiple."""
    for tenants in (1, 10, 33):
        load = Load(partitions=8, tenants=tenants)
        assert len(set(load.names)) == tenants == len(list(load.specs))
        held = Counter(dict.fromkeys(range(8), 0))
        held.update(partition(name, 8) for name in load.names)
        assert max(held.values()) - min(held.values()) <= 1


def test_outcomes_can_be_learned_from():
    """Each passes the learner's checks, ordinals have no holes in a partition, and learning them changes decisions."""
    specs = {spec.tenant: spec for spec in LOAD.specs}
    following: Counter[int] = Counter()
    first = next(LOAD.specs)
    learned = DomainState(first, 1)
    features = np.random.default_rng(1).standard_normal((50, LOAD.features), np.float32)
    before = learned.decide(features, None, np.zeros(50)).propensities
    for row in LOAD.training():
        outcome = wire.decode("outcomes", row.value)
        check(outcome, specs[outcome.decision.tenant])
        assert outcome.ordinal == following[row.partition]
        following[row.partition] += 1
        if outcome.decision.tenant == first.tenant:
            learned.learn([outcome])
    assert learned.report()["counts"]["complete"] == LOAD.trained
    assert not np.array_equal(before, learned.decide(features, None, np.zeros(50)).propensities)
