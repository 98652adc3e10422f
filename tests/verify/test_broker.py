"""On a real Kafka: the audit finds exactly what was planted, in the partition and at the offset where it was."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from msgspec.structs import replace

from infra.kafka import RunningBroker
from infra.kafka.topics import create_topics
from infra.verify.topic_log import Range, open_log
from infra.verify.verify import Audit, audit
from schemas import topics, wire
from schemas.domains import DomainSpec
from schemas.errors import BrokerUnavailableError, TopicsMismatchError
from schemas.events import Clock, Context, DeadLetter, Decision, Outcome, Reward, SpecChange
from schemas.partitioning import partition

from .logs import DOMAIN, FEATURES, SPEC, TENANT, decision

PARTITIONS = 4
HOME = partition(TENANT, PARTITIONS)
OTHER_TENANT = next(name for name in ("blue", "cyan", "dune", "echo") if partition(name, PARTITIONS) != HOME)


class Deployment:
    """Appends to the topics of one prefix, record by record, and knows where each landed and when."""

    def __init__(self, producer: AIOKafkaProducer, prefix: str) -> None:
        self._producer = producer
        self._prefix = prefix

    async def raw(self, topic: str, value: bytes, key: bytes = TENANT.encode(), number: int = HOME) -> Any:
        full = topics.full_name(topic, self._prefix)
        return await self._producer.send_and_wait(full, value, key=key, partition=number)

    async def event(self, topic: str, event: object, tenant: str = TENANT) -> Any:
        number = 0 if topic == "specs" else partition(tenant, PARTITIONS)
        return await self.raw(topic, wire.encode(event), tenant.encode(), number)

    async def decided(self, id_: str, tenant: str = TENANT, **changes: Any) -> tuple[Decision, Any]:
        context = await self.event("contexts", Context(id_, tenant, DOMAIN, FEATURES), tenant)
        event = decision(id_, context.offset, tenant=tenant, **changes)
        return event, await self.event("decisions", event, tenant)

    async def completed(self, id_: str, ordinal: int, tenant: str = TENANT) -> Outcome:
        """Context, decision and the reward that ends it; its outcome, not yet written."""
        event, record = await self.decided(id_, tenant, horizon_ms=600_000)
        observed = {"success": 1.0, "cost": 0.01}
        reward = await self.event("rewards", Reward(f"r-{id_}", tenant, id_, observed), tenant)
        return Outcome(ordinal, "complete", record.timestamp, reward.timestamp, observed, record.offset, event)

    async def specified(self, spec: DomainSpec = SPEC) -> None:
        record = await self.event("specs", SpecChange(0, spec.tenant, spec.domain, spec))
        await self.event("outcomes", SpecChange(record.offset, spec.tenant, spec.domain, spec), spec.tenant)


async def deployment(kafka: RunningBroker, prefix: str, write: Callable[[Deployment], Awaitable[None]]) -> Audit:
    """The audit of what `write` wrote."""
    await create_topics(kafka.bootstrap_servers, prefix=prefix, partitions=PARTITIONS)
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as producer:
        await write(Deployment(producer, prefix))
    seen: list[tuple[int, int]] = []
    found = await audit(kafka.bootstrap_servers, prefix=prefix, progress=lambda *figures: seen.append(figures))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert not seen or seen[-1][0] == seen[-1][1]
    return found


async def test_an_empty_deployment_is_fine(kafka: RunningBroker, deployment_prefix: str) -> None:
    """Nothing written, nothing wrong, and nothing waited for."""

    async def write(logs: Deployment) -> None:
        pass

    found = await deployment(kafka, deployment_prefix, write)
    assert found.ok
    assert (found.contexts, found.decisions, found.outcomes, found.tenants) == (0, 0, 0, [])


async def test_a_clean_deployment(kafka: RunningBroker, deployment_prefix: str) -> None:
    """Two tenants in two partitions, one outcome each, a replayed outcome and a refused context: nothing is wrong."""

    async def write(logs: Deployment) -> None:
        await logs.specified()
        outcome = await logs.completed("a", 0)
        other = await logs.completed("a", 0, OTHER_TENANT)
        for _ in range(2):
            await logs.event("outcomes", outcome)
        await logs.event("outcomes", other, OTHER_TENANT)
        bad = await logs.raw("contexts", b"\xc1")
        await logs.event(
            "dead-letters",
            DeadLetter(
                "router", "not-messagepack", "", "contexts", HOME, bad.offset, bad.timestamp, TENANT.encode(), b"\xc1"
            ),
        )

    found = await deployment(kafka, deployment_prefix, write)

    assert found.problems == []
    assert found.ok
    assert (found.contexts, found.decisions, found.outcomes, found.outcomes_repeated) == (2, 2, 2, 1)
    assert found.dead_letters == {"not-messagepack": 1}
    mine, other = sorted(found.tenants, key=lambda each: each.tenant != TENANT)
    assert (mine.tenant, other.tenant) == (TENANT, OTHER_TENANT)
    assert mine.reward_mean == 0.875  # (3 * 1 + 1 * 0.5) / 4
    assert other.reward_mean is None  # no specification of that tenant
    assert mine.latency_ms_p50 is not None
    assert mine.latency_ms_p50 >= 0


async def test_what_is_planted_is_found(kafka: RunningBroker, deployment_prefix: str) -> None:
    """One of each fault, among sound records: each is counted once and found at its place."""
    planted: list[str] = []

    async def write(logs: Deployment) -> None:
        await logs.specified()
        sound = [await logs.completed(f"sound{i}", i) for i in range(3)]
        for outcome in sound:
            await logs.event("outcomes", outcome)

        lost = await logs.event("contexts", Context("lost", TENANT, DOMAIN, FEATURES))
        planted.append(f"decision lost: contexts partition {HOME} offset {lost.offset}")

        doubled = await logs.event("outcomes", replace(sound[0], ordinal=9))
        planted.append(f"outcome doubled: outcomes partition {HOME} offset {doubled.offset}")

        altered = await logs.completed("altered", 3)
        wrong = replace(altered, observations={"success": 1.0, "cost": 0.0})
        record = await logs.event("outcomes", wrong)
        planted.append(f"outcome wrong: outcomes partition {HOME} offset {record.offset}")

        swapped = await logs.event("contexts", Context("swapped", TENANT, DOMAIN, FEATURES))
        planted.append(f"decision lost: contexts partition {HOME} offset {swapped.offset}")
        number = partition(OTHER_TENANT, PARTITIONS)
        record = await logs.event("decisions", decision("swapped", 0, tenant=OTHER_TENANT), OTHER_TENANT)
        planted.append(f"decision without context: decisions partition {number} offset {record.offset}")

        _, record = await logs.decided("missing", horizon_ms=0)
        planted.append(f"outcome missing: decisions partition {HOME} offset {record.offset}")
        while (await logs.event("rewards", Clock())).timestamp <= record.timestamp:
            pass  # the broker's clock has not passed the horizon yet

        vanished = await logs.raw("contexts", b"nothing anybody could read")
        planted.append(f"decision lost: contexts partition {HOME} offset {vanished.offset}")

        await logs.event("specs", SpecChange(0, TENANT, "unannounced", SPEC))  # 1; model_routing is version 0
        await logs.event("specs", SpecChange(0, TENANT, DOMAIN, None))  # 2: its removal was not announced
        await logs.event("specs", SpecChange(0, TENANT, "another", SPEC))  # 3: the log has another under this version
        await logs.event("outcomes", SpecChange(3, TENANT, "another", None))
        planted.extend(f"specification not in force: specs partition 0 offset {offset}" for offset in (1, 2, 3))

    found = await deployment(kafka, deployment_prefix, write)

    assert sorted(": ".join(problem.split(": ")[:2]) for problem in found.problems) == sorted(planted)
    assert not found.ok
    assert (found.decisions_lost, found.outcomes_doubled, found.outcomes_wrong, found.outcomes_missing) == (3, 1, 1, 1)
    assert found.decisions_unasked == 1


async def test_a_log_that_lost_its_beginning_proves_nothing(kafka: RunningBroker, deployment_prefix: str) -> None:
    """Records deleted from decisions (as retention does) are reported: ordinals cannot be recomputed without them."""

    async def write(logs: Deployment) -> None:
        for i in range(2):
            await logs.event("outcomes", await logs.completed(f"d{i}", i))
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
        await admin.start()
        try:
            place = TopicPartition(topics.full_name("decisions", deployment_prefix), HOME)
            await admin.delete_records({place: RecordsToDelete(before_offset=1)})
        finally:
            await admin.close()

    found = await deployment(kafka, deployment_prefix, write)

    assert not found.ok
    assert any(
        problem.startswith(f"log truncated: decisions partition {HOME} offset 1: the 1 records before are gone")
        for problem in found.problems
    )


async def test_a_range_of_a_log_is_read_exactly(kafka: RunningBroker, deployment_prefix: str) -> None:
    """Neither the record before the beginning nor the one at the end, though one fetch brings more."""
    bootstrap = kafka.bootstrap_servers
    await create_topics(bootstrap, prefix=deployment_prefix, partitions=PARTITIONS)
    full = topics.full_name("contexts", deployment_prefix)
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for number in range(10):
            await producer.send_and_wait(full, b"%d" % number, key=None if number % 2 else b"k", partition=2)
    async with open_log(bootstrap) as log:
        assert await log.ranges(full, PARTITIONS) == {
            0: Range(0, 0), 1: Range(0, 0), 2: Range(0, 10), 3: Range(0, 0),
        }  # fmt: skip
        for wanted in (Range(0, 10), Range(3, 7), Range(5, 5), Range(9, 10)):
            found = [record async for records in log.read(full, 2, wanted) for record in records]
            assert [(each.offset, each.key, each.value) for each in found] == [
                (n, None if n % 2 else b"k", b"%d" % n) for n in range(*wanted)
            ]


async def test_no_broker_and_no_topics_are_explained(kafka: RunningBroker, deployment_prefix: str) -> None:
    """What is not there is an error with a sentence, not an audit of nothing."""
    with pytest.raises(TopicsMismatchError, match="croupier topics create"):
        await audit(kafka.bootstrap_servers, prefix=deployment_prefix)
    with pytest.raises(BrokerUnavailableError, match=r"127\.0\.0\.1:1"):
        async with open_log("127.0.0.1:1"):
            pass
