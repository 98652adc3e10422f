"""People get what is kept of them, and it is gone when they say so, here or everywhere."""

import json

from producers.discord.people.cog import setup
from producers.discord.ports import GuildSettings, Past
from producers.discord.tenants import tenant_of
from producers.discord.words import say

from .housed import housed


async def _remember(people, tenant, user):
    unit = people.unit(tenant, user)
    await people.asked(tenant, user)
    await people.rated(tenant, user, 1.0)
    return unit


async def test_an_export_is_a_file_that_only_this_person_sees(local, tmp_path):
    guild, other = local.guild("Home"), local.guild("Club")
    ada = local.person("Ada", guild, other)
    tenant, club = tenant_of(guild.id), tenant_of(other.id)
    async with housed(local, tmp_path, setup) as bot:
        units = [await _remember(bot.parts.people, each, ada.id) for each in (tenant, club, "direct")]
        here = await ada.use(guild.find("general"), "privacy export").answered()
        everywhere = await ada.use(ada.direct(), "privacy export", where="everywhere").answered()
    assert here.ephemeral
    kept = [_document(message)["kept"] for message in (here, everywhere)]
    assert [place["pseudonym"] for place in kept[0]] == units[:1]
    assert {place["pseudonym"] for place in kept[1]} == set(units)
    assert kept[0][0]["questions"] == 1
    assert kept[0][0]["last_question_at"].startswith("20")
    assert "no text, no name and no id" in _document(here)["log_of_decisions"]
    assert str(ada.id) not in json.dumps(_document(here))


async def test_a_deletion_is_asked_for_once_more_and_then_final(local, tmp_path):
    """The button still works when the bot was started again in between."""
    guild, other = local.guild("Home"), local.guild("Club")
    ada = local.person("Ada", guild, other)
    tenant, club = tenant_of(guild.id), tenant_of(other.id)
    async with housed(local, tmp_path, setup) as bot:
        people = bot.parts.people
        units = [await _remember(people, each, ada.id) for each in (tenant, club)]
        asked = await ada.use(guild.find("general"), "privacy delete").answered()
        assert (asked.ephemeral, asked.content) == (True, say("en", "privacy.delete_question_here"))
        assert people.unit(tenant, ada.id) == units[0]  # nothing is deleted yet
    async with housed(local, tmp_path, setup) as bot:
        people = bot.parts.people
        await ada.click(asked, "Delete it").until(lambda _: "Deleted: 1 row" in asked.content)
        assert not asked.components
        assert people.past(tenant, ada.id) == Past()
        assert people.unit(club, ada.id) == units[1]
        assert people.unit(tenant, ada.id) != units[0]
        everywhere = await ada.use(guild.find("general"), "privacy delete", where="everywhere").answered()
        await ada.click(everywhere, "Delete it").until(lambda _: "Deleted: 2 rows" in everywhere.content)
        assert people.unit(club, ada.id) != units[1]
        nothing = await ada.use(ada.direct(), "privacy delete").answered()
        await ada.click(nothing, "Delete it").until(lambda _: "nothing to delete" in nothing.content)


async def test_opting_in_and_out_says_what_it_means_here(local, tmp_path):
    guild = local.guild("Home", locale="de")
    ada = local.person("Ada", guild)
    tenant, channel = tenant_of(guild.id), guild.find("general")
    async with housed(local, tmp_path, setup) as bot:
        people, store = bot.parts.people, bot.parts.settings
        unused = await ada.use(channel, "privacy opt-in").answered()
        assert unused.content == say("en", "privacy.opted_in_unused")
        assert people.consents(tenant, ada.id)
        await store.change(tenant, GuildSettings(content_features=True, language="de"))
        used = await ada.use(channel, "privacy opt-in").answered()
        assert used.content == say("de", "privacy.opted_in")
        about = await ada.use(channel, "privacy about").answered()
        assert say("de", "privacy.consent_yes") in about.content
        out = await ada.use(channel, "privacy opt-out").answered()
        assert out.content == say("de", "privacy.opted_out")
        assert not people.consents(tenant, ada.id)
        assert all(message.ephemeral for message in (unused, used, about, out))


def _document(message):
    (file,) = message.attachments
    return json.loads(file.data)
