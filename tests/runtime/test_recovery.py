"""Recovery of a real worker: what it reads, what it says meanwhile, and when it calls itself unwell."""

import json
import urllib.error
import urllib.request

import pytest

from infra.kafka import start_broker
from infra.kafka.topics import create_topics

from .test_app import PARTITIONS, Workers, numbers, state, workers

__all__ = ["numbers", "workers"]  # fixtures


def ready(workers, name):
    """What a worker logged each time it was ready."""
    lines = (workers.directory / f"{name}.log").read_text().splitlines()
    return [line for line in lines if "partitions ready" in line]


def read_records(line):
    """How many changelog records a recovery read."""
    (found,) = [part for part in line.split() if part.startswith("changelog_records=")]
    return int(found.partition("=")[2])


@pytest.mark.kafka
async def test_a_worker_that_comes_back_on_its_own_disk_reads_only_the_difference(workers, numbers):
    """From an empty directory every changelog record is read; on its own tables only what it had not written there
    itself: its own last claim and, after another worker's turn, that worker's checkpoints."""
    bootstrap, prefix = workers.arguments

    async def summed():
        return await state(bootstrap, prefix) == numbers.expected

    async def restart(name):
        known = len(ready(workers, name)) if (workers.directory / f"{name}.log").exists() else 0
        await workers.start(name)

        async def again():
            return len(ready(workers, name)) > known

        await workers.until(again)
        return read_records(ready(workers, name)[-1])

    await restart("one")
    for begin in range(0, 1500, 100):  # many checkpoints
        await numbers.send(begin, begin + 100)
        await workers.until(summed)
    assert await workers.stop("one") == 0
    own = await restart("one")
    assert own == 0
    assert await workers.stop("one") == 0
    all_of_it = await restart("other")
    assert all_of_it > 15 * PARTITIONS
    await numbers.send(1500, 1600)
    await workers.until(summed)
    assert await workers.stop("other") == 0
    difference = await restart("one")
    assert 2 * PARTITIONS <= difference < all_of_it / 3
    await workers.until(summed)


class Health:
    """What a worker answers to /health."""

    def __init__(self, directory):
        self.file = directory / "address"

    def ask(self):
        """(status, answer); None before it serves."""
        if not self.file.exists() or not (address := self.file.read_text()):
            return None
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5) as response:
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def status(self):
        with urllib.request.urlopen(f"{self.file.read_text()}/status", timeout=5) as response:
            return json.loads(response.read())

    async def well(self):
        return self.ask() == (200, {"healthy": True, "reason": None})

    def unwell(self, *reasons):
        async def said():
            answer = self.ask()
            return answer[0] == 503 and all(reason in answer[1]["reason"] for reason in reasons)

        return said


@pytest.mark.timeout(180)
async def test_a_worker_whose_broker_is_gone_is_unhealthy_and_well_when_it_is_back(deployment_prefix, tmp_path):
    """Nothing to do, nothing lags as far as it knows, and yet not well: the broker does not answer.  Back, it is."""
    with start_broker(how="local") as broker:
        await create_topics(broker.bootstrap_servers, prefix=deployment_prefix, partitions=PARTITIONS)
        workers, health = Workers(broker.bootstrap_servers, deployment_prefix, tmp_path), Health(tmp_path)
        await workers.start("one", SUMMING_HEALTH=str(health.file))

        async def is_ready():
            return len(ready(workers, "one")) > 0

        await workers.until(is_ready)
        await workers.until(health.well)
        broker.kill()
        await workers.until(health.unwell(f"the broker at {broker.bootstrap_servers} has not answered"))
        broker.restart()
        await workers.until(health.well)
        assert await workers.stop("one") == 0


@pytest.mark.kafka
async def test_sources_that_are_never_applied_are_unhealthy_and_it_is_said_what_waits_for_what(workers, numbers):
    """A fetch that brings nothing, and a stage that waits for the one it starves: 503, both named, with the reason;
    /status says the same of each partition."""
    health = Health(workers.directory)
    await numbers.send(0, 70)
    outcomes = numbers.topic.replace("contexts", "outcomes")
    for number in range(PARTITIONS):
        await numbers.producer.send_and_wait(outcomes, key=b"k", value=b"v", partition=number)
    await workers.start("one", SUMMING_HEALTH=str(health.file), SUMMING_WEDGED="1")

    async def serves():
        return health.ask() is not None

    await workers.until(serves)
    await workers.until(health.unwell("contexts partition 0 stands at offset 0", "it waits for summing (contexts 0 of"))
    places = health.status()["partitions"]
    waiting = {place["partition"] for place in places if "waits for summing" in (place["why"] or "")}
    assert waiting == {place["partition"] for place in places if place["topic"] == "contexts" and place["lag"]}
    assert {place["topic"] for place in places if place["why"]} == {"outcomes"}
