"""What a worker asks the broker for, and when."""

import time
from types import SimpleNamespace

import numpy as np
import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher as upstream

from stream_workers.runtime.fetching import (
    FETCH_WAIT_MS,
    REST_SECONDS,
    ColumnFetcher,
    PartitionColumns,
    PartitionResult,
)

CONTEXTS, DECISIONS = TopicPartition("contexts", 0), TopicPartition("decisions", 0)


class Assigned:
    """Two partitions whose positions are known."""

    tps = frozenset({CONTEXTS, DECISIONS})

    def state_value(self, tp):
        return SimpleNamespace(has_valid_position=True, paused=False, position=5, tp=tp)


@pytest.fixture
def fetcher():
    """A fetcher of one broker, that was never started."""
    made = object.__new__(ColumnFetcher)
    made.urgent = frozenset({"contexts"})
    made._records, made._in_flight = {}, set()
    made._preferred_read_replica, made._client_rack = {}, None
    made._client = SimpleNamespace(cluster=SimpleNamespace(leader_for_partition=lambda tp: 1))
    made._fetch_min_bytes, made._fetch_max_bytes, made._max_partition_fetch_bytes = 1, 1 << 20, 1 << 20
    made._isolation_level, made._fetcher_timeout = upstream.READ_UNCOMMITTED, 0.2
    return made


def asked(fetcher):
    """Topics asked for, and the milliseconds the broker may wait."""
    ((_, request),) = fetcher._get_actions_per_node(Assigned())[0]
    return {topic for topic, _ in request._topics}, request._max_wait_ms


async def brought(fetcher, monkeypatch, size):
    """A fetch of both topics brings so many bytes of decisions."""

    async def process(self, assignment, node_id, request):
        columns = PartitionColumns(
            DECISIONS, SimpleNamespace(size_in_bytes=lambda: size), None, 5, None, None, True, upstream.READ_UNCOMMITTED
        )
        self._records[DECISIONS] = PartitionResult(
            DECISIONS, assignment=assignment, partition_records=columns, backoff=0.1
        )
        return True

    monkeypatch.setattr(ColumnFetcher, "_process", process)
    request = SimpleNamespace(topics=[("contexts", []), ("decisions", [])])
    assert await fetcher._proc_fetch_request(Assigned(), 1, request)
    fetcher._records.clear()


async def test_what_nobody_waits_for_rests_after_it_brought_little(fetcher, monkeypatch):
    """After a little of the others only what is urgent is asked for, no longer than the rest; afterwards all again."""
    assert asked(fetcher) == ({"contexts", "decisions"}, FETCH_WAIT_MS)
    await brought(fetcher, monkeypatch, 1_000)
    topics, wait_ms = asked(fetcher)
    assert topics == {"contexts"}
    assert 1 <= wait_ms <= int(np.ceil(REST_SECONDS * 1000))
    fetcher._rest_until = time.monotonic()
    assert asked(fetcher) == ({"contexts", "decisions"}, FETCH_WAIT_MS)


async def test_nothing_rests_while_there_is_much_to_do(fetcher, monkeypatch):
    """A backlog of the others is fetched without a pause."""
    await brought(fetcher, monkeypatch, 1_000_000)
    assert asked(fetcher)[0] == {"contexts", "decisions"}


async def test_nothing_rests_where_nothing_is_urgent(fetcher, monkeypatch):
    """A process that nobody waits for has no reason to ask twice."""
    fetcher.urgent = frozenset()
    await brought(fetcher, monkeypatch, 1_000)
    assert asked(fetcher)[0] == {"contexts", "decisions"}
