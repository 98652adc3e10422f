"""A console on a real log: events as workers write them, of two tenants and of one with a hostile name."""

import asyncio
import contextlib
import os
import time

import pytest
from aiokafka import AIOKafkaProducer
from argon2 import PasswordHasher
from starlette.testclient import TestClient

from infra.console.console import make_app, make_console
from infra.console.database import open_database
from infra.console.settings import Settings
from infra.domains.publish import apply_specs
from infra.kafka.topics import create_topics
from schemas import wire
from schemas.partitioning import partition

from . import told

PARTITIONS = 4
#: Of all accounts here.
PASSWORD = "correct horse battery"
#: name: role, tenants
ACCOUNTS = {
    "vera": ("viewer", None),
    "otto": ("operator", None),
    "anna": ("admin", None),
    "acme-viewer": ("viewer", ("acme",)),
    "acme-operator": ("operator", ("acme",)),
}


async def append(bootstrap, prefix, records):
    """(topic, key, event or bytes), to the partition of the key; their places."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        sent = []
        for topic, key, event in records:
            value = event if isinstance(event, bytes) else wire.encode(event)
            number = 0 if topic in ("specs", "audit") else partition(key, PARTITIONS)
            sent.append(await producer.send(f"{prefix}{topic}", value, key=key.encode(), partition=number))
        return await asyncio.gather(*sent)


@pytest.fixture(scope="session")
def log(kafka):
    """A deployment's log: its bootstrap servers and prefix."""
    prefix = f"console-{os.getpid()}-{os.urandom(3).hex()}-"

    async def written():
        await create_topics(kafka.bootstrap_servers, prefix=prefix, partitions=PARTITIONS)
        await apply_specs(kafka.bootstrap_servers, prefix, told.SPECS)
        found = [("kpis", each.tenant, each) for each in told.kpis(time.time())]
        found += [("kpis", told.HOSTILE, told.kpi(told.HOSTILE, told.HOSTILE, "hour", int(time.time() // 3600) * 3600))]
        await append(kafka.bootstrap_servers, prefix, [*told.records(), *found])

    asyncio.run(written())
    return kafka.bootstrap_servers, prefix


def cheap(accounts):
    """Hashes that take a millisecond: what is tested is not argon2."""
    accounts._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    return accounts


@contextlib.contextmanager
def opened(home, bootstrap, prefix, **changes):
    """A console and its database, with the accounts."""
    settings = Settings(home, bootstrap, prefix, interval=0.2, **changes)
    with open_database(home) as database:
        console = make_console(settings, database)
        cheap(console.accounts)
        for name, (role, tenants) in ACCOUNTS.items():
            console.accounts.add(name, PASSWORD, role, tenants)
        yield console


@pytest.fixture(scope="module")
def console(log, tmp_path_factory):
    """One that runs, on that log."""
    with opened(tmp_path_factory.mktemp("console"), *log) as console:
        yield console


@pytest.fixture(scope="module")
def served(console):
    """Its application, running."""
    with TestClient(make_app(console), base_url="http://localhost", follow_redirects=False) as client:
        deadline = time.monotonic() + 60
        while console.figures.store is None or console.deployment.report is None or not console.trail.reading_done:
            assert time.monotonic() < deadline, console.deployment.troubles
            time.sleep(0.02)
        yield client


class Browser:
    """What a person's browser does, without scripts: cookies, forms and their tokens."""

    def __init__(self, client, console, name=None):
        self.client = client
        self.console = console
        self.cookies = {}
        if name is not None:
            person = console.accounts.find(name)
            self.cookies[console.settings.cookie] = console.sessions.begin(person)

    def get(self, path, **headers):
        return self._kept(self.client.get(path, headers=self._headers(headers)))

    def post(self, path, fields=None, token=True, **headers):
        fields = {"sent": "1", **(fields or {})}
        if token:
            cookie = self.cookies.get("croupier") or self.cookies.get("croupier-visit", "")
            fields.setdefault("token", self.console.sessions.token(cookie))
        return self._kept(self.client.post(path, data=fields, headers=self._headers(headers)))

    def _headers(self, headers):
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        self.client.cookies.clear()
        return {
            "cookie": cookies.encode("latin-1"),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }

    def _kept(self, response):
        for name, value in response.cookies.items():
            self.cookies[name] = value.strip('"')
        self.client.cookies.clear()
        return response


@pytest.fixture
def as_(served, console):
    """`as_("vera")`: somebody's browser, signed in; `as_()`: nobody's."""
    return lambda name=None: Browser(served, console, name)
