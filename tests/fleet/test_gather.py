"""Whose outcomes a fleet's sum is made of."""

import msgspec
import numpy as np
import pytest

from infra.fleet.gather import MOST_OUTCOMES, Partition, groups
from infra.fleet.publish import Terms, make
from schemas import wire
from schemas.events import Outcome
from stream_workers.bandits.fleet import BOUNDS, total

from .logs import Log, Record, of_tenants, spec_of

NAMES = tuple(f"t{number:02}" for number in range(12))
TERMS = Terms(1.0, 1e-6, 4.0, 10)


def read(*logs):
    found = []
    for log in logs:
        partition = Partition()
        partition.feed(log.records)
        found.append(partition)
    return found


def published(*logs):
    """With noise that is the same each time."""
    return make(groups(read(*logs)), [], TERMS, np.random.default_rng(7)).records


def share(log, tenant):
    (group,) = groups(read(log))
    return group.shares[group.tenants.index(tenant)]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_tenants_that_did_not_opt_in_have_no_influence():
    """With the same noise, what is published is the same to the bit, whether there are tenants that never opted in, in
    the same partition, with the same domain and any data."""
    expected = published(of_tenants(NAMES))
    (record,) = expected
    assert record.tenants == len(NAMES)
    others = of_tenants(NAMES)
    others._ordinal = 10_000
    for number in range(5):
        spec = spec_of(f"other{number}", fleet=False, arms=("a", "z"))
        others.declare(spec).outcomes(spec, 100, shift=3.0)
    elsewhere = of_tenants([f"more{number}" for number in range(20)], fleet=False)
    assert published(others, elsewhere) == expected


def test_only_outcomes_since_the_opting_in_count():
    """What was before it, and all of a tenant that opted out again or whose domain is removed, is as if it were not."""
    asked, not_asked = spec_of("t"), spec_of("t", fleet=False)
    plain = Log(3).declare(asked).outcomes(asked, 50)
    before = Log(3).declare(not_asked)
    before.records += [
        Record(1 + i, each.key, each.value) for i, each in enumerate(Log(9).outcomes(not_asked, 30).records)
    ]
    before._ordinal = 30
    before.declare(asked, 1).outcomes(asked, 50)
    (group,), (other,) = groups(read(plain)), groups(read(before))
    assert same(group.shares[0], other.shares[0])
    for gone in (Log(3).declare(asked).outcomes(asked, 50).declare(not_asked, 1),
                 Log(3).declare(asked).outcomes(asked, 50).declare(asked, 1, removed=True)):  # fmt: skip
        assert groups(read(gone)) == []
    again = Log(3).declare(asked).outcomes(asked, 50).declare(not_asked, 1).declare(asked, 2)
    assert not any(each.any() for each in share(again, "t"))


def test_what_nobody_followed_does_not_count():
    """An outcome of another arm's answer gives nothing to the fleet."""
    log = of_tenants(["a"])
    without = Partition()
    without.feed(log.records)
    mixed = []
    for record in log.records:
        mixed.append(record)
        event = wire.decode("outcomes", record.value)
        if isinstance(event, Outcome):
            astray = msgspec.structs.replace(event, ordinal=1000 + event.ordinal, observations=ASTRAY)
            mixed.append(Record(0, record.key, astray))
    found = Partition()
    found.feed(mixed)
    (one,), (other,) = groups([found]), groups([without])
    assert all(np.array_equal(*each) for each in zip(one.shares[0], other.shares[0], strict=True))


ASTRAY = {"quality": 1.0, "unfollowed": 1.0}


def test_every_outcome_counts_once():
    """An outcome that the log has twice is one; a foreign key, a damaged record and an old specification are none."""
    spec = spec_of("t")
    once = Log(3).declare(spec).outcomes(spec, 50)
    twice = Log(3).declare(spec).outcomes(spec, 50, twice=True)
    stolen = [Record(900, b"else", each.value) for each in Log(4).outcomes(spec, 20).records]
    twice.records += [*stolen, Record(950, b"t", b"damaged")]
    twice.declare(spec_of("t", fleet=False), 0)
    assert same(share(once, "t"), share(twice, "t"))


def test_the_last_outcomes_are_those_that_count(monkeypatch):
    """Of a tenant with very many, as many as are kept; arms that no specification has any more are passed over."""
    monkeypatch.setattr("infra.fleet.gather.MOST_OUTCOMES", 40)
    assert MOST_OUTCOMES == 5000
    spec = spec_of("t")
    log = Log(3).declare(spec).outcomes(spec, 100)
    last = Log()
    last.records = [log.records[0], *log.records[-40:]]
    (group,), (other,) = groups(read(log)), groups(read(last))
    assert same(group.shares[0], other.shares[0])
    fewer = spec_of("t", arms=("a", "b"))
    log.declare(fewer, 1)
    assert groups(read(log))[0].arms == ("a", "b")
    assert len(share(log, "t").levels) == 3


def test_domains_are_grouped_by_what_their_features_mean():
    """Another name of a domain and another number of features is another group; arms are those of all, common first."""
    log = of_tenants(["x", "y"])
    more = spec_of("z", arms=("d", "c"))
    log.declare(more).outcomes(more, 20)
    wide = spec_of("w", features=3)
    log.declare(wide).outcomes(wide, 20)
    one, other = groups(read(log))
    assert (one.sort.features, one.tenants, one.arms, one.arm_tenants) == (
        2, ("x", "y", "z"), ("c", "a", "b", "d"), (3, 2, 2, 1),
    )  # fmt: skip
    assert (other.sort.features, other.tenants) == (3, ("w",))
    assert not one.shares[2].levels[1:3].any()  # what z does not have


@pytest.mark.parametrize("gone", NAMES[:3])
def test_without_a_tenant_the_sum_moves_by_no_more_than_the_bounds(gone):
    """From the log to the sum: without one tenant's outcomes each block moves by its bound at most."""
    (whole,) = groups(read(of_tenants(NAMES, n=300)))
    log = of_tenants(NAMES, n=300)
    log.records = [each for each in log.records if each.key != gone.encode() or b"spec.1" in each.value[:10]]
    (rest,) = groups(read(log))
    assert rest.tenants == whole.tenants
    for one, other, bound in zip(total(whole.shares), total(rest.shares), BOUNDS, strict=True):
        assert 0.0 < np.linalg.norm(one - other) <= bound * (1 + 1e-9)
