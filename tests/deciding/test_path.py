"""An answer within the deadline whatever happens to Kafka, and nothing that was acknowledged is lost."""

import asyncio
import ssl
import sys
import time
from contextlib import AsyncExitStack, asynccontextmanager

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from infra.kafka.topics import create_topics
from producers.deciding import DecisionPath, SpoolFullError
from schemas import wire
from tests.faults.under_test import broker_with_proxies
from tests.joining.joiner import Joiner
from tests.joining.oracle import LogRecord
from tests.producers.scripted_router import read_all, scripted_router

ARMS = ("large", "small", "tiny")
#: Longer than the default: a machine that is busy with other tests decides late, too.
DEADLINE_MS = 1500
#: What is slower than this was not answered at once.
AT_ONCE_MS = 500


@pytest.fixture(scope="module")
def away(tmp_path_factory):
    """A Kafka that can be away: a broker behind a proxy that can refuse and hold."""
    with broker_with_proxies(tmp_path_factory.mktemp("broker"), ["path"], lambda said: None) as (broker, proxies):
        yield broker, proxies["path"]


@pytest.fixture
async def deployment(away, deployment_prefix):
    """(address of the broker itself, the proxy, prefix)."""
    broker, proxy = away
    await create_topics(broker.bootstrap_servers, prefix=deployment_prefix, partitions=4)
    await proxy.start()
    try:
        yield broker.bootstrap_servers, proxy, deployment_prefix
    finally:
        proxy.release()
        await proxy.stop()


class Asked:
    """A decision path through the proxy, and what it counts."""

    def __init__(self, port, prefix, directory, **settings):
        self.registry = CollectorRegistry()
        self.path = DecisionPath(
            f"127.0.0.1:{port}", directory, prefix=prefix, registry=self.registry,
            **{"deadline_ms": DEADLINE_MS, **settings},
        )  # fmt: skip

    def counted(self, how):
        labels = {"domain": "model_routing", "how": how}
        return self.registry.get_sample_value("croupier_path_decisions_total", labels) or 0

    async def decide(self, name, tenant="guild", **asked):
        return await self.path.decide(
            tenant, "model_routing", [1.0, float("nan")], **{"fallback": ["small", "tiny"], "id": name, **asked}
        )


def chosen(context):
    return (context.eligible or ARMS)[0]


async def until(what, seconds=20.0):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def asking(deployment, directory, choose=chosen, router=True, away=False, **settings):
    bootstrap, proxy, prefix = deployment
    asked = Asked(proxy.port, prefix, directory, **settings)
    async with AsyncExitStack() as stack:
        if router:
            asked.routing = await stack.enter_async_context(
                scripted_router(bootstrap, prefix, choose, ARMS, horizon_ms=600_000)
            )
        await stack.enter_async_context(asked.path)
        if not away:
            await until(lambda: asked.path.reachable)
        yield asked


async def rewards_in(deployment):
    bootstrap, _, prefix = deployment
    return [wire.decode("rewards", record.value) for record in await read_all(bootstrap, f"{prefix}rewards")]


async def outcomes_in(deployment):
    """What the joiner makes of the whole log: by decision, its observations; each exactly once."""
    bootstrap, _, prefix = deployment
    found = {}
    topics = {name: await read_all(bootstrap, f"{prefix}{name}") for name in ("decisions", "rewards")}
    for partition in range(4):
        logs = [
            [LogRecord(each.offset, each.timestamp, each.key, each.value) for each in topics[name]
             if each.partition == partition]
            for name in ("decisions", "rewards")
        ]  # fmt: skip
        joiner = Joiner(*logs, early=600_000, remember=3_600_000)
        joiner.read_all()
        joiner.append("rewards", 2**41, wire.encode(wire.Clock()))
        assert not joiner.dead
        for _, _, value in joiner.emitted:
            outcome = wire.decode("outcomes", value)
            assert outcome.decision.id not in found
            found[outcome.decision.id] = outcome
    return found


pytestmark = pytest.mark.kafka


async def test_decisions_in_time(deployment, tmp_path):
    """Forty at once are decided; the ranking is the chosen arm, then the others by score; what is asked travels."""
    async with asking(deployment, tmp_path / "spool") as asked:
        choices = await asyncio.gather(
            *(asked.decide(f"r-{n}", tenant=f"guild-{n % 3}", unit="u", after="e-1") for n in range(40))
        )
        restricted = await asked.decide(
            "r-40", eligible=["tiny", "small"], restrictions={"large": "unhealthy"}, unit="u"
        )
        await asked.path.observe("guild", "r-40", {"success": 1, "cost": 0.25}, id="r-40:answer")
        assert asked.path.backlog == 0
    assert all(0 < choice.own_ms <= choice.waited_ms for choice in choices)
    assert {(choice.how, choice.arm, choice.ranking) for choice in choices} == {("decided", "large", ARMS)}
    assert [choice.id for choice in choices] == [f"r-{n}" for n in range(40)]
    assert (restricted.arm, restricted.ranking) == ("tiny", ("tiny", "small"))
    assert restricted.decision is not None
    assert not restricted.on_fallback
    assert asked.counted("decided") == 41
    (context,) = (each for _, _, each in asked.routing.seen if each.id == "r-40")
    assert (context.restrictions, context.unit) == ({"large": "unhealthy"}, "u")
    assert np.isnan(np.frombuffer(context.features, "<f4")).tolist() == [False, True]
    (reward,) = await rewards_in(deployment)
    assert (reward.id, reward.decision, reward.observations) == ("r-40:answer", "r-40", {"success": 1.0, "cost": 0.25})


async def test_bad_requests_send_nothing(deployment, tmp_path):
    """What readers would refuse is a ValueError, whether or not Kafka is there."""
    _, proxy, _ = deployment
    wrong = (
        {"fallback": []}, {"name": "x" * 129}, {"tenant": ""}, {"eligible": []}, {"restrictions": {"large": "budget"}},
        {"eligible": ["large"], "restrictions": {"large": "budget"}},
    )  # fmt: skip
    for reachable in (True, False):
        if not reachable:
            proxy.refuse()
        async with asking(deployment, tmp_path / "spool", away=not reachable) as asked:
            assert asked.path.reachable == reachable
            for fields in wrong:
                with pytest.raises(ValueError):
                    await asked.decide(**{"name": "r-1", **fields})
            with pytest.raises(ValueError):
                await asked.path.observe("guild", "r-1", {"cost": -1.0}, id="r-1:a")
            assert asked.path.backlog == 0
            assert not asked.routing.seen


async def test_a_decision_too_late(deployment, tmp_path):
    """The fallback answers at the deadline; the log is told at once that nobody follows, and who answered when it is
    known; what follows from it does not claim to follow from the decision."""
    bootstrap, _, prefix = deployment
    async with asking(deployment, tmp_path / "spool", router=False, deadline_ms=400) as asked:
        late = await asked.decide("r-1")
        assert (late.how, late.arm, late.ranking, late.decision) == ("late", "small", ("small", "tiny"), None)
        assert 390 < late.waited_ms < 400 + AT_ONCE_MS
        other = await asked.decide("r-2", fallback=["elsewhere"])
        child = await asked.decide("a-1", after="r-1")
        assert child.on_fallback
        await asked.path.observe("guild", "r-1", {"success": 1.0}, id="r-1:answer")
        async with scripted_router(bootstrap, prefix, chosen, ARMS, horizon_ms=600_000) as routing:
            await until(lambda: len(routing.seen) == 3)
            assert {context.id: context.after for _, _, context in routing.seen} == {
                "r-1": None,
                "r-2": None,
                "a-1": None,
            }
            await until(lambda: not asked.path._expected)
    assert other.on_fallback
    assert asked.counted("late") == 3
    found = await outcomes_in(deployment)
    assert found["r-1"].observations == {"unfollowed": 1.0, "success": 1.0, "answered_by": 1.0}
    assert found["r-2"].observations == {"unfollowed": 1.0, "answered_by": -1.0}


async def test_without_kafka_from_the_start(deployment, tmp_path):
    """It starts, answers at once, keeps feedback on disk; the next run, with Kafka, tells all of it, and decides."""
    _, proxy, _ = deployment
    proxy.refuse()
    async with asking(deployment, tmp_path / "spool", away=True) as asked:
        for number in range(5):
            choice = await asked.decide(f"r-{number}")
            assert (choice.how, choice.arm) == ("unreachable", "small")
            assert choice.waited_ms < AT_ONCE_MS
            await asked.path.observe("guild", choice.id, {"cost": 0.5}, id=f"{choice.id}:answer")
        assert asked.path.backlog == 15
    proxy.release()
    async with asking(deployment, tmp_path / "spool") as asked:
        await until(lambda: asked.path.backlog == 0)
        assert (await asked.decide("r-9")).how == "decided"
        await until(lambda: len(asked.routing.seen) == 6)
    found = await outcomes_in(deployment)
    assert {name: each.observations for name, each in found.items()} == {
        **{f"r-{n}": {"unfollowed": 1.0, "cost": 0.5} for n in range(5)},
        "r-9": {},
    }


@pytest.mark.parametrize("wrong", ["security", "prefix"])
async def test_a_kafka_that_can_not_be_used(deployment, tmp_path, wrong):
    """With the wrong security settings, or a prefix without topics, it answers all the same, and goes on trying."""
    bootstrap, _, prefix = deployment
    settings = {"security_protocol": "SSL", "ssl_context": ssl.create_default_context()}
    path = DecisionPath(
        bootstrap, tmp_path / "spool", prefix=prefix if wrong == "security" else "elsewhere-",
        security=settings if wrong == "security" else None, registry=CollectorRegistry(),
    )  # fmt: skip
    async with path:
        choice = await path.decide("guild", "model_routing", [1.0], fallback=["small"])
        assert (choice.how, path.reachable) == ("unreachable", False)
        if wrong == "prefix":
            await create_topics(bootstrap, prefix="elsewhere-", partitions=2)
            await until(lambda: path.reachable and path.backlog == 0)
    assert (path.backlog == 0) == (wrong == "prefix")


@pytest.mark.parametrize("how", ["refused", "held"])
async def test_kafka_goes_and_comes_back(deployment, tmp_path, how):
    """The first requests wait for the deadline at most, the next ones not at all; every observation that was accepted
    is in the log once it is back, decisions come again, and each decision has one outcome."""
    _, proxy, _ = deployment
    async with asking(deployment, tmp_path / "spool") as asked:
        for number in range(10):
            assert (await asked.decide(f"b-{number}")).how == "decided"
        proxy.refuse() if how == "refused" else proxy.hold("to-broker", "from-broker")
        first = await asyncio.gather(*(asked.decide(f"f-{number}") for number in range(5)))
        assert all(choice.on_fallback and choice.waited_ms < DEADLINE_MS + AT_ONCE_MS for choice in first)
        assert not asked.path.reachable
        quick = [await asked.decide(f"d-{number}") for number in range(20)]
        assert all(choice.how == "unreachable" for choice in quick)
        assert max(choice.waited_ms for choice in quick) < AT_ONCE_MS
        observed = [f"{kind}-{number}" for kind, count in (("b", 10), ("f", 5), ("d", 20)) for number in range(count)]
        await asyncio.gather(
            *(asked.path.observe("guild", name, {"thumbs": 1.0}, id=f"{name}:thumbs") for name in observed)
        )
        assert asked.path.backlog >= len(observed)
        proxy.release()
        await until(lambda: asked.path.reachable and asked.path.backlog == 0)
        again = [await asked.decide(f"a-{number}") for number in range(10)]
        assert [choice.how for choice in again] == ["decided"] * 10
        await until(lambda: {context.id for _, _, context in asked.routing.seen} >= {*observed})
    found = await outcomes_in(deployment)
    assert found.keys() == {*observed, *(choice.id for choice in again)}
    for name in observed:
        assert found[name].observations["thumbs"] == 1.0
        assert ("unfollowed" in found[name].observations) == (not name.startswith("b"))
    sent = [reward.id for reward in await rewards_in(deployment)]
    assert {f"{name}:thumbs" for name in observed} <= set(sent)


async def test_connections_that_break(deployment, tmp_path):
    """Every connection is reset again and again: each request is answered, what the log says of it is what was done,
    and decisions come in time as soon as the network is let be."""
    _, proxy, _ = deployment
    answers = []
    async with asking(deployment, tmp_path / "spool") as asked:
        for number in range(8):
            asking_now = [asyncio.create_task(asked.decide(f"{number}-{n}", tenant=f"guild-{n}")) for n in range(6)]
            await asyncio.sleep(0.004 * number)
            proxy.reset()
            answers += await asyncio.gather(*asking_now)
        while (last := await asked.decide(f"z-{len(answers)}")).on_fallback:
            answers.append(last)
            await asyncio.sleep(0.05)
        answers.append(last)
        await until(lambda: asked.path.backlog == 0)
        await until(lambda: {context.id for _, _, context in asked.routing.seen} >= {each.id for each in answers})
        for choice in answers:
            await asked.path.observe(choice.tenant, choice.id, {"thumbs": 1.0}, id=f"{choice.id}:thumbs")
    found = await outcomes_in(deployment)
    assert found.keys() == {choice.id for choice in answers}
    for choice in answers:
        seen = found[choice.id].observations
        assert seen.pop("thumbs") == 1.0
        assert seen.pop("answered_by", 1.0) == 1.0  # told if the decision was seen to come
        assert seen == ({"unfollowed": 1.0} if choice.on_fallback else {})
        assert choice.on_fallback or found[choice.id].decision.arm == choice.arm


async def test_a_broker_killed_and_restarted(away, deployment, tmp_path):
    """Under traffic, SIGKILL of the broker itself: every request is answered in time, and every observation that was
    accepted is in the outcome of its decision, once."""
    broker, _ = away
    answers, accepted, stop = [], set(), asyncio.Event()

    async def traffic(asked, worker):
        number = 0
        while not stop.is_set():
            choice = await asked.decide(f"{worker}-{number}", tenant=f"guild-{worker}")
            answers.append(choice)
            await asked.path.observe(choice.tenant, choice.id, {"thumbs": 1.0}, id=f"{choice.id}:thumbs")
            accepted.add(choice.id)
            number += 1
            await asyncio.sleep(0.005)

    async with asking(deployment, tmp_path / "spool") as asked:
        running = [asyncio.create_task(traffic(asked, worker)) for worker in range(4)]
        await until(lambda: len(accepted) > 40)
        await asyncio.to_thread(broker.kill)
        away_at = len(answers)
        await until(lambda: len(answers) > away_at + 40)
        await asyncio.to_thread(broker.restart)
        await until(lambda: asked.path.reachable, 60)
        back_at = len(answers)
        await until(lambda: len(answers) > back_at + 40, 60)
        await until(lambda: answers[-1].how == "decided", 60)
        stop.set()
        await asyncio.gather(*running)
        await until(lambda: asked.path.backlog == 0, 60)
        await until(lambda: {context.id for _, _, context in asked.routing.seen} >= accepted, 60)
    assert {choice.how for choice in answers} >= {"decided", "unreachable"}
    found = await outcomes_in(deployment)
    assert found.keys() == accepted
    for choice in answers:
        seen = found[choice.id].observations
        assert seen["thumbs"] == 1.0
        assert ("unfollowed" in seen) == choice.on_fallback
        if choice.decision is not None:
            assert found[choice.id].decision.arm == choice.arm


KILLED = """
import asyncio, sys
from pathlib import Path
from producers.deciding import DecisionPath
async def main():
    async with DecisionPath(sys.argv[1], Path(sys.argv[2]), prefix=sys.argv[3]) as path:
        async def one(worker):
            for number in range(10**6):
                choice = await path.decide("guild", "model_routing", [1.0], fallback=["small"], id=f"{worker}-{number}")
                await path.observe("guild", choice.id, {"thumbs": 1.0}, id=f"{choice.id}:thumbs")
                print(choice.id, flush=True)
        await asyncio.gather(*map(one, range(8)))
asyncio.run(main())
"""


async def test_killed_while_kafka_is_away(deployment, tmp_path):
    """SIGKILL of the bot in the middle of it: the next run tells Kafka of everything that had been accepted."""
    _, proxy, prefix = deployment
    proxy.refuse()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, f"127.0.0.1:{proxy.port}", tmp_path / "spool", prefix,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    accepted = [await process.stdout.readline() for _ in range(200)]
    process.kill()
    accepted += (await process.stdout.read()).splitlines(keepends=True)
    await process.wait()
    names = {line.decode().strip() for line in accepted if line.endswith(b"\n") and b"-" in line and b" " not in line}
    assert len(names) >= 150
    proxy.release()
    async with asking(deployment, tmp_path / "spool") as asked:
        await until(lambda: asked.path.backlog == 0)
        await until(lambda: {context.id for _, _, context in asked.routing.seen} >= names)
    found = await outcomes_in(deployment)
    assert found.keys() >= names
    for name in names:
        assert found[name].observations == {"unfollowed": 1.0, "thumbs": 1.0}


async def test_no_room(deployment, tmp_path):
    """A full spool refuses feedback in words, and requests are answered all the same."""
    _, proxy, _ = deployment
    proxy.refuse()
    async with asking(deployment, tmp_path / "spool", router=False, away=True, spool_bytes=20_000) as asked:
        with pytest.raises(SpoolFullError, match="20000 bytes"):  # noqa: PT012 - any of them may be the one
            for number in range(1000):
                await asked.path.observe("guild", "r-1", {"thumbs": 1.0}, id=f"r-1:{number}")
        kept = asked.path.backlog
        choice = await asked.decide("r-2")  # of which nothing is recorded, not even that nobody followed it
        assert (choice.how, asked.path.backlog) == ("unreachable", kept)
    proxy.release()
    async with asking(deployment, tmp_path / "spool", router=False) as asked:
        await until(lambda: asked.path.backlog == 0)
    assert [reward.id for reward in await rewards_in(deployment)] == [f"r-1:{number}" for number in range(kept)]


async def test_a_caller_that_gives_up(deployment, tmp_path):
    """Nobody acts on a request that was cancelled: the log is told."""
    async with asking(deployment, tmp_path / "spool", router=False, deadline_ms=20_000) as asked:
        waiting = asyncio.create_task(asked.decide("r-1"))
        await until(lambda: asked.path._awaited)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        with pytest.raises(ValueError, match="awaited already"):
            await asyncio.gather(asked.decide("r-2"), asked.decide("r-2"))
    assert {(reward.decision, *reward.observations) for reward in await rewards_in(deployment)} >= {
        ("r-1", "unfollowed")
    }
