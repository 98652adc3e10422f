"""The real bot, stores, journal and providers, at the local Discord and the local models; decisions are made here."""

import asyncio
from contextlib import asynccontextmanager

import numpy as np
from msgspec.structs import replace

from infra.standins.models import ModelServer
from producers.deciding import Choice, SpoolFullError
from producers.discord.asking import setup as asking
from producers.discord.bot import CroupierBot, Parts
from producers.discord.pace import Pace
from producers.discord.people import LocalPeople
from producers.discord.settings import LocalSettings
from producers.discord.settings.membership import setup as membership
from producers.discord.setups import SETUPS
from producers.providers import Catalogue, Model, Provider, Providers
from schemas.events import Decision
from tests.discord.housed import Enrolled
from tests.standins.clients import QUICK, connected

MODELS = ("small", "large", "seeing")
#: The parts that questions need, without those that decide about something else afterwards.
ASKING = (membership, asking)
PACE = Pace(typing_after=0.05, linger=0.05, deliver=20.0, sweep=0.2, stop=1.0)


class Deciding:
    """`Deciding` in memory: chooses `chosen` where it may.  `there`: whether Kafka is; `full`: the spool."""

    def __init__(self, chosen="large"):
        self.chosen = chosen
        self.there = True
        self.full = False
        self.decided = {}
        self.rewards = {}  # by decision: observations, the first of each component, as the joiner has it
        self.sent = []  # (decision, id, observations)

    async def decide(self, tenant, domain, features, *, fallback, eligible, restrictions=None, unit=None, **named):
        id = named["id"]  # noqa: A001 - the field's name on the wire
        assert id not in self.decided, "a decision is asked for once"
        first = self.chosen if self.chosen in eligible else eligible[0]
        ranking = (first, *(arm for arm in eligible if arm != first))
        packed = np.full(len(eligible), 1 / len(eligible), "<f4").tobytes()
        seen = np.asarray(features, "<f4").tobytes()
        decision = Decision(
            id, tenant, domain, tuple(eligible), eligible.index(first), packed, packed, seen, "learned", 1, 0, 300_000,
            (), 0, unit, None, None, restrictions,
        )  # fmt: skip
        self.decided[id] = decision
        if not self.there:
            return Choice(id, tenant, domain, fallback[0], tuple(fallback), "unreachable", None, 0.0)
        return Choice(id, tenant, domain, first, ranking, "decided", decision, 1.0)

    async def observe(self, tenant, decision, observations, *, id):  # noqa: A002
        if self.full:
            raise SpoolFullError("the spool is full")
        self.sent.append((decision, id, dict(observations)))
        known = self.rewards.setdefault(decision, {})
        for name, value in observations.items():
            known.setdefault(name, value)


class Chosen(Deciding):
    """Decides as it is told, by domain, and notes what it is asked."""

    def __init__(self, **arms):
        super().__init__()
        self.arms = arms
        self.asked = []

    async def decide(self, tenant, domain, features, **named):
        self.chosen = self.arms.get(domain, "small")
        self.asked.append((domain, named))
        return await super().decide(tenant, domain, features, **named)


class _Bot(CroupierBot):
    async def setup_hook(self):
        await super().setup_hook()
        await self.tree.sync()

    async def before_identify_hook(self, shard_id, *, initial=False):
        """discord.py waits 5 s here for the identify limit of a small bot."""


def catalogue(server):
    provider = Provider("openai", f"{server.url}/v1")

    def model(name, price, *capabilities):
        return Model("local", name, price, 4 * price, 16_000, 2_000, capabilities=frozenset(capabilities))

    models = {"small": model("small", 0.1), "large": model("large", 1.0), "seeing": model("seeing", 2.0, "vision")}
    return Catalogue({"local": provider}, models)


@asynccontextmanager
async def answering(local, directory, models, *, deciding=None, pace=PACE, setups=SETUPS, figures=None, **options):
    """A bot that is ready; a second one after it, with the same directory, goes on from what the first one kept.

    Leaving it is what SIGKILL is to answers: nothing waits for them.
    """
    people = LocalPeople(directory / "people.sqlite3")
    stored = LocalSettings(directory / "settings.sqlite3", Enrolled())
    deciding = deciding or Deciding()
    async with Providers(catalogue(models)) as providers:
        parts = Parts(
            deciding,
            providers,
            people,
            stored,
            figures,
            MODELS,
            directory,
            prices=lambda arm, request: MODELS.index(arm) * 0.01,
            pace=pace,
            **options,
        )
        try:
            async with connected(_Bot(parts, setups, guild_ready_timeout=QUICK), local) as bot:
                bot.deciding = deciding
                try:
                    yield bot
                finally:
                    await killed(bot)
        finally:
            people.close()
            stored.close()


async def killed(bot):
    """Its answers end where they are, as far as the event loop has ends."""
    bot.stopping = True
    tasks = [*bot.answerer._tasks._tasks.values()]
    for each in tasks:
        each.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def served(**options):
    """The local models by the names of MODELS."""
    return ModelServer(dict.fromkeys(MODELS, 16_000), **options)


def with_settings(bot, tenant, **changes):
    return bot.parts.settings.change(tenant, replace(bot.parts.settings.of(tenant), **changes))


def answers_to(local, question):
    """The bot's messages that answer a message: those that refer to it, and those that refer to the first of these."""
    mine = [
        each for each in question.channel.messages.values() if each.author is local.bot and each.reply_to is not None
    ]
    first = [each for each in mine if each.reply_to.id == question.id]
    return first + [each for each in mine if first and each.reply_to.id == first[0].id]
