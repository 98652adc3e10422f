"""Many write, the disk is waited for together, and the bound holds."""

import asyncio
import os
import threading

import pytest
from prometheus_client import CollectorRegistry

from producers.deciding.choice import SpoolFullError
from producers.deciding.metrics import PathMetrics
from producers.deciding.spool import Entry, Spool


def entry(number, topic="rewards", size=0):
    return Entry(topic, "guild", b"%d" % number + b"." * size)


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
async def opened(tmp_path, registry):
    """A spool of a limit, closed at the end."""
    spools = []

    async def make(limit=1 << 20):
        spool = Spool(tmp_path / "spool", limit, PathMetrics(registry if not spools else CollectorRegistry()))
        await spool.open()
        spools.append(spool)
        return spool

    yield make
    for spool in spools:
        if not spool._closing:
            await spool.close()


async def drained(spool):
    found = []
    while spool.backlog:
        await spool.filled()
        chunk = await spool.read(4)
        found += chunk.entries
        await spool.acknowledge(chunk)
    return found


async def test_in_order_and_after_a_restart(opened):
    """Entries come back as they were given, by the one who kept them or by the next."""
    spool = await opened()
    for number in range(10):
        await spool.append(entry(number))
    first = await spool.read(4)
    await spool.acknowledge(first)
    spool.offer(entry(10))
    assert spool.backlog == 7
    await spool.close()
    following = await opened()
    assert [*first.entries, *await drained(following)] == [entry(number) for number in range(11)]


async def test_writers_share_the_disk(opened, monkeypatch):
    """Two hundred writers at once wait for a few writes, not for two hundred; each is on disk when it is told so."""
    spool = await opened()
    syncs, slow, real = [], threading.Event(), os.fdatasync

    def counting(file):
        syncs.append(file)
        slow.wait(5)
        real(file)

    monkeypatch.setattr(os, "fdatasync", counting)
    writers = [asyncio.create_task(spool.append(entry(number))) for number in range(200)]
    while not syncs:
        await asyncio.sleep(0.001)
    assert not any(writer.done() for writer in writers)
    slow.set()
    await asyncio.gather(*writers)
    assert len(syncs) <= 3
    assert len(await drained(spool)) == 200


async def test_contexts_go_first(opened, registry):
    """At three quarters contexts are refused and counted; rewards until the end, and then told so."""
    spool = await opened(40_000)
    kept = 0
    while spool.offer(entry(kept, "contexts", 900)) is not None:
        kept += 1
    assert 28 <= kept <= 30_000 / 900
    with pytest.raises(SpoolFullError, match="40000"):  # noqa: PT012 - any of them may be the one
        for number in range(100):
            await spool.append(entry(number, "rewards", 900))
    assert spool._segments.size <= 40_000
    dropped = registry.get_sample_value
    assert dropped("croupier_path_dropped_total", {"what": "contexts"}) == 1
    assert dropped("croupier_path_dropped_total", {"what": "rewards"}) == 1
    assert dropped("croupier_path_spool_records") == spool.backlog
    found = await drained(spool)
    assert [each.topic for each in found] == ["contexts"] * kept + ["rewards"] * (len(found) - kept)
    assert len(found) - kept >= 8
    assert spool.offer(entry(0, "contexts", 900)) is not None
    assert dropped("croupier_path_spool_bytes") == 0


async def test_a_disk_that_fails(opened, registry, monkeypatch):
    """Whoever waits is told that it is not recorded; it is counted, and the spool goes on when the disk does."""
    spool = await opened()
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda file: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(SpoolFullError, match="No space left"):
        await spool.append(entry(1))
    assert registry.get_sample_value("croupier_path_dropped_total", {"what": "disk"}) == 1
    monkeypatch.setattr(os, "fdatasync", real)
    await spool.append(entry(2))
    assert await drained(spool) == [entry(2)]


async def test_a_writer_that_is_cancelled(opened):
    """Giving up the wait takes nothing back, and disturbs nobody."""
    spool = await opened()
    writer = asyncio.create_task(spool.append(entry(1)))
    await asyncio.sleep(0)
    writer.cancel()
    await spool.append(entry(2))
    assert await drained(spool) == [entry(1), entry(2)]
    assert writer.cancelled() or writer.done()
