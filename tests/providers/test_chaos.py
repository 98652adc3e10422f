"""Many requests at once, every fault, and people who leave: whatever happens is accounted for, and nothing is left."""

import asyncio
import random
from typing import get_args

import pytest
from msgspec.structs import replace

from infra.standins.models import Fault
from infra.standins.models.faults import Kind
from producers.providers import Unanswered, cost_usd
from producers.providers.catalogue import BreakerLimits, ThrottleLimits

from .conftest import LIMITS, MODELS, question

REQUESTS = 60


@pytest.fixture
def chance(protocol):
    return random.Random(protocol)


async def test_whatever_happens_is_accounted_for(server, providers_of, chance):
    """Every request that a provider saw is an attempt on record; of an answer the last attempt alone answered."""
    kinds = get_args(Kind)
    server.faults.set(
        *(
            Fault(
                kind,
                model,
                seconds=0.05,
                after_pieces=chance.randrange(3),
                pieces=chance.randrange(3),
                retry_after=chance.choice([None, 0.01, 5.0]),
                status=chance.choice([400, 401, 500, 529]),
                first=chance.randrange(1, 10),
                every=chance.randrange(5, 15),
            )
            for kind in kinds
            for model in MODELS
        )
    )
    limits = replace(
        LIMITS, first_token_s=0.4, between_tokens_s=0.4, total_s=2.0, hedge_after_s=0.1, retries=1, retry_within_s=0.5
    )
    providers = providers_of(
        limits=limits, breaker=BreakerLimits(failures=4, open_s=0.1), throttle=ThrottleLimits(share=1.0, burst=1000)
    )
    before = asyncio.all_tasks()
    streams, answers, failures = [], [], []

    async def one():
        ranking = chance.sample(list(MODELS), chance.randrange(1, 4))
        leaves = chance.random() < 0.2
        pieces, restarts = [], 0
        async with providers.stream(ranking, question()) as stream:
            streams.append(stream)
            try:
                async for piece in stream:
                    if stream.restarts > restarts:
                        restarts, pieces = stream.restarts, []
                    pieces.append(piece)
                    if leaves and len(pieces) == 2:
                        return
            except Unanswered as error:
                failures.append((error.attempts, stream.attempts))
                return
        assert stream.answer.text == "".join(pieces) and stream.answer.attempts == stream.attempts
        assert [each.how == "answered" for each in stream.attempts].index(True) == len(stream.attempts) - 1
        assert stream.attempts[-1].arm == stream.answer.arm in ranking
        answers.append(stream.answer)

    async def impatient():
        task = asyncio.create_task(one())
        done, _ = await asyncio.wait([task], timeout=chance.choice([0.05, 0.3, 10, 10, 10]))
        if not done:
            task.cancel()
            await asyncio.wait([task])
        if not task.cancelled():
            task.result()

    for _ in range(REQUESTS // 20):
        await asyncio.gather(*(impatient() for _ in range(20)))
    async with asyncio.timeout(10):
        while server.open or asyncio.all_tasks() - before - {asyncio.current_task()} - _of_server():
            await asyncio.sleep(0.01)
    attempts = [attempt for stream in streams for attempt in stream.attempts]
    assert len(answers) > 5 and {each.how for each in attempts} >= {"answered", "failed", "cancelled"}
    for told, recorded in failures:
        assert told == recorded and all(each.how != "answered" for each in told)
    for arm, model in providers.catalogue.models.items():
        own = [each for each in attempts if each.arm == arm and not each.detail.startswith("not asked")]
        assert server.faults.seen[arm] <= len(own)
        assert all(each.cost_usd == cost_usd(model, each.usage) >= 0 for each in own)
        assert all(each.cost_usd > 0 for each in own if each.how in ("answered", "cut", "cancelled"))


def _of_server():
    """Tasks of the local models' connections, which live as long as these are kept open."""
    return {each for each in asyncio.all_tasks() if "web_protocol" in repr(each)}
