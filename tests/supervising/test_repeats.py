"""A library that repeats itself is heard once in a while; nobody else is kept from being heard."""

import logging

from infra.repeats import EVERY_SECONDS, Repeats


def record(message, *values, name="aiokafka.client"):
    return logging.LogRecord(name, logging.ERROR, __file__, 1, message, values, None)


def test_repeats_are_counted():
    """The first of a message is seen, then one each half minute, with how many were not; other messages, other loggers
    and other libraries are seen as ever."""
    now = [0.0]
    filter_ = Repeats("aiokafka", lambda: now[0])
    assert filter_.filter(record("Unable connect to node with id %s", 1))
    for number in range(50):
        assert not filter_.filter(record("Unable connect to node with id %s", number))
    assert filter_.filter(record("Unable to update metadata from %s", [1]))
    assert filter_.filter(record("Unable connect to node with id %s", 1, name="aiokafka.consumer.fetcher"))
    assert all(filter_.filter(record("the same", name="croupier")) for _ in range(3))
    assert all(filter_.filter(record("the same", name="aiokafkas")) for _ in range(3))
    now[0] = EVERY_SECONDS
    seen = record("Unable connect to node with id %s", 7)
    assert filter_.filter(seen)
    assert seen.getMessage() == "Unable connect to node with id 7 (50 more like it since the last one shown)"
    assert not filter_.filter(record("Unable connect to node with id %s", 8))
    now[0] = 2 * EVERY_SECONDS + 1
    again = record("Unable connect to node with id %s", 9)
    assert filter_.filter(again)
    assert "(1 more like it" in again.getMessage()


def test_memory_is_bounded():
    """Messages without end are all seen, and not all remembered."""
    filter_ = Repeats("aiokafka", lambda: 0.0)
    assert all(filter_.filter(record(f"message {number}")) for number in range(5000))
    assert len(filter_._last) <= 1000
