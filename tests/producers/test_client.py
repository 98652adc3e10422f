import asyncio

import numpy as np
import pytest
from scripted_router import read_all, scripted_router

from infra.kafka.topics import create_topics
from producers.client import CroupierClient, pack
from schemas import wire
from schemas.errors import BrokerUnavailableError, TopicsMismatchError
from schemas.partitioning import partition

pytestmark = pytest.mark.kafka

PARTITIONS = 4
ARMS = ("a", "b", "c")


def by_id(context):
    arms = context.eligible or ARMS
    return arms[sum(context.id.encode()) % len(arms)]


@pytest.fixture
async def deployment(kafka, deployment_prefix):
    await create_topics(kafka.bootstrap_servers, prefix=deployment_prefix, partitions=PARTITIONS)
    return kafka.bootstrap_servers, deployment_prefix


async def test_everyone_gets_the_decision_that_was_asked_for(deployment):
    """Fifty requests at one time, of two tenants with the same ids, each get their own first decision record."""
    bootstrap, prefix = deployment
    async with (
        scripted_router(bootstrap, prefix, by_id, ARMS, twice=True, noise=True) as router,
        CroupierClient(bootstrap, prefix=prefix) as croupier,
    ):
        asked = [(tenant, f"id{i}") for i in range(25) for tenant in ("north", "south")]
        decisions = await asyncio.gather(
            *(
                croupier.decide(tenant, "model_routing", [float(i), 1.0], id=id_)
                for i, (tenant, id_) in enumerate(asked)
            )
        )
    for i, ((tenant, id_), decision) in enumerate(zip(asked, decisions, strict=True)):
        assert (decision.tenant, decision.id) == (tenant, id_)
        assert np.frombuffer(decision.features, "<f4").tolist() == [float(i), 1.0]
        assert decision.arm == ARMS[sum(id_.encode()) % 3], "the first record wins"
    for key, placed, context in router.seen:
        assert key == context.tenant.encode()
        assert placed == partition(context.tenant, PARTITIONS)


async def test_eligible_arms_and_rewards_travel(deployment):
    """Narrowed arms reach the router; rewards in parts are in the topic when the calls return, keyed by tenant."""
    bootstrap, prefix = deployment
    async with (
        scripted_router(bootstrap, prefix, by_id, ARMS),
        CroupierClient(bootstrap, prefix=prefix) as croupier,
    ):
        decision = await croupier.decide("north", "model_routing", np.zeros(3), eligible=["b"])
        assert decision.arms == ("b",)
        await croupier.reward(decision, {"cost": 0.01}, id="first")
        await croupier.reward(decision, {"success": 1})
        records = await read_all(bootstrap, f"{prefix}rewards")
    rewards = [wire.decode("rewards", record.value) for record in records]
    assert [reward.observations for reward in rewards] == [{"cost": 0.01}, {"success": 1.0}]
    assert {(reward.tenant, reward.decision) for reward in rewards} == {("north", decision.id)}
    assert rewards[0].id == "first"
    assert rewards[0].id != rewards[1].id
    assert {record.key for record in records} == {b"north"}


async def test_bad_requests_are_refused_before_they_are_sent(deployment):
    """What readers would put into dead-letters raises here, says what was wrong, and leaves the topics empty."""
    bootstrap, prefix = deployment
    async with (
        scripted_router(bootstrap, prefix, by_id, ARMS) as router,
        CroupierClient(bootstrap, prefix=prefix) as croupier,
    ):
        for features, message in (([1.0, float("nan")], "feature 1 is nan"), ([[1.0]], "shape"), ([1e300], "finite")):
            with pytest.raises(ValueError, match=message):
                await croupier.decide("north", "model_routing", features)
        for tenant, id_, match in (
            ("", None, "tenant|length"),
            ("north", "x" * 200, "length"),
            ("north", "", "length"),
        ):
            with pytest.raises(ValueError, match=match):
                await croupier.decide(tenant, "model_routing", [1.0], id=id_)
        decision = await croupier.decide("north", "model_routing", [1.0])
        with pytest.raises(ValueError, match="finite"):
            await croupier.decide("north", "model_routing", [float("inf"), None], missing=True)
        for observations in ({}, {"cost": -1.0}, {"success": 2.0}, {"quality": float("inf")}):
            with pytest.raises(ValueError, match="not sent to rewards"):
                await croupier.reward(decision, observations)
        assert await read_all(bootstrap, f"{prefix}rewards") == []
    assert len(router.seen) == 1


async def test_no_answer_is_a_timeout_that_says_where_to_look(deployment):
    """Without a router asking ends with TimeoutError; the id can then be asked again, but not twice at one time."""
    bootstrap, prefix = deployment
    async with CroupierClient(bootstrap, prefix=prefix) as croupier:
        with pytest.raises(TimeoutError, match="dead-letters"):
            await croupier.decide("north", "model_routing", [1.0], id="one", timeout=0.05)
        asking = asyncio.create_task(croupier.decide("north", "model_routing", [1.0], id="one", timeout=60))
        await asyncio.sleep(0)
        with pytest.raises(ValueError, match="awaited already"):
            await croupier.decide("north", "model_routing", [1.0], id="one")
        async with scripted_router(bootstrap, prefix, by_id, ARMS):
            assert (await asking).id == "one"


async def test_closing_ends_those_who_wait(deployment):
    """A request in flight does not hang when its client is closed, and a closed client refuses."""
    bootstrap, prefix = deployment
    async with CroupierClient(bootstrap, prefix=prefix) as croupier:
        asking = asyncio.create_task(croupier.decide("north", "model_routing", [1.0], timeout=60))
        while not await read_all(bootstrap, f"{prefix}contexts"):
            pass
    with pytest.raises(ConnectionError, match="closed"):
        await asking
    with pytest.raises(ConnectionError, match="not connected"):
        await croupier.decide("north", "model_routing", [1.0])


async def test_unreachable_deployments_are_named(kafka, deployment_prefix):
    """Missing topics and a missing broker are told apart, with what to do."""
    with pytest.raises(TopicsMismatchError, match="topics create"):
        async with CroupierClient(kafka.bootstrap_servers, prefix=deployment_prefix):
            pass
    with pytest.raises(BrokerUnavailableError, match=r"127\.0\.0\.1:1"):
        async with CroupierClient("127.0.0.1:1"):
            pass


def test_features_travel_as_little_endian_float32():
    """Lists, float64 and float32 arrays of any byte order give the same bytes."""
    expected = b"\x00\x00\x80\x3f\x00\x00\x00\xc0"
    for features in ([1, -2], np.array([1.0, -2.0]), np.array([1.0, -2.0], dtype=">f4")):
        assert pack(features) == expected
