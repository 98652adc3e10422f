"""Permissions are what discord.py computes from the same roles and overwrites."""

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.standins.discord import Discord, Permission
from infra.standins.discord.rules import Rules
from infra.standins.discord.state.accounts import Role
from infra.standins.discord.state.world import World
from tests.standins.clients import Bot, connected

BITS = st.sets(st.sampled_from(list(Permission))).map(sum)
CHANNEL_BITS = BITS.map(lambda bits: bits & ~Permission.ADMINISTRATOR)
PAIR = st.tuples(CHANNEL_BITS, CHANNEL_BITS)


async def test_discord_py_agrees(local: Discord) -> None:
    """For random roles and overwrites: what the server allows the bot is what discord.py believes."""
    cases: list[tuple[int, int]] = []
    guilds = []

    @settings(max_examples=60, database=None)
    @given(everyone=BITS, role=BITS, extra=BITS, overwrites=st.lists(PAIR, min_size=4, max_size=4))
    def make(everyone: int, role: int, extra: int, overwrites: list[tuple[int, int]]) -> None:
        guild = local.guild("guild", "general", bot_permissions=role)
        guild.roles[guild.id].permissions = everyone
        second = Role(local.world.ids.next(), "second", extra)
        guild.roles[second.id] = second
        me = guild.members[local.bot.id]
        me.roles.append(second.id)
        targets = [(0, guild.id), (0, me.roles[0]), (0, second.id), (1, local.bot.id)]
        guild.find("general").overwrites.update(zip(targets, overwrites, strict=True))
        guilds.append(guild)

    make()
    known = sum(Permission)
    async with connected(Bot(), local) as bot:
        for guild in guilds:
            seen = bot.get_guild(guild.id)
            place = seen.get_channel(guild.find("general").id)
            believed = place.permissions_for(seen.me).value & known
            allowed = guild.find("general").permissions(local.bot.id) & known
            cases.append((allowed, believed if believed & Permission.VIEW_CHANNEL else 0))
    assert all(allowed == believed for allowed, believed in cases)
    assert len({allowed for allowed, _ in cases}) > 5


def test_the_owner_and_strangers() -> None:
    """A guild's owner may do everything, somebody who isn't a member nothing."""
    world = World(Rules())
    stranger = world.user("Stranger")
    guild = world.guild("guild")
    assert guild.find("general").permissions(world.owner.id) & Permission.ADMINISTRATOR
    assert guild.find("general").permissions(stranger.id) == 0
