"""The real bot with real stores on disk, at the local Discord: for parts that need no model and no Kafka."""

from contextlib import asynccontextmanager

from producers.discord.bot import CroupierBot, Parts
from producers.discord.people import LocalPeople
from producers.discord.settings import LocalSettings
from tests.standins.clients import QUICK, connected

MODELS = ("large", "small", "tiny")


class Enrolled:
    """Notes what is to be brought into force; `there`: whether Kafka is."""

    def __init__(self, there=True):
        self.asked = []
        self.there = there

    async def enrol(self, tenant, settings, within=3.0):
        self.wants(tenant, settings)
        return self.there

    def wants(self, tenant, settings):
        self.asked.append((tenant, settings))

    def usual_prices(self):
        return {"large": 0.02, "small": 0.00042, "tiny": 0.0}

    def least_budget(self, settings):
        return {"large": 0.05, "small": 0.02, "tiny": 0.0}[(settings.models or MODELS)[-1]]


class _Bot(CroupierBot):
    async def setup_hook(self):
        await super().setup_hook()
        await self.tree.sync()


@asynccontextmanager
async def housed(local, directory, *setups, enrolled=None, models=MODELS):
    """A bot that is ready, with the stores in `directory`; a second one after it finds what the first one kept."""
    people = LocalPeople(directory / "people.sqlite3")
    settings = LocalSettings(directory / "settings.sqlite3", enrolled or Enrolled())
    parts = Parts(None, None, people, settings, None, models, directory)
    try:
        async with connected(_Bot(parts, setups, guild_ready_timeout=QUICK), local) as bot:
            yield bot
    finally:
        people.close()
        settings.close()
