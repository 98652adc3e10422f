"""A deployment's topics with hand-written records, and the command line as people and scripts meet it."""

import asyncio
import os
import sys

import pytest
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner

from infra.cli import app
from infra.kafka.topics import create_topics
from schemas import wire
from schemas.partitioning import partition

PARTITIONS = 4


@pytest.fixture(autouse=True)
def no_deployment(monkeypatch, tmp_path):
    """No broker is configured but by the test."""
    for variable in ("KAFKA_BOOTSTRAP_SERVERS", "CROUPIER_HOME", "CROUPIER_PREFIX", "FORCE_COLOR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)


def croupier(*arguments, code=0):
    """Run a command in this process."""
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    assert result.exit_code == code, (result.exit_code, result.stdout, result.stderr, result.exception)
    return result


async def start_croupier(*arguments):
    """Start a command as a process of its own, its standard output and error piped."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "infra.cli",
        *map(str, arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


class Deployment:
    """The topics of one test."""

    def __init__(self, bootstrap, prefix):
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.options = ("--bootstrap", bootstrap, "--prefix", prefix)

    def put(self, *records):
        """Append (topic, tenant or key, event or bytes) in this order, to the tenant's partition; their places."""
        return asyncio.run(self.append(*records))

    async def append(self, *records):
        """As `put`, in a running event loop."""
        async with AIOKafkaProducer(bootstrap_servers=self.bootstrap) as producer:
            return [await self._send(producer, *each) for each in records]

    async def _send(self, producer, topic, key, event):
        value = event if isinstance(event, bytes) else wire.encode(event)
        place = 0 if topic == "specs" else partition(key, PARTITIONS)
        return await producer.send_and_wait(f"{self.prefix}{topic}", value, key=key.encode(), partition=place)


@pytest.fixture
def deployment(kafka, deployment_prefix):
    """Topics of its own, with four partitions."""
    asyncio.run(create_topics(kafka.bootstrap_servers, prefix=deployment_prefix, partitions=PARTITIONS))
    return Deployment(kafka.bootstrap_servers, deployment_prefix)
