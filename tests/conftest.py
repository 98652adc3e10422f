"""What tests share: one real Kafka a session, and a name of its own for every test's topics."""

import itertools
import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from infra.kafka import RunningBroker, start_broker

_numbers = itertools.count(1)

# No test passes or fails by how long it takes: first calls compile, and machines are shared.
settings.register_profile("croupier", deadline=None)
settings.load_profile("croupier")


def pytest_configure() -> None:
    """Whoever runs the tests in the background has SIGINT ignored, and so would the programs that they interrupt."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def kafka() -> Iterator[RunningBroker]:
    """A real Kafka: that of KAFKA_BOOTSTRAP_SERVERS, else in Docker, else on this machine's JVM with temporary data.

    Shared by the session: tests keep apart by `deployment_prefix`, and those that stop a broker start their own.
    """
    with start_broker() as broker:
        yield broker


@pytest.fixture
def deployment_prefix() -> str:
    """A topic prefix no other test uses, in this run or another on the same Kafka."""
    return f"t{os.getpid()}-{os.urandom(3).hex()}-{next(_numbers)}-"


#: Files that take longest alone.  They begin first, so that at the end no process waits for the other's last file.
_LONGEST = (
    "faults/test_soak.py",
    "bandits/test_portability.py",
    "bandits/test_policy_laws.py",
    "runtime/test_app.py",
    "bandits/test_kernel_cache.py",
    "honesty/test_false_alarms.py",
    "benchmarks/test_loops.py",
    "kafka/test_local.py",
    "pipeline/test_hard_cap.py",
    "upgrades/test_rolling_restart.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In that order, then as they were found."""
    place = {name: rank for rank, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: place.get("/".join(item.path.parts[-2:]), len(place)))
