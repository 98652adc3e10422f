"""A router that does as it is told, for tests of those who ask: the choices are a function, the faults are switches."""

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager

import numpy as np
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from schemas import wire
from schemas.events import Clock, Context, Decision
from schemas.topics import CONTEXTS, DECISIONS, full_name

Choose = Callable[[Context], str]


class ScriptedRouter:
    """Answers every context with choose(context); seen: what it was asked, with keys and partitions."""

    def __init__(self, producer, consumer, prefix, choose: Choose, arms, horizon_ms, twice, noise, at_a_time):
        self.producer, self.consumer = producer, consumer
        self.topic = full_name(DECISIONS, prefix)
        self.choose, self.arms, self.horizon_ms = choose, tuple(arms), horizon_ms
        self.twice, self.noise, self.at_a_time = twice, noise, at_a_time
        self.seen: list[tuple[bytes, int, Context]] = []

    def decision(self, context: Context, arm: str) -> bytes:
        arms = context.eligible or self.arms
        even = np.full(len(arms), 1 / len(arms), dtype="<f4").tobytes()
        return wire.encode(
            Decision(
                id=context.id,
                tenant=context.tenant,
                domain=context.domain,
                arms=arms,
                choice=arms.index(arm),
                propensities=even,
                scores=even,
                features=context.features,
                policy="scripted",
                spec=0,
                learned=0,
                horizon_ms=self.horizon_ms,
                awaited=(),
                context_offset=0,
            )
        )

    async def run(self):
        held = []
        async for record in self.consumer:
            context = wire.decode("contexts", record.value)
            self.seen.append((record.key, record.partition, context))
            held.append((record.partition, record.key, context))
            if len(held) < self.at_a_time:
                continue
            for partition, key, asked in held:
                arm = self.choose(asked)
                values = [self.decision(asked, arm)]
                if self.noise:  # records that are not for whoever waits for a decision
                    values = [b"\xc1 not MessagePack", wire.encode(Clock()), *values]
                if self.twice:  # as after a crash of the router, and decided otherwise the second time
                    other = next(each for each in asked.eligible or self.arms if each != arm)
                    values.append(self.decision(asked, other))
                for value in values:
                    await self.producer.send(self.topic, value, key, partition=partition)
            held.clear()


@asynccontextmanager
async def scripted_router(
    bootstrap, prefix, choose: Choose, arms, *, horizon_ms=400, twice=False, noise=False, at_a_time=1
):
    consumer = AIOKafkaConsumer(
        full_name(CONTEXTS, prefix), bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
    )
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=1)
    await consumer.start()
    await producer.start()
    router = ScriptedRouter(producer, consumer, prefix, choose, arms, horizon_ms, twice, noise, at_a_time)
    task = asyncio.create_task(router.run())
    try:
        yield router
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await producer.stop()
        await consumer.stop()


async def read_all(bootstrap, topic):
    """Every record of a topic up to its present end, in order within partitions."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        partitions = consumer.assignment()
        ends = await consumer.end_offsets(partitions)
        records = []
        while any([await consumer.position(each) < ends[each] for each in partitions]):
            for batch in (await consumer.getmany(timeout_ms=100)).values():
                records.extend(batch)
        return records
    finally:
        await consumer.stop()
