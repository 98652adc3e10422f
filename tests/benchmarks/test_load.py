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
    rows = LOAD.contexts(2_000)
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


def test_outcomes_can_be_learned_from():
    """Each passes the learner's checks, ordinals have no holes in a partition, and learning them changes decisions."""
    specs = {spec.tenant: spec for spec in LOAD.specs}
    following: Counter[int] = Counter()
    learned = DomainState(LOAD.specs[0], 1)
    features = np.random.default_rng(1).standard_normal((50, LOAD.features), np.float32)
    before = learned.decide(features, None, np.zeros(50)).propensities
    for row in LOAD.training():
        outcome = wire.decode("outcomes", row.value)
        check(outcome, specs[outcome.decision.tenant])
        assert outcome.ordinal == following[row.partition]
        following[row.partition] += 1
        if outcome.decision.tenant == LOAD.specs[0].tenant:
            learned.learn([outcome])
    assert learned.report()["counts"]["complete"] == LOAD.trained
    assert not np.array_equal(before, learned.decide(features, None, np.zeros(50)).propensities)
