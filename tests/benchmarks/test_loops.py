"""Every measured program really does what it is measured for: the same records come out, or what follows from them."""

import math
from collections import Counter, defaultdict

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.comparison import ratios
from benchmarks.deployment import Deployment, deployment
from benchmarks.load import DOMAIN, Load
from benchmarks.measure import measure, prepare
from benchmarks.programs import BY_NAME, PROGRAMS, RATIOS
from schemas import wire
from schemas.events import Outcome
from stream_workers.learning.domain import DomainState
from stream_workers.runtime.changelog import Replay, stamp_of

LOAD = Load(partitions=4, tenants=4, trained=20)
RECORDS = 3_000
COPIES = [program for program in PROGRAMS if program.writes == "copy"]
PIPELINES = [program for program in PROGRAMS if program.rewards != "none"]
ROUTERS = [program for program in PROGRAMS if program.writes == "decisions"]


async def everything(field: Deployment, topic: str) -> list:
    """All records of a topic."""
    places = [TopicPartition(topic, number) for number in range(field.partitions)]
    consumer = AIOKafkaConsumer(bootstrap_servers=field.bootstrap, group_id=None, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        found = []
        while any([await consumer.position(place) < ends[place] for place in places]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found.extend(records)
        return found
    finally:
        await consumer.stop()


@pytest.mark.kafka
@pytest.mark.parametrize("program", COPIES, ids=lambda program: program.name)
async def test_a_copying_program_passes_every_record_on(kafka, program):
    """What comes out is what went in, by partition, key and value, nothing more and nothing less."""
    rows = list(LOAD.contexts(RECORDS))
    async with deployment(kafka.bootstrap_servers, LOAD.partitions) as field:
        samples = await measure(program, field, await prepare(program, field, LOAD, RECORDS))
        copied = await everything(field, field.copies)
    assert samples[-1].done == RECORDS
    assert Counter((each.partition, each.key, each.value) for each in copied) == Counter(rows)


@pytest.mark.kafka
@pytest.mark.parametrize("program", ROUTERS, ids=lambda program: program.name)
async def test_a_measured_router_decides_every_context_with_what_was_learned(kafka, program):
    """One decision for each context, with propensities of ten arms that sum to 1, after learning all training."""
    rows = list(LOAD.contexts(RECORDS))
    async with deployment(kafka.bootstrap_servers, LOAD.partitions) as field:
        await measure(program, field, await prepare(program, field, LOAD, RECORDS))
        decisions = [wire.decode("decisions", each.value) for each in await everything(field, field.topic("decisions"))]
        outcomes = await everything(field, field.topic("outcomes"))
    contexts = [wire.decode("contexts", row.value) for row in rows]
    assert Counter((each.tenant, each.id, each.features) for each in decisions) == Counter(
        (each.tenant, each.id, each.features) for each in contexts
    )
    held = Counter(each.partition for each in outcomes)
    place = dict(zip(LOAD.names, (row.partition for row in LOAD.training()), strict=False))
    for decision in decisions:
        propensities = memoryview(decision.propensities).cast("f").tolist()
        assert len(propensities) == LOAD.arms
        assert math.isclose(sum(propensities), 1.0, abs_tol=1e-5)
        assert decision.learned == held[place[decision.tenant]]


@pytest.mark.kafka
async def test_the_measured_learner_learns_every_outcome_durably(kafka):
    """When its offsets say all is done, the state in the changelog has learned every outcome of every domain."""
    program = BY_NAME["croupier_learner"]
    async with deployment(kafka.bootstrap_servers, LOAD.partitions) as field:
        samples = await measure(program, field, await prepare(program, field, LOAD, RECORDS))
        log = await everything(field, field.topic("learner-state"))
    assert samples[-1].done == RECORDS
    state = replayed(log)
    for name in LOAD.names:
        stored = state[f"domain/{name}\0{DOMAIN}".encode()]
        assert stored is not None
        assert DomainState.from_bytes(stored).report()["counts"]["outcomes"] == RECORDS // LOAD.tenants


def replayed(log: list) -> dict[bytes, bytes | None]:
    """What a changelog says, as recovery reads it."""
    by_partition = defaultdict(list)
    for record in log:
        by_partition[record.partition].append(record)
    state: dict[bytes, bytes | None] = {}
    for records in by_partition.values():
        replay = Replay()
        for record in sorted(records, key=lambda each: each.offset):
            sure = replay.feed(record.offset, record.key, record.value, stamp_of(record.headers))
            state.update(sure.entries if sure else [])
    return state


@pytest.mark.kafka
@pytest.mark.parametrize("program", PIPELINES, ids=lambda program: program.name)
async def test_a_measured_pipeline_learns_every_context(kafka, program):
    """Every context has one complete outcome with what its reward said, and the durable state has learned them all."""
    rewards = [wire.decode("rewards", row.value) for row in LOAD.rewards(RECORDS)]
    async with deployment(kafka.bootstrap_servers, LOAD.partitions) as field:
        samples = await measure(program, field, await prepare(program, field, LOAD, RECORDS))
        outcomes = [wire.decode("outcomes", each.value) for each in await everything(field, field.topic("outcomes"))]
        log = await everything(field, field.topic("learner-state"))
    assert samples[-1].done == RECORDS
    assert all((sample.begun or 0) >= sample.done for sample in samples)
    ended = [each for each in outcomes if isinstance(each, Outcome)]
    assert Counter((each.decision.tenant, each.decision.id, each.ended) for each in ended) == Counter(
        (each.tenant, each.decision, "complete") for each in rewards
    )
    said = {each.decision: each.observations for each in rewards}
    assert all(each.observations == said[each.decision.id] for each in ended)
    state, expected = replayed(log), Counter(each.tenant for each in rewards)
    for name in LOAD.names:
        stored = state[f"domain/{name}\0{DOMAIN}".encode()]
        assert stored is not None
        assert DomainState.from_bytes(stored).report()["counts"]["outcomes"] == expected[name]


def test_ratios_are_of_programs_that_were_measured():
    """Every ratio names two programs, and is left out when one of them was not measured."""
    assert all(over in BY_NAME and under in BY_NAME for over, under, _ in RATIOS.values())
    assert ratios({"croupier_router": 90.0, "aiokafka_loop": 100.0}) == {"router_over_aiokafka": 0.9}
