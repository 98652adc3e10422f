"""Guilds of the local Discord whose people ask what was asked in a recording, and which allow its models."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from infra.standins.discord.permissions import Permission
from infra.standins.discord.remote import Remote
from producers.discord.tenants import tenant_of
from producers.replay.bundled import read
from producers.replay.recording import Recording
from schemas.errors import CroupierError

_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Guild:
    """One guild.  texts: of the recording's questions, by row."""

    recording: Recording
    texts: Sequence[str]
    id: int
    channels: Sequence[int]
    people: Sequence[int]

    @property
    def tenant(self) -> str:
        """Its tenant."""
        return tenant_of(self.id)


async def make_guild(discord: Remote, recording: Recording, *, channels: int, people: int) -> Guild:
    """A guild with so many channels and people, all of whom may manage it."""
    names = [f"{recording.tenant}-{number}" for number in range(1, channels + 1)]
    made = await discord.ask("make", channels=names, people=people, permissions=int(Permission.MANAGE_GUILD))
    (guild,) = made["guilds"]
    return Guild(recording, read(recording.tenant)["texts"], guild["id"], guild["channels"], guild["people"])


async def allow_models(discord: Remote, guild: Guild) -> None:
    """One of its people allows the recording's models and no others: `/settings`, models, and a choice in the menu."""
    admin, channel = guild.people[0], guild.channels[0]
    (command,) = await discord.act({"do": "use", "person": admin, "channel": channel, "command": "settings"})
    message = await _answer(discord, command, "")
    for menu, values in (("settings:page", ["models"]), ("settings:models-0", list(guild.recording.arms))):
        act = {
            "do": "select",
            "person": admin,
            "interaction": command,
            "message": message,
            "menu": menu,
            "values": values,
        }
        (chosen,) = await discord.act(act)
        await _acknowledged(discord, chosen)
    await _answer(discord, command, "✅")


async def _answer(discord: Remote, interaction: int, word: str) -> int:
    """The message that answers it, once the word is in it."""

    async def there() -> int | None:
        found = (await discord.ask("interactions", ids=[interaction]))[str(interaction)]["messages"]
        return next((each["id"] for each in found if word in each["content"] and not each["loading"]), None)

    deadline = time.monotonic() + _SECONDS
    while (message := await there()) is None:
        if time.monotonic() > deadline:
            raise CroupierError(f"the bot did not answer /settings within {_SECONDS:g} s: see its log")
        await asyncio.sleep(0.05)
    return message


async def _acknowledged(discord: Remote, interaction: int) -> None:
    deadline = time.monotonic() + _SECONDS
    while not (await discord.ask("interactions", ids=[interaction]))[str(interaction)]["acknowledged"]:
        if time.monotonic() > deadline:
            raise CroupierError(f"the bot did not acknowledge a choice in /settings within {_SECONDS:g} s: see its log")
        await asyncio.sleep(0.05)
