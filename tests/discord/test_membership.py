"""The domains of every guild are seen to; when the bot is removed from one, its people are forgotten."""

from producers.discord.ports import Past
from producers.discord.settings.membership import setup
from producers.discord.tenants import tenant_of

from .housed import Enrolled, housed


async def test_guilds_that_are_there_and_those_that_come_are_enrolled_in_their_language(local, tmp_path):
    here = local.guild("Home", locale="de")
    enrolled = Enrolled()
    async with housed(local, tmp_path, setup, enrolled=enrolled) as bot:
        await local.until(lambda _: len(enrolled.asked) == 2)
        new = local.guild("Club", locale="fr")
        await local.until(lambda _: len(enrolled.asked) == 3)
        assert {tenant for tenant, _ in enrolled.asked} == {"direct", tenant_of(here.id), tenant_of(new.id)}
        languages = [bot.parts.settings.of(tenant_of(guild.id)).language for guild in (here, new)]
        assert languages == ["de", "en"]


async def test_an_outage_of_a_guild_changes_nothing_and_a_removal_forgets_its_people(local, tmp_path):
    guild = local.guild("Home", locale="de")
    ada = local.person("Ada", guild)
    tenant = tenant_of(guild.id)
    async with housed(local, tmp_path, setup) as bot:
        people = bot.parts.people
        unit = people.unit(tenant, ada.id)
        await people.asked(tenant, ada.id)
        direct = people.unit("direct", ada.id)
        local.world.outage(guild)
        await local.until(lambda _: bot.guilds[0].unavailable)
        local.world.outage(guild, over=True)
        await local.until(lambda _: not bot.guilds[0].unavailable)
        assert people.unit(tenant, ada.id) == unit
        local.world.remove_bot(guild)
        await local.until(lambda _: people.past(tenant, ada.id) == Past())
        assert people.unit(tenant, ada.id) != unit
        assert people.unit("direct", ada.id) == direct
        assert bot.parts.settings.of(tenant).language == "de"
