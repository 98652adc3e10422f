"""`croupier verify` against a real Kafka: exit code and text, for good deployments and for every kind of damage."""

import asyncio
import json
import random
import time

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from typer.testing import CliRunner

from infra.cli import app
from infra.kafka import RunningBroker
from infra.kafka.topics import check_topics
from schemas import topics
from schemas.errors import TopicsMismatchError

from .damage import DAMAGES
from .logs import EARLY_MS, REMEMBER_MS
from .offline import HOME, PARTITIONS, Offline, deployment
from .random_logs import random_script

pytestmark = pytest.mark.kafka


def good(seed: int) -> Offline:
    """A finished deployment whose records are of the last minutes: the broker's retention leaves them alone."""
    return deployment(random_script(random.Random(seed)), seed, start=int(time.time() * 1000) - 300_000)


def run(kafka: RunningBroker, prefix: str, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(
        app,
        ["verify", "--bootstrap", kafka.bootstrap_servers, "--prefix", prefix,
         "--early-ms", str(EARLY_MS), "--remember-ms", str(REMEMBER_MS), *options],
    )  # fmt: skip
    return result.exit_code, result.output


def upload(kafka: RunningBroker, prefix: str, made: Offline) -> None:
    """The records as they are, with their times, in topics that are afterwards as they must be."""
    asyncio.run(_upload(kafka.bootstrap_servers, prefix, made))


async def _upload(servers: str, prefix: str, made: Offline) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        # From the beginning: a changed setting reaches the broker's logs some time after it was acknowledged.
        await admin.create_topics([
            NewTopic(
                topics.full_name(topic, prefix), topic.partition_count(PARTITIONS), 1,
                topic_configs={**topic.config(), "message.timestamp.type": "CreateTime"},
            )
            for topic in topics.ALL
        ])  # fmt: skip
        async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
            for topic, by_number in made.logs.items():
                for number, log in by_number.items():
                    for record in log:
                        await producer.send(
                            topics.full_name(topic, prefix), record.value, record.key, partition=number,
                            timestamp_ms=record.timestamp, headers=list(record.headers),
                        )  # fmt: skip
        await admin.alter_configs([
            ConfigResource(ConfigResourceType.TOPIC, topics.full_name(topic, prefix), dict(topic.config()))
            for topic in topics.ALL
        ])  # fmt: skip
        await _checked(servers, prefix)
        if made.begins:
            await admin.delete_records({
                TopicPartition(topics.full_name(topic, prefix), HOME): RecordsToDelete(before_offset=begin)
                for topic, begin in made.begins.items()
            })  # fmt: skip
    finally:
        await admin.close()


async def _checked(servers: str, prefix: str) -> None:
    """Wait until the settings are seen."""
    async with asyncio.timeout(30):
        while True:
            try:
                await check_topics(servers, prefix=prefix)
            except TopicsMismatchError:
                await asyncio.sleep(0.05)
            else:
                return


def test_a_good_deployment_is_proven(kafka: RunningBroker, deployment_prefix: str) -> None:
    """Exit code 0, the word, and the figures."""
    upload(kafka, deployment_prefix, good(5))

    code, text = run(kafka, deployment_prefix, "--settled")
    assert (code, text.splitlines()[-1]) == (0, "proven"), text
    assert "0 decisions lost, 0 outcomes doubled, 0 state mismatches" in text

    code, text = run(kafka, deployment_prefix, "--settled", "--json")
    figures = json.loads(text)
    assert code == 0
    assert figures["proven"] is True
    assert (figures["decisions_lost"], figures["outcomes_doubled"], figures["state_mismatches"]) == (0, 0, 0)
    assert figures["contexts"] > 0
    assert figures["decisions"] == figures["outcomes"] > 0
    assert figures["records"] > 0


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_refuted(kafka: RunningBroker, deployment_prefix: str, name: str) -> None:
    """Exit code 1, and a sentence that begins with the kind of fault and its topic, partition and offset."""
    for seed in range(200):
        made = good(seed)
        expected = DAMAGES[name](made, random.Random(seed))
        if expected is not None:
            break
        # A finished deployment has forgotten its decisions; stop one in the middle of things.
        made = deployment(random_script(random.Random(seed)), seed, unfinished=True,
                          start=int(time.time() * 1000) - 300_000)  # fmt: skip
        expected = DAMAGES[name](made, random.Random(seed))
        if expected is not None:
            break
    assert expected is not None
    upload(kafka, deployment_prefix, made)

    code, text = run(kafka, deployment_prefix, "--settled")

    assert code == 1, text
    assert f"{expected.fault}: {expected.place}: " in text
    assert text.splitlines()[-1].startswith("refuted: ")


def test_what_retention_took_is_said(kafka: RunningBroker, deployment_prefix: str) -> None:
    """Records deleted from the beginnings: still proven, with what was not examined."""
    script = [step._replace(back_ms=0) for step in random_script(random.Random(3))]
    made = deployment(script, 3, start=int(time.time() * 1000) - 300_000)
    for topic in ("contexts", "decisions", "rewards"):
        made.begins[topic] = len(made.logs[topic][HOME]) // 2
    upload(kafka, deployment_prefix, made)

    code, text = run(kafka, deployment_prefix, "--settled")

    assert (code, text.splitlines()[-1]) == (0, "proven"), text
    assert "not examined: " in text


def test_what_cannot_be_examined(kafka: RunningBroker, deployment_prefix: str) -> None:
    """No topics and no broker are neither proven nor refuted: exit code 2, and what to do."""
    code, text = run(kafka, deployment_prefix)
    assert code == 2
    assert "croupier topics create" in text

    result = CliRunner().invoke(app, ["verify", "--bootstrap", "127.0.0.1:1", "--json"])
    assert result.exit_code == 2
    assert json.loads(result.output)["proven"] is None
