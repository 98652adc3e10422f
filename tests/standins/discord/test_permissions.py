"""Permissions are what discord.py computes from the same roles and overwrites."""

import random

from infra.standins.discord import Discord, Permission
from infra.standins.discord.rules import Rules
from infra.standins.discord.state.accounts import Role
from infra.standins.discord.state.world import World
from tests.standins.clients import Bot, connected

CASES = 150


async def test_discord_py_agrees(local: Discord) -> None:
    """For random roles and overwrites: what the server allows the bot is what discord.py believes."""
    chance = random.Random(6)

    def some(share: float) -> int:
        return sum(bit for bit in Permission if bit is not Permission.ADMINISTRATOR and chance.random() < share)

    for _ in range(CASES):
        administrator = int(Permission.ADMINISTRATOR) if chance.random() < 0.1 else 0
        guild = local.guild("guild", "general", bot_permissions=some(0.3))
        guild.roles[guild.id].permissions = some(0.3)
        second = Role(local.world.ids.next(), "second", some(0.3) | administrator)
        guild.roles[second.id] = second
        me = guild.members[local.bot.id]
        me.roles.append(second.id)
        for target in ((0, guild.id), (0, me.roles[0]), (0, second.id), (1, local.bot.id)):
            guild.find("general").overwrites[target] = (some(0.3), some(0.3))
    known = sum(Permission)
    seen = set()
    async with connected(Bot(), local) as bot:
        for guild in local.world.guilds.values():
            theirs = bot.get_guild(guild.id)
            believed = theirs.get_channel(guild.find("general").id).permissions_for(theirs.me).value & known
            allowed = guild.find("general").permissions(local.bot.id) & known
            assert allowed == (believed if believed & Permission.VIEW_CHANNEL else 0)
            seen.add(allowed)
    assert len(seen) > CASES / 3


def test_the_owner_and_strangers() -> None:
    """A guild's owner may do everything, somebody who isn't a member nothing."""
    world = World(Rules())
    stranger = world.user("Stranger")
    guild = world.guild("guild")
    assert guild.find("general").permissions(world.owner.id) & Permission.ADMINISTRATOR
    assert guild.find("general").permissions(stranger.id) == 0
