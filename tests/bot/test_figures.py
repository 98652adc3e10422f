"""Figures out of a real log: a tenant's own and nobody else's, and an answer in time when Kafka is away."""

import asyncio
import socket
import time

import pytest

from infra.bot.figures import FiguresLimits, KafkaFigures, asked_at_ms
from infra.domains import clients
from infra.domains.publish import apply_specs
from infra.kafka.topics import create_topics
from schemas import wire
from schemas.errors import BrokerUnavailableError
from schemas.events import Decision, Reward
from schemas.topics import full_name

from .outcomes import outcomes, spec

NOW = int(time.time() * 1000)
HOUR = 3_600_000
ASKED = f"r-{(NOW - 1_420_070_400_000) << 22}-0"


@pytest.mark.kafka
class TestFromTheLog:
    @pytest.fixture
    async def log(self, kafka, deployment_prefix):
        bootstrap, prefix = kafka.bootstrap_servers, deployment_prefix
        await create_topics(bootstrap, prefix=prefix, partitions=1)
        await apply_specs(bootstrap, prefix, [spec("guild-1"), spec("guild-2")])
        mine = list(outcomes(1, 300, "guild-1", begin_ms=NOW - 10 * HOUR))
        others = list(outcomes(2, 300, "guild-2", begin_ms=NOW - 10 * HOUR))
        async with clients.producer(bootstrap) as producer:
            sent = []
            for pair in zip(mine, others, strict=True):
                for ordinal, each in enumerate(pair):
                    numbered = type(each)(
                        2 * each.ordinal + ordinal, *(getattr(each, name) for name in each.__struct_fields__[1:])
                    )
                    key, value = each.decision.tenant.encode(), wire.encode(numbered)
                    sent.append(await producer.send(full_name("outcomes", prefix), value, key))
                    if each.ordinal % 7 == 0:  # a worker that came back wrote it again
                        sent.append(await producer.send(full_name("outcomes", prefix), value, key))
            await asyncio.gather(*sent)
        return bootstrap, prefix

    async def test_a_guild_sees_its_own_outcomes_once(self, log):
        figures = KafkaFigures(*log)
        first, again, other = await asyncio.gather(
            figures.guild("guild-1", ["model_routing"]),
            figures.guild("guild-1", ["model_routing", "user_engagement"]),
            figures.guild("guild-2", ["model_routing"]),
        )
        found = first["domains"]["model_routing"]
        assert first == again
        assert first["whole"]
        assert found["outcomes"] == 300
        assert found["cost"] == pytest.approx(sum(each.observations["cost"] for each in outcomes(1, 300)))
        assert other["domains"]["model_routing"]["cost"] != found["cost"]
        assert found["cost_cut"]["lower"] < found["cost_cut"]["estimate"] < found["cost_cut"]["upper"]
        assert (await figures.guild("guild-3", ["model_routing"]))["domains"] == {}

    async def test_a_long_log_is_read_only_at_its_end(self, log):
        figures = KafkaFigures(*log, FiguresLimits(most_outcomes=10))
        found = await figures.guild("guild-1", ["model_routing"])
        assert found["domains"]["model_routing"]["outcomes"] >= 10

    async def test_a_decision_is_explained_from_the_log(self, log):
        bootstrap, prefix = log
        figures = KafkaFigures(*log, FiguresLimits(open_kept_s=0.0))
        assert await figures.explanation("guild-1", ASKED) is None
        last = next(iter(outcomes(1, 1))).decision
        decision = Decision(ASKED, *(getattr(last, name) for name in last.__struct_fields__[1:]))
        reward = Reward(f"{ASKED}:thumbs", "guild-1", ASKED, {"thumbs": 1.0})
        async with clients.producer(bootstrap) as producer:
            for topic, event in (("decisions", decision), ("rewards", reward)):
                await producer.send_and_wait(full_name(topic, prefix), wire.encode(event), b"guild-1")
        found = await figures.explanation("guild-1", ASKED)
        assert found is not None
        assert (found["id"], found["arm"], found["ended"]) == (ASKED, decision.arm, "open")
        assert found["observations"] == {"thumbs": 1.0}
        assert await figures.explanation("guild-2", ASKED) is None


async def test_without_kafka_nobody_waits_long():
    """Neither where nothing listens, nor where something accepts and never answers."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        for address in ("127.0.0.1:1", f"127.0.0.1:{silent.getsockname()[1]}"):
            figures = KafkaFigures(address, limits=FiguresLimits(connecting_s=0.3, explanation_s=0.1, guild_s=0.1))
            begun = time.monotonic()
            assert await figures.explanation("guild-1", ASKED) is None
            with pytest.raises(BrokerUnavailableError):
                await figures.guild("guild-1", ["model_routing"])
            assert time.monotonic() - begun < 5.0


def test_an_id_says_when_it_was_asked():
    assert asked_at_ms(ASKED) == NOW
    for other in ("x", "r-12x-0", "r-1-2-3", "r--0", "r-" + "9" * 30 + "-0"):
        assert asked_at_ms(other) is None
