"""A live deployment per test: two workers and analytics as processes, on the session's broker."""

import asyncio
from collections import defaultdict

import numpy as np
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from infra.domains.applied import wait_applied
from infra.domains.publish import apply_specs
from infra.local import deployment
from schemas import wire
from schemas.domains import Arm, Component, DomainSpec, LearnerSpec
from schemas.errors import BadRecordError
from schemas.events import Context, Reward

EARLY_MS = 1_000


def spec(tenant="acme", *, arms=("small", "large"), weights=(1.0, 0.0), **fields) -> DomainSpec:
    """A domain of two features; `quality` is required, `cost` is not."""
    given = {
        "features": 2,
        "arms": tuple(Arm(name) if isinstance(name, str) else name for name in arms),
        "reward": {
            "quality": Component(weight=weights[0], required=True),
            "cost": Component(weight=weights[1], worst=1.0, best=0.0),
        },
        "champion": LearnerSpec("learned", "doubly_robust"),
        "challengers": (LearnerSpec("random", "uniform"),),
        "horizon_ms": 2_000,
        "exploration_minimum": 0.2,
        **fields,
    }
    return DomainSpec(tenant=tenant, domain="model_routing", **given)


class Live:
    """A running deployment, and what a test needs to talk to it."""

    def __init__(self, bootstrap, prefix, running, producer):
        self.bootstrap, self.prefix, self.running, self.producer = bootstrap, prefix, running, producer

    async def apply(self, *specs):
        published = await apply_specs(self.bootstrap, self.prefix, specs)
        missing = await wait_applied(self.bootstrap, self.prefix, published, f"{self.prefix}croupier-worker", 60)
        assert missing == []
        return published

    async def send(self, topic, value, key=b"acme"):
        raw = value if isinstance(value, bytes) or value is None else wire.encode(value)
        return await self.producer.send_and_wait(self.prefix + topic, key=key, value=raw)

    async def context(self, id_, tenant="acme", features=(0.5, -1.0), **fields):
        packed = np.asarray(features, "<f4").tobytes()
        return await self.send("contexts", Context(id_, tenant, "model_routing", packed, **fields), tenant.encode())

    async def reward(self, decision, tenant="acme", **observations):
        return await self.send("rewards", Reward(f"r-{decision}", tenant, decision, observations), tenant.encode())

    async def records(self, topic):
        """Everything in a topic now: (partition, offset, value)."""
        async with AIOKafkaConsumer(bootstrap_servers=self.bootstrap) as consumer:
            name = self.prefix + topic
            await consumer._client._wait_on_metadata(name)
            tps = [TopicPartition(name, number) for number in sorted(consumer.partitions_for_topic(name) or ())]
            ends = await consumer.end_offsets(tps)
            consumer.assign(tps)
            for tp in tps:
                consumer.seek(tp, 0)
            found = []
            while any([await consumer.position(tp) < ends[tp] for tp in tps]):
                for tp, records in (await consumer.getmany(timeout_ms=100)).items():
                    found += [(tp.partition, record.offset, record.value) for record in records]
            return found

    async def events(self, topic, kind):
        """All events of one type in a topic, in log order within a partition."""
        found = []
        for _, _, value in await self.records(topic):
            try:
                event = wire.decode(topic, value)
            except BadRecordError:
                continue
            if isinstance(event, kind):
                found.append(event)
        return found

    async def until(self, topic, kind, count, where=lambda event: True):
        """Wait until so many events are there that fulfil a condition; all of them."""
        async with asyncio.timeout(60):
            while True:
                found = [event for event in await self.events(topic, kind) if where(event)]
                if len(found) >= count:
                    return found
                await asyncio.sleep(0.1)


@pytest.fixture
async def live(kafka, deployment_prefix, tmp_path, monkeypatch):
    # A loaded machine may stand still for seconds; that workers end then is tests/runtime's and tests/faults' subject.
    monkeypatch.setenv("CROUPIER_SESSION_TIMEOUT", "30")
    options = ("--early-ms", str(EARLY_MS), "--checkpoint-seconds", "0.3")
    said = []
    async with deployment(
        kafka, tmp_path, said.append, prefix=deployment_prefix, workers=2, partitions=4, worker_options=options
    ) as running:
        await running.serving()
        # A test writes records larger than a client's default of 1 MB.
        producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers, max_request_size=8 * 1024 * 1024)
        await producer.start()
        try:
            yield Live(kafka.bootstrap_servers, deployment_prefix, running, producer)
        finally:
            await producer.stop()
    assert running.supervisor.restarts == 0, said


@pytest.fixture
def by_reason():
    def group(letters):
        found = defaultdict(list)
        for letter in letters:
            found[letter.reason].append(letter)
        return found

    return group
