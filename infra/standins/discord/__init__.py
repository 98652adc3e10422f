"""A local Discord that the unmodified discord.py talks to over real sockets: REST API v10 and gateway v10.

    async with Discord() as discord:
        guild = discord.guild("Home", "general")
        ada = discord.person("Ada", guild)
        ...  # start a bot with discord.token, discord.api, discord.gateway.url
        ada.post(guild.find("general"), f"{discord.bot.mention} hello")
        answer = await guild.find("general").until(lambda said: [m for m in said if m.author is discord.bot])

The way in: `server.Discord` puts it together, `people.person.Person` is what people do, `rules.Rules` what clients are
held to, `faults.Faults` and `gateway.gateway.Gateway` what can break, `record.Record` what the bot asked for.  What is
covered and what not: docs/standins.md.
"""

from .people.components import buttons
from .people.person import Person
from .permissions import TALKING, Permission
from .rules import BUCKETS, Bucket, Rules
from .server import Discord
from .state.interactions import Answered, Interaction
from .state.messages import Message
from .state.places import Channel, Guild

__all__ = [
    "BUCKETS",
    "TALKING",
    "Answered",
    "Bucket",
    "Channel",
    "Discord",
    "Guild",
    "Interaction",
    "Message",
    "Permission",
    "Person",
    "Rules",
    "buttons",
]
