"""Admins see what is in force and change it; others can not. Whatever they click, it answers and keeps its word."""

import doctest

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.standins.discord import Permission
from producers.discord.ports import GuildSettings
from producers.discord.settings import changes
from producers.discord.settings.changes import CAPS, DOMAINS, Offer, RefusedError, changed, check_budget
from producers.discord.settings.cog import setup
from producers.discord.settings.pages import PAGES, Shown, controls, text
from producers.discord.tenants import tenant_of
from producers.discord.words import languages, say

from .housed import MODELS, Enrolled, housed

OFFER = Offer(MODELS, {"large": 0.02, "small": 0.00042, "tiny": 0.0})


@pytest.mark.parametrize(
    ("what", "values", "expected"),
    [
        ("models-0", ["small"], {"models": ("small",)}),
        ("models-0", ["tiny", "large"], {"models": ("large", "tiny")}),
        ("allow-all", [], {"models": None}),
        ("budget", ["20"], {"monthly_budget_usd": 20.0}),
        ("budget", [" $12.5 "], {"monthly_budget_usd": 12.5}),
        ("budget", ["12,50"], {"monthly_budget_usd": 12.5}),
        ("budget", ["7 USD"], {"monthly_budget_usd": 7.0}),
        ("budget", [""], {"monthly_budget_usd": None}),
        ("language", ["de"], {"language": "de"}),
        ("channels", ["1", "2"], {"analysis_channels": frozenset({1, 2}), "analysis": True}),
        ("channels", [], {"analysis_channels": frozenset()}),
        ("analysis", [], {"analysis": False}),
        ("engagement", [], {"engagement": False}),
        ("cap", ["10"], {"engagement_per_day": 10}),
        ("domains", ["content_analysis"], {"routing": False, "analysis": True, "engagement": False}),
        ("content", [], {"content_features": True}),
    ],
)
def test_a_choice_changes_what_it_says_and_nothing_else(what, values, expected):
    before = GuildSettings(monthly_budget_usd=5.0)
    assert changed(before, what, values, OFFER) == msgspec.structs.replace(before, **expected)


@pytest.mark.parametrize(
    ("what", "values", "key"),
    [
        ("models-0", [], "no_model"),
        ("models-0", ["gone"], "unknown_model"),
        ("budget", ["much"], "amount"),
        ("budget", ["1,000"], "amount"),  # a thousand to one person, one to another
        ("budget", ["-5"], "amount"),
        ("budget", ["0"], "budget_range"),
        ("budget", ["99999999"], "budget_range"),
    ],
)
def test_what_can_not_be_is_refused_with_a_kind_word(what, values, key):
    with pytest.raises(RefusedError) as refused:
        changed(GuildSettings(), what, values, OFFER)
    assert refused.value.key == f"settings.refused_{key}"
    for language in languages():
        assert say(language, refused.value.key, **refused.value.values)


def test_a_budget_that_no_question_fits_in_is_refused():
    check_budget(GuildSettings(monthly_budget_usd=0.02), 0.02)
    check_budget(GuildSettings(), 0.02)
    with pytest.raises(RefusedError) as refused:
        check_budget(GuildSettings(monthly_budget_usd=0.01), 0.0264)
    assert refused.value.values == {"budget": "$0.01", "least": "$0.0264"}


def test_a_menu_of_models_leaves_those_of_the_others_alone():
    """Discord shows 25 in a menu; the rest is in the next one."""
    offer = Offer(tuple(f"m{number}" for number in range(60)))
    some = changed(GuildSettings(), "models-1", ["m30"], offer)
    assert some.models == (*offer.models[:25], "m30", *offer.models[50:])
    assert changed(some, "models-0", [], offer).models == ("m30", *offer.models[50:])


settings = st.builds(
    GuildSettings,
    language=st.sampled_from(languages()),
    routing=st.booleans(),
    models=st.none() | st.lists(st.sampled_from(MODELS), min_size=1, unique=True).map(tuple),
    monthly_budget_usd=st.none() | st.floats(0.01, 1e6),
    analysis=st.booleans(),
    analysis_channels=st.frozensets(st.integers(1, 2**63), max_size=100),
    engagement=st.booleans(),
    engagement_per_day=st.sampled_from(CAPS),
    content_features=st.booleans(),
)


@given(settings, st.sampled_from(["overview", *PAGES]), st.sampled_from(languages()), st.booleans())
def test_every_page_fits_a_message_and_offers_what_is_understood(chosen, page, language, direct):
    """At most 2,000 characters and five rows; every option of every menu is a choice that can be made."""
    shown = Shown(chosen, OFFER, 1.25, language, direct, chosen.analysis_channels)
    assert len(text(shown, page, say(language, "settings.saved_later"))) <= 2000
    items = controls(shown, page)
    assert 1 <= len(items) <= 5
    for item in items:
        what = item.custom_id.removeprefix("settings:")
        for option in getattr(item, "options", ()):
            if what != "page":
                changed(chosen, what, [option.value], OFFER)
        if what in {"analysis", "engagement", "content", "allow-all"}:
            changed(chosen, what, [], OFFER)


def test_examples():
    assert doctest.testmod(changes).failed == 0


def test_models_are_shown_with_what_a_question_costs():
    menu, *_ = controls(Shown(GuildSettings(), OFFER, 0.0, "en", False), "models")
    prices = [option.description for option in menu.options]
    assert prices == ["about $0.02 a question", "about $0.00042 a question", "costs nothing"]


async def test_an_admin_sees_and_changes_settings(local, tmp_path):
    """From the command through menus, switches and the form; what is chosen is on disk and enrolled."""
    guild = local.guild("Home", "general", "papers")
    tenant, channel = tenant_of(guild.id), guild.find("general")
    admin = local.person("Ada", guild, permissions=Permission.MANAGE_GUILD)
    enrolled = Enrolled()
    async with housed(local, tmp_path, setup, enrolled=enrolled) as bot:
        store = bot.parts.settings
        await store.spend(tenant, 1.25)
        opened = await admin.use(channel, "settings").answered()
        assert opened.ephemeral
        for part in ("all 3, and new ones", "no limit ($1.25 spent this month)", "English", "at most 3 a day"):
            assert part in opened.content

        async def choose(page):
            asked = admin.select(opened, [page])
            await asked.until(lambda done: done.acknowledged)

        async def done(asked, word="✅"):
            before = len(opened.versions)  # the word may stand there from the last time
            await asked.until(lambda _: len(opened.versions) > before and word in opened.content)
            return store.of(tenant)

        await choose("models")
        assert (await done(admin.select(opened, ["small"], "settings:models-0"))).models == ("small",)
        assert "**Models that may answer:** `small`" in opened.content
        await done(admin.select(opened, [], "settings:models-0"), "At least one model")
        assert store.of(tenant).models == ("small",)
        admin.click(opened, "Back")
        await local.until(lambda _: "## Settings" in opened.content)

        await choose("budget")
        form = admin.click(opened, "Enter an amount")
        await form.until(lambda asked: asked.modal)
        assert (
            await done(admin.submit(form, **{"US dollars a month; empty: no limit": "20"}))
        ).monthly_budget_usd == 20
        form = admin.click(opened, "Enter an amount")
        await form.until(lambda asked: asked.modal)
        await done(admin.submit(form, **{"US dollars a month; empty: no limit": "0.01"}), "not one question")
        assert store.of(tenant).monthly_budget_usd == 20

        admin.click(opened, "Back")
        await local.until(lambda _: "## Settings" in opened.content)
        await choose("analysis")
        papers = guild.find("papers")
        assert (await done(admin.select(opened, [papers], "settings:channels"))).analysis_channels == {papers.id}
        assert f"<#{papers.id}>" in opened.content
        assert not (await done(admin.click(opened, "Switch off"))).analysis

        admin.click(opened, "Back")
        await local.until(lambda _: "## Settings" in opened.content)
        await choose("language")
        await done(admin.select(opened, ["Deutsch"]), "Gespeichert")
        assert say("de", "settings.name_language") in opened.content

    assert enrolled.asked[-1] == (tenant, store.of(tenant))
    assert all(asked[0] == tenant for asked in enrolled.asked)


async def test_after_a_restart_an_open_message_still_works_and_says_that_kafka_is_away(local, tmp_path):
    guild = local.guild("Home", "general")
    admin = local.person("Ada", guild, permissions=Permission.MANAGE_GUILD)
    async with housed(local, tmp_path, setup):
        opened = await admin.use(guild.find("general"), "settings").answered()
    async with housed(local, tmp_path, setup, enrolled=Enrolled(there=False)) as bot:
        await admin.select(opened, ["engagement"]).until(lambda done: done.acknowledged)
        asked = admin.click(opened, "Switch off")
        await asked.until(lambda _: "told as soon as it is back" in opened.content)
        assert not bot.parts.settings.of(tenant_of(guild.id)).engagement


async def test_only_those_who_manage_the_server_change_its_settings(local, tmp_path):
    """The command is not offered to others; and who has lost the right since can not use an open message."""
    guild = local.guild("Home", "general")
    channel = guild.find("general")
    ben = local.person("Ben", guild)
    admin = local.person("Ada", guild, permissions=Permission.MANAGE_GUILD)
    async with housed(local, tmp_path, setup) as bot:
        assert "settings" in admin.commands(channel)
        assert "settings" not in ben.commands(channel)
        opened = await admin.use(channel, "settings").answered()
        guild.members[admin.id].roles.clear()
        refusal = await admin.select(opened, ["models"]).answered()
        assert refusal.ephemeral
        assert refusal.content == say("en", "settings.refused_permission")
        assert bot.parts.settings.of(tenant_of(guild.id)) == GuildSettings()


async def test_the_owner_of_the_bot_has_the_settings_of_direct_messages(local, tmp_path):
    ben = local.person("Ben")
    async with housed(local, tmp_path, setup) as bot:
        refused = await ben.use(ben.direct(), "settings").answered()
        assert refused.content == say("en", "settings.refused_owner")
        bot.owner_id = ben.id
        opened = await ben.use(ben.direct(), "settings").answered()
        assert opened.content.startswith(say("en", "settings.title_direct"))
        assert say("en", "settings.name_analysis") not in opened.content
        await ben.select(opened, ["domains"]).until(lambda done: done.acknowledged)
        asked = ben.select(opened, DOMAINS[:1], "settings:domains")
        await asked.until(lambda _: "✅" in opened.content)
        assert bot.parts.settings.of("direct") == GuildSettings(analysis=False, engagement=False)
