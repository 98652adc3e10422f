"""What is published, within which budget, and what a new tenant begins with."""

import json

import msgspec
import numpy as np
import pytest

from infra.cli import app
from infra.fleet.gather import Partition, groups
from infra.fleet.publish import LEAST_TENANTS, Terms, make
from infra.fleet.take import take
from schemas import wire
from schemas.domains import LearnerSpec
from schemas.errors import SpecificationError
from schemas.events import FleetStatistics
from stream_workers.bandits.prior import begin
from stream_workers.bandits.privacy import composed, epsilon_of
from stream_workers.learning.domain import DomainState
from tests.domains.log import records
from tests.domains.test_commands import RUNNER, no_deployment, options  # noqa: F401 - fixtures
from tests.domains.written import to_toml

from .logs import of_tenants, spec_of

MANY = tuple(f"t{number:03}" for number in range(60))


@pytest.fixture(scope="module")
def crowd():
    partition = Partition()
    partition.feed(of_tenants(MANY, n=120).records)
    return groups([partition])


def published(crowd, epsilon, seed=1, before=()):
    return make(crowd, before, Terms(epsilon, 1e-6, 100.0, 20), np.random.default_rng(seed))


def estimates(state, x):
    features = np.array(x, np.float32)
    n, K = len(features), len(state.spec.arms)
    return state.champion.distribution(features, np.ones((n, K), np.bool_), np.zeros((n, K)), 0.0)[1]


def test_a_record_says_what_it_gives_away(crowd):
    """Its mu is that of its epsilon and delta, and it travels and is read as it was."""
    (record,) = published(crowd, 2.0).records
    assert epsilon_of(record.mu, record.delta) == pytest.approx(2.0, rel=1e-6)
    assert (record.tenants, record.arm_tenants) == (60, (60, 60, 60))
    assert wire.decode("fleet", wire.encode(record)) == record


def test_noise_is_new_each_time(crowd):
    """Two publications of the same data have nothing in common but the data: nobody can subtract one from the other."""
    terms = Terms(2.0, 1e-6, 100.0, 20)
    one, other = (make(crowd, [], terms).records[0] for _ in range(2))
    first, second = (np.frombuffer(each.levels) for each in (one, other))
    assert (first != second).all()


def test_the_budget_is_for_all_records_together(crowd):
    """Records are published until their composition would pass the budget, and then refused with the figures."""
    terms, before = Terms(1.0, 1e-6, 3.0, 20), []
    for seed in range(7):  # sqrt(7) times the mu of epsilon 1 has epsilon 2.89, sqrt(8) times 3.11
        made = make(crowd, before, terms, np.random.default_rng(seed))
        before += made.records
        assert made.spent == pytest.approx(epsilon_of(composed([each.mu for each in before]), 1e-6))
    with pytest.raises(SpecificationError, match=r"would give away epsilon 3\.11 at delta 1e-06; the budget is 3"):
        make(crowd, before, terms, np.random.default_rng(8))


def test_few_tenants_are_passed_over(crowd):
    """Below the minimum nothing is published and nothing given away; a minimum below the least is refused."""
    made = make(crowd, [], Terms(1.0, 1e-6, 4.0, 61), np.random.default_rng(1))
    assert made.records == ()
    assert made.spent == 0.0
    assert made.passed_over == ("routing (2 features): 60 of 61 tenants",)
    for terms in (
        Terms(1.0, 1e-6, 4.0, LEAST_TENANTS - 1),
        Terms(5.0, 1e-6, 4.0),
        Terms(1.0, 0.5, 4.0),
        Terms(0, 1e-6, 4),
    ):
        with pytest.raises(SpecificationError, match="expected are"):
            terms.checked()


def test_a_new_tenant_begins_with_it(crowd):
    """A domain that is new and opted in begins with what is right for most tenants: the better arm of each kind of
    request, before its first event.  Its constant policies, and those with another prior, do not."""
    (record,) = published(crowd, 8.0).records
    assert record.slopes
    more = (
        LearnerSpec("first", "fixed", {"arm": "a"}),
        LearnerSpec("tree", "offset_tree"),
        LearnerSpec("own", "linucb"),
    )
    spec = spec_of("new", arms=("b", "a", "unheard"), challengers=more)
    (taken,) = take([spec], {}, [record], {("new", "routing"): {"own": b"another"}})
    assert set(taken.priors) == {"learned", "tree"}
    state = DomainState(spec, 0, taken.priors)
    above, below = estimates(state, [[1.0, 0.0], [-1.0, 0.0]])
    assert above[1] > above[0] + 0.2
    assert below[0] > below[1] + 0.2


def test_who_does_not_get_it(crowd):
    """Who has not opted in, whose domain is in force already, and whose features or arms are others."""
    (record,) = published(crowd, 8.0).records
    key = ("new", "routing")
    for spec, latest in (
        (spec_of("new", fleet=False), {}),
        (spec_of("new"), {key: (3, spec_of("new"))}),
        (spec_of("new", features=3), {}),
        (spec_of("new", arms=("x", "y")), {}),
        (msgspec.structs.replace(spec_of("new"), domain="other"), {}),
    ):
        assert take([spec], latest, [record], {}) == []
    assert take([spec_of("new")], {key: (3, None)}, [record], {})  # removed before: it is new again
    assert take([spec_of("new")], {}, [], {}) == []


def test_the_last_record_counts(crowd):
    """Of several about a domain the newest is taken."""
    first, second = (published(crowd, 8.0, seed).records[0] for seed in (1, 2))
    (taken,) = take([spec_of("new")], {}, [first, second], {})
    assert taken.record == second


def test_a_record_of_somebody_else_is_refused(crowd):
    """Numbers that are not those of its arms and features."""
    (record,) = published(crowd, 8.0).records
    wrong = msgspec.structs.replace(record, levels=bytes(8))
    with pytest.raises(SpecificationError, match="written by somebody else"):
        take([spec_of("new")], {}, [wrong], {})


@pytest.mark.parametrize("part", ["levels", "slopes", "scaling"])
def test_any_noise_gives_a_prior(crowd, part):
    """However wild the published numbers, what is taken from them is a policy that can decide."""
    (record,) = published(crowd, 8.0).records
    for factor in (-1e6, 0.0, 1e6):
        wild = (np.frombuffer(getattr(record, part)) * factor).tobytes()
        (taken,) = take([spec_of("new")], {}, [msgspec.structs.replace(record, **{part: wild})], {})
        state = DomainState(spec_of("new"), 0, taken.priors)
        assert np.isfinite(estimates(state, [[1.0, -5.0]])).all()


def run(*arguments, code=0):
    result = RUNNER.invoke(app, [str(each) for each in arguments])
    assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
    return result


@pytest.mark.kafka
def test_the_commands(options, tmp_path):  # noqa: F811
    """On a broker: tenants' outcomes are summed over partitions and published, told, and a new tenant begins with them;
    what would pass the budget is refused, and a dry run publishes nothing."""
    import asyncio

    from infra.domains import clients
    from schemas.partitioning import partition

    bootstrap, prefix = options[1], options[3]

    async def send():
        async with clients.producer(bootstrap) as producer:
            for number in range(2):
                mine = [name for name in MANY[:24] if partition(name, 2) == number]
                for record in of_tenants(mine, n=40, seed=number).records:
                    await producer.send(f"{prefix}outcomes", record.value, key=record.key, partition=number)

    def log():
        return [wire.decode("fleet", each.value) for each in asyncio.run(records(bootstrap, f"{prefix}fleet"))[0]]

    asyncio.run(send())
    tried = json.loads(run("fleet", "publish", "--epsilon", 3, "--dry-run", "--json", *options).stdout)
    assert tried["records"][0]["tenants"] == 24
    assert tried["epsilon"] == pytest.approx(3.0)
    assert log() == []
    assert "epsilon 3.00 at delta 1e-06, of 4" in run("fleet", "publish", "--epsilon", 3, *options).stdout
    (record,) = log()
    assert isinstance(record, FleetStatistics)
    assert "the budget is 4" in run("fleet", "publish", "--epsilon", 3, *options, code=1).stderr
    assert json.loads(run("fleet", "show", "--json", *options).stdout)["epsilon"] == pytest.approx(3.0)
    (tmp_path / "new.toml").write_text(to_toml([spec_of("new")]))
    said = run("domains", "apply", tmp_path / "new.toml", "--no-wait", *options).stdout
    assert "new/routing: learned begin with what 24 tenants have in common" in " ".join(said.split())
    (change,) = [wire.decode("specs", each.value) for each in asyncio.run(records(bootstrap, f"{prefix}specs"))[0]]
    begin("squarecb", DomainState(spec_of("new"), 0).terms.settings[0], change.priors["learned"])
