"""The demo's second half: people in guilds of the local Discord ask the real bot, and say how they like its answers."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from infra.bot.settings import TEMPLATE
from infra.local import Deployment, Say
from producers.discord.ports import MODEL_ROUTING
from producers.replay.recording import Recording

from .bot_process import BotProcess
from .crowd import Crowd
from .figures import Beside, beside_strongest
from .following import Following, refusals
from .guilds import Guild, allow_models, make_guild
from .stage import Stage, staged

#: Each channel takes 5 messages in 5 seconds from a bot.
CHANNELS: Final = 16
PEOPLE: Final = 60
#: How long feedback is waited for; the template's minutes are for people who are not simulated.
HORIZON: Final = "15s"
_ANSWERED_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Shown:
    """What came of the people's questions."""

    guilds: Sequence[str]  # recording of each
    beside: Sequence[Beside]  # of each guild, then of all
    asked: int
    answered: int
    refused: int
    doubled: int
    fallback_share: float  # of the questions answered, those for which no decision came in time
    responses: int

    def as_json(self) -> dict[str, Any]:
        """The figures under stable names."""
        *each, together = self.beside
        return {
            "questions": self.asked,
            "answered": self.answered,
            "refused": self.refused,
            "doubled": self.doubled,
            "fallback_share": self.fallback_share,
            "responses": self.responses,
            **{name: value for name, value in together.as_json().items() if "share" in name},
            "guilds": [{"recording": name} | found.as_json() for name, found in zip(self.guilds, each, strict=True)],
        }


@dataclass(slots=True)
class Demonstration:
    """The bot on its stage, and the people before it."""

    stage: Stage
    bot: BotProcess
    crowd: Crowd

    async def play(self, questions: int, rate: float, say: Say) -> Shown:
        """Ask, respond, and count."""
        say(f"{len(self.crowd.guilds)} guilds: people ask {questions} recorded questions, {rate:g} a second")
        await self.crowd.ask(questions, rate)
        await self.crowd.answered(_ANSWERED_SECONDS)
        return await self._counted()

    async def _counted(self) -> Shown:
        everything = Following(self.stage.discord)  # from the beginning: answers as they are now
        while await everything.look():
            pass
        asked, refusal = self.crowd.asked, refusals()
        replies = {number: found for number, found in everything.replies.items() if number in asked}
        refused = {number for number, found in replies.items() if found[0].content in refusal}
        chosen = {
            how: value for name, value in (await self.bot.metrics()).items() if (how := _choice(name)) is not None
        }
        return Shown(
            [guild.recording.tenant for guild in self.crowd.guilds],
            beside_strongest(self.crowd.guilds, asked, replies),
            len(asked),
            len(replies) - len(refused),
            len(refused),
            sum(len(found) - 1 for found in replies.values()),
            (sum(chosen.values()) - chosen.get("decided", 0.0)) / max(sum(chosen.values()), 1.0),
            self.crowd.responses,
        )


@asynccontextmanager
async def demonstration(
    running: Deployment, recordings: Sequence[Recording], seed: int, say: Say
) -> AsyncIterator[Demonstration]:
    """The local Discord, local models and the bot, with a guild for each recording of model_routing."""
    template = running.home / "bot.toml"
    template.write_text(re.sub(r'^horizon = "[^"]*"', f'horizon = "{HORIZON}"', _template(), flags=re.MULTILINE))
    async with staged(running.home, discord=("--global-limit", "0"), models=("--first-token", "0.1")) as stage:
        guilds: list[Guild] = [
            await make_guild(stage.discord, each, channels=CHANNELS, people=PEOPLE)
            for each in recordings
            if each.domain == MODEL_ROUTING
        ]
        options = ("--template", str(template))
        servers, home = running.broker.bootstrap_servers, running.home
        async with BotProcess(stage, servers, home, prefix=running.prefix, options=options) as bot:
            await bot.ready()
            for guild in guilds:
                await allow_models(stage.discord, guild)
            say(f"the bot is in {len(guilds)} guilds of the local Discord; admins have allowed the recorded models")
            crowd = Crowd(stage.discord, guilds, Following(stage.discord), np.random.default_rng(seed))
            yield Demonstration(stage, bot, crowd)


def _template() -> str:
    return Path(TEMPLATE).read_text(encoding="utf-8")


def _choice(name: str) -> str | None:
    found = re.fullmatch(r'croupier_bot_choices_total\{how="(.*)"\}', name)
    return found[1] if found else None
