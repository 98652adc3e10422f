"""Summaries and suggestions are paid for like answers, whatever becomes of them."""

import asyncio

import pytest

from infra.standins.models import Fault
from producers.discord.drafting import Drafting
from producers.discord.settings.store import LocalSettings
from producers.providers import Unanswered

from .conftest import question


class _Enrolled:
    """Where there are no domains to change."""

    def wants(self, tenant, settings):
        pass


@pytest.fixture
def settings(tmp_path):
    store = LocalSettings(tmp_path / "bot.sqlite", _Enrolled())
    yield store
    store.close()


async def test_a_draft_is_paid_when_it_came_failed_or_was_cancelled(server, providers_of, settings):
    """What the stream's attempts cost is what the tenant has spent, also if nobody waited for the end."""
    drafting = Drafting(providers_of(), settings, ["strong", "cheap"])
    answer = await drafting.draft("t", question(), "a")
    spent = settings.spent_this_month("t")
    assert spent == answer.cost_usd > 0
    server.faults.set(Fault("cut", after_pieces=1))
    with pytest.raises(Unanswered) as failed:
        await drafting.draft("t", question(), "b")
    assert len(failed.value.attempts) == 2
    assert settings.spent_this_month("t") == spent + sum(each.cost_usd for each in failed.value.attempts)
    spent = settings.spent_this_month("t")
    server.faults.set(Fault("hang", after_pieces=1))
    task = asyncio.create_task(drafting.draft("t", question(), "c"))
    async with asyncio.timeout(10):
        while not server.open:
            await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert settings.spent_this_month("t") > spent
