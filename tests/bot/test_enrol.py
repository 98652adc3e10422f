"""A tenant's domains come into force once, whatever happens to Kafka, and an operator's own changes are left alone."""

import asyncio
import socket

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.bot.enrol import Enrolment
from infra.domains.publish import apply_specs, read_specs, remove_domain
from infra.kafka.topics import create_topics
from producers.discord.ports import GuildSettings

from .test_template import TEMPLATE

pytestmark = pytest.mark.kafka

DOMAINS = {"model_routing", "content_analysis", "user_engagement"}
DEFAULT = GuildSettings()


@pytest.fixture
async def log(kafka, deployment_prefix):
    """Address and prefix of a new deployment."""
    await create_topics(kafka.bootstrap_servers, prefix=deployment_prefix, partitions=2)
    return kafka.bootstrap_servers, deployment_prefix


async def _records(log):
    """How many records `outcomes` has."""
    bootstrap, prefix = log
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        ends = await consumer.end_offsets([TopicPartition(f"{prefix}outcomes", number) for number in range(2)])
        return sum(ends.values())
    finally:
        await consumer.stop()


async def _all(enrolment):
    while enrolment.pending:
        await asyncio.sleep(0.02)


async def test_guilds_are_enrolled_once_and_changes_are_published(log, tmp_path):
    file = tmp_path / "enrolled.sqlite3"
    async with Enrolment(*log, TEMPLATE, file) as enrolment:
        for number in range(20):
            enrolment.wants(f"guild-{number}", DEFAULT)
        await _all(enrolment)
        in_force = await read_specs(*log)
        assert in_force.keys() == {(f"guild-{number}", name) for number in range(20) for name in DOMAINS}
        assert await _records(log) == 60

    async with Enrolment(*log, TEMPLATE, file) as enrolment:  # the bot starts again
        for number in range(20):
            enrolment.wants(f"guild-{number}", DEFAULT)
        await _all(enrolment)
        assert await _records(log) == 60

        cheap = GuildSettings(models=("gpt-4o-mini",), monthly_budget_usd=5.0)
        assert await enrolment.enrol("guild-7", cheap, within=30)
        assert await _records(log) == 61  # the other two are what they were
        now = await read_specs(*log)
        _, spec = now.pop(("guild-7", "model_routing"))
        assert [arm.name for arm in spec.arms if arm.enabled] == ["gpt-4o-mini"]
        assert (spec.budget.hard_cap, spec.budget.period) == (5.0, "month")
        assert now == {key: value for key, value in in_force.items() if key in now}

    async with Enrolment(*log, TEMPLATE, tmp_path / "lost.sqlite3") as enrolment:  # its state directory was lost
        assert await enrolment.enrol("guild-7", cheap, within=30)
        assert await _records(log) == 64
        assert (await read_specs(*log))["guild-7", "model_routing"][1] == spec


async def test_what_an_operator_has_changed_or_removed_stays_so(log, tmp_path):
    async with Enrolment(*log, TEMPLATE, tmp_path / "enrolled.sqlite3") as enrolment:
        assert await enrolment.enrol("guild-1", DEFAULT, within=30)
        (routing,) = [spec for spec in TEMPLATE.of("guild-1", DEFAULT) if spec.domain == "model_routing"]
        tuned = msgspec.structs.replace(routing, exploration_minimum=0.2)
        await apply_specs(*log, [tuned])
        await remove_domain(*log, "guild-1", "user_engagement")
        assert await enrolment.enrol("guild-1", DEFAULT, within=30)
        now = await read_specs(*log)
        assert now["guild-1", "model_routing"][1] == tuned
        assert ("guild-1", "user_engagement") not in now


async def test_while_kafka_is_away_enrolling_waits_for_it(log, tmp_path):
    """Nobody listens at the address at first; what was wanted last is in force when the broker is there."""
    bootstrap, prefix = log
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    async with Enrolment(f"127.0.0.1:{port}", prefix, TEMPLATE, tmp_path / "enrolled.sqlite3") as enrolment:
        assert not await enrolment.enrol("guild-1", DEFAULT, within=0.3)
        assert not await enrolment.enrol("guild-1", GuildSettings(models=("gpt-4o",)), within=0.3)
        assert enrolment.pending == 1
        async with await asyncio.start_server(_forward(bootstrap), "127.0.0.1", port):
            await _all(enrolment)
            _, spec = (await read_specs(*log))["guild-1", "model_routing"]
            assert [arm.name for arm in spec.arms if arm.enabled] == ["gpt-4o"]


def _forward(bootstrap):
    """Passes a connection on to the broker."""
    host, _, port = bootstrap.rpartition(":")

    async def pump(reader, writer):
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def connected(reader, writer):
        there_reader, there_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer), return_exceptions=True)

    return connected
