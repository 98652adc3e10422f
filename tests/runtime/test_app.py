"""The runtime as processes of its own on a real broker."""

import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from infra.kafka import start_broker
from infra.kafka.topics import create_topics
from schemas import wire
from stream_workers.runtime.changelog import Replay, stamp_of
from tests.runtime.summing import PAIR

PARTITIONS = 4
ROOT = Path(__file__).parents[2]


async def read(bootstrap, topic):
    """Every record of a topic now, by partition."""
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
        tps = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        ends = await consumer.end_offsets(tps)
        consumer.assign(tps)
        for tp in tps:
            consumer.seek(tp, 0)
        found = {tp: [] for tp in tps}
        while any([await consumer.position(tp) < ends[tp] for tp in tps]):
            for tp, records in (await consumer.getmany(timeout_ms=100)).items():
                found[tp].extend(records)
        return found


async def state(bootstrap, prefix):
    """What the changelog says: key -> (count, sum)."""
    items = {}
    for records in (await read(bootstrap, f"{prefix}learner-state")).values():
        replay = Replay()
        for record in records:
            sure = replay.feed(record.offset, record.key, record.value, stamp_of(record.headers))
            for key, value in sure.entries if sure else ():
                items[key] = PAIR.unpack(value)
    return items


class Workers:
    def __init__(self, bootstrap, prefix, directory):
        self.arguments = (bootstrap, prefix)
        self.directory = directory
        self.running = {}

    async def start(self, name, **environment):
        log = (self.directory / f"{name}.log").open("ab")
        self.running[name] = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.runtime.summing", *self.arguments, str(self.directory / name),
            stdout=log, stderr=log, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        )  # fmt: skip

    async def stop(self, name, number=signal.SIGTERM):
        process = self.running.pop(name)
        if process.returncode is None:
            process.send_signal(number)
        return await process.wait()

    async def until(self, condition, seconds=60.0):
        """Wait for a condition, as a coroutine that is tried again, while every worker lives."""
        async with asyncio.timeout(seconds):
            while not await condition():
                for name, process in self.running.items():
                    log = (self.directory / f"{name}.log").read_text()
                    assert process.returncode is None, f"{name} ended with {process.returncode}: {log[-3000:]}"
                await asyncio.sleep(0.2)


@pytest.fixture
async def workers(kafka, deployment_prefix, tmp_path):
    await create_topics(kafka.bootstrap_servers, prefix=deployment_prefix, partitions=PARTITIONS)
    started = Workers(kafka.bootstrap_servers, deployment_prefix, tmp_path)
    yield started
    for name in list(started.running):
        await started.stop(name, signal.SIGKILL)


class Numbers:
    """Sends numbers and knows what they sum up to."""

    def __init__(self, bootstrap, prefix):
        self.producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
        self.topic = f"{prefix}contexts"
        self.expected = {}

    async def send(self, begin, end):
        for number in range(begin, end):
            key = b"key-%d" % (number % 7)
            count, total = self.expected.get(key, (0, 0))
            self.expected[key] = (count + 1, total + number)
            await self.producer.send(self.topic, key=key, value=number.to_bytes(8, "big"))
        await self.producer.flush()


@pytest.fixture
async def numbers(workers):
    made = Numbers(*workers.arguments)
    await made.producer.start()
    yield made
    await made.producer.stop()


@pytest.mark.kafka
async def test_state_and_outputs_are_exact_over_restarts(workers, numbers):
    """Across an orderly restart, a restart without the local tables, and a second worker that takes half: every
    number is summed once, and every number is passed on."""
    bootstrap, prefix = workers.arguments
    await workers.start("one")

    async def summed():
        return await state(bootstrap, prefix) == numbers.expected

    await numbers.send(0, 500)
    await workers.until(summed)
    assert await workers.stop("one") == 0
    await numbers.send(500, 1000)
    await workers.start("one")
    await workers.until(summed)
    assert await workers.stop("one") == 0
    shutil.rmtree(workers.directory / "one")
    await workers.start("one")
    await numbers.send(1000, 1500)
    await workers.until(summed)
    await workers.start("two")
    await numbers.send(1500, 2000)
    await workers.until(summed)
    assert await workers.stop("one", signal.SIGKILL) == -signal.SIGKILL
    await numbers.send(2000, 2500)
    await workers.until(summed)
    passed = {
        int.from_bytes(r.value, "big") for rs in (await read(bootstrap, f"{prefix}decisions")).values() for r in rs
    }
    assert passed == set(range(2500))


@pytest.mark.kafka
async def test_a_record_that_makes_a_stage_fail_is_kept_and_passed_over(workers, numbers):
    """Two poison records in the middle of a batch end in dead-letters, whole; everything else is summed once."""
    bootstrap, prefix = workers.arguments
    await numbers.send(0, 100)
    for _ in range(2):
        await numbers.producer.send(numbers.topic, key=b"key-0", value=b"poison")
        await numbers.send(100, 200)
    await workers.start("one")

    async def summed():
        return await state(bootstrap, prefix) == numbers.expected

    await workers.until(summed)
    letters = [
        wire.decode("dead-letters", record.value)
        for records in (await read(bootstrap, f"{prefix}dead-letters")).values()
        for record in records
    ]
    assert {(each.reason, each.value, "ZeroDivisionError" in each.detail) for each in letters} == {
        ("failed", b"poison", True)
    }
    assert len({(each.partition, each.offset) for each in letters}) == 2


@pytest.mark.kafka
async def test_records_that_the_log_no_longer_has_do_not_stop_a_partition(workers, numbers):
    """Records deleted while the worker was away (as by retention): it goes on after them, and sums what is left."""
    bootstrap, prefix = workers.arguments

    async def summed():
        return await state(bootstrap, prefix) == numbers.expected

    await workers.start("one")
    await numbers.send(0, 70)
    await workers.until(summed)
    assert await workers.stop("one") == 0
    before = dict(numbers.expected)
    await numbers.send(70, 140)
    lost = await read(bootstrap, numbers.topic)
    ends = {tp: records[-1].offset + 1 for tp, records in lost.items() if records}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.delete_records({tp: RecordsToDelete(before_offset=end) for tp, end in ends.items()})
    await admin.close()
    numbers.expected = before
    await numbers.send(140, 210)
    await workers.start("one")
    await workers.until(summed)


@pytest.mark.kafka
async def test_a_source_that_was_made_anew_is_refused(workers, numbers):
    """Deleted and created again, its offsets begin anew: a worker that went on would pass new records over as known
    ones.  It ends instead, and says what to do."""
    bootstrap, prefix = workers.arguments

    async def summed():
        return await state(bootstrap, prefix) == numbers.expected

    await workers.start("one")
    await numbers.send(0, 70)
    await workers.until(summed)
    assert await workers.stop("one") == 0
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.delete_topics([numbers.topic])

    async def gone():
        return numbers.topic not in await admin.list_topics()

    await workers.until(gone)
    await admin.close()
    await create_topics(bootstrap, prefix=prefix)
    await workers.start("one")
    async with asyncio.timeout(60):
        assert await workers.running.pop("one").wait() == 70
    assert "the topic was made anew" in (workers.directory / "one.log").read_text()


@pytest.mark.kafka
async def test_state_of_an_older_version_is_made_anew_and_of_a_newer_one_refused(workers, numbers):
    """A release whose arithmetic is another says so by its state's version: it starts from the log, keeps nothing of
    the old state, and goes on from its own after a restart; the release before it refuses what it wrote."""
    bootstrap, prefix = workers.arguments
    factor = 1

    async def summed():
        expected = {key: (count, factor * total) for key, (count, total) in numbers.expected.items()}
        return await state(bootstrap, prefix) == expected

    await workers.start("one")
    await numbers.send(0, 300)
    await workers.until(summed)
    assert await workers.stop("one", signal.SIGKILL) == -signal.SIGKILL
    factor, newer = 3, {"SUMMING_VERSION": "2", "SUMMING_FACTOR": "3"}
    await numbers.send(300, 400)
    await workers.start("one", **newer)
    await workers.until(summed)
    assert await workers.stop("one", signal.SIGKILL) == -signal.SIGKILL
    shutil.rmtree(workers.directory / "one")
    await workers.start("one", **newer)
    await numbers.send(400, 500)
    await workers.until(summed)
    log = (workers.directory / "one.log").read_text()
    assert log.count("made anew from the log") == PARTITIONS  # each once: a restart goes on from the new state
    assert await workers.stop("one") == 0
    await workers.start("one")
    async with asyncio.timeout(60):
        assert await workers.running.pop("one").wait() == 70
    assert "is of version 2; this release reads up to 1" in (workers.directory / "one.log").read_text()


@pytest.mark.timeout(120)
async def test_a_worker_told_to_stop_ends_also_when_its_broker_is_gone(deployment_prefix, tmp_path):
    """The broker is killed first: the worker, told to stop, is gone within its deadline and leaves no process."""
    with start_broker(how="local") as broker:
        await create_topics(broker.bootstrap_servers, prefix=deployment_prefix, partitions=PARTITIONS)
        workers = Workers(broker.bootstrap_servers, deployment_prefix, tmp_path)
        await workers.start("one")
        log = tmp_path / "one.log"

        async def ready():
            return "partitions ready" in log.read_text()

        await workers.until(ready)
        broker.kill()
        async with asyncio.timeout(60):
            assert await workers.stop("one") in (0, 70)


@pytest.mark.kafka
async def test_a_paused_worker_does_not_overwrite_its_successor(workers, numbers):
    """SIGSTOP for longer than the session timeout, then SIGCONT: the paused worker ends by itself (exit code 75), and
    what its successor had summed meanwhile stands."""
    bootstrap, prefix = workers.arguments
    await workers.start("one")
    await numbers.send(0, 300)

    async def summed():
        return await state(bootstrap, prefix) == numbers.expected

    await workers.until(summed)
    await workers.start("two")
    await numbers.send(300, 600)
    await workers.until(summed)
    workers.running["one"].send_signal(signal.SIGSTOP)
    await numbers.send(600, 900)
    await workers.until(summed, 90.0)  # all partitions have moved to the second
    workers.running["one"].send_signal(signal.SIGCONT)
    assert await workers.running.pop("one").wait() == 75
    await numbers.send(900, 1000)
    await workers.until(summed)
