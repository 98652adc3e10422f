"""Posts in channels that a guild has chosen: summarised or left alone as was decided, and what people make of it."""

from contextlib import asynccontextmanager

import pytest

from infra.standins.discord import Permission
from infra.standins.models import Fault
from producers.discord.analysis.cog import ContentAnalysis
from producers.discord.ports import CONTENT_ANALYSIS
from producers.discord.tenants import tenant_of
from producers.discord.words import say
from tests.discord.answering_bot import PACE, Chosen, answering, answers_to, served, with_settings
from tests.discord.site import limits, site

__all__ = ["site"]

POST = "Glaciers are rivers of ice. They flow downhill under their own weight. " * 14
NOTES = b"Minutes of the meeting. We decided to buy a boat. It costs 900 euros. Ada will look for one until May. " * 9


@asynccontextmanager
async def analysing(local, tmp_path, arm, *, pace=PACE, language="en", **options):
    """A guild with analysis on in #posts: (guild, bot, models, the decisions)."""
    guild = local.guild("Home", "posts", "general")
    deciding = Chosen(content_analysis=arm)
    async with served() as models, answering(local, tmp_path, models, deciding=deciding, pace=pace, **options) as bot:
        channels = frozenset({guild.find("posts").id})
        await with_settings(bot, tenant_of(guild.id), analysis_channels=channels, language=language)
        yield guild, bot, models, deciding


def acted(deciding, post):
    return deciding.rewards.get(f"a-{post.id}-0", {})


async def test_a_long_post_is_summarised_in_reply_and_a_thumb_says_it_was_wanted(local, tmp_path):
    async with analysing(local, tmp_path, "quick", language="de") as (guild, bot, _, deciding):
        ada, bea = local.person("Ada", guild), local.person("Bea", guild)
        posts, general = guild.find("posts"), guild.find("general")
        ada.post(general, POST)
        ada.post(posts, "short")
        post = ada.post(posts, POST)
        await local.until(lambda _: acted(deciding, post))
        (answer,) = answers_to(local, post)
        assert answer.content.startswith(f"**{say('de', 'analysis.summary')}** Glaciers")
        assert answer.content.endswith(f"-# {say('de', 'analysis.foot')}")
        assert not answer.mentions
        observed = acted(deciding, post)
        assert (observed["success"], observed["error"]) == (1.0, 0.0)
        assert observed["cost"] > 0.0
        assert observed["latency_ms"] > 0.0
        await (bea.click(answer, "👍")).answered()
        assert acted(deciding, post)["thumbs"] == acted(deciding, post)["wanted"] == 1.0
        bea.react(answer, "👎")
        bea.post(posts, "That is what I think, too", reply_to=answer)
        await local.until(lambda _: "replied" in acted(deciding, post) and "reaction" in acted(deciding, post))
        assert acted(deciding, post)["wanted"] == 1.0, "the first one counts"
        asked = [named for domain, named in deciding.asked if domain == CONTENT_ANALYSIS]
        assert [named["id"] for named in asked] == [f"a-{post.id}-0"], "nothing else was decided about"
        assert asked[0]["fallback"] == ("skip",)
        assert str(ada.id) not in str(deciding.asked)
        assert bot.parts.settings.spent_this_month(tenant_of(guild.id)) == pytest.approx(observed["cost"])


async def test_a_skip_is_wrong_when_somebody_asks_for_a_summary(local, tmp_path):
    async with analysing(local, tmp_path, "skip") as (guild, _, _, deciding):
        ada, bea = local.person("Ada", guild), local.person("Bea", guild)
        post = ada.post(guild.find("posts"), POST)
        await local.until(lambda _: acted(deciding, post))
        assert acted(deciding, post) == {"success": 1.0, "error": 0.0, "cost": 0.0}
        asked = bea.use_on(post, "Summarise")
        await local.until(lambda _: acted(deciding, post).get("requested"))
        assert acted(deciding, post)["wanted"] == 0.0
        shown = await asked.until(lambda said: [each for each in said.messages if "Key points" in each.content])
        assert shown[0].ephemeral
        assert not answers_to(local, post), "nobody else is told"


async def test_a_file_is_read_and_its_key_points_told(local, tmp_path):
    async with analysing(local, tmp_path, "full") as (guild, _, models, deciding):
        models.bodies = []
        ada = local.person("Ada", guild)
        post = ada.post(guild.find("posts"), "", files={"minutes.txt": NOTES, "photo.png": b"\x89PNG" + bytes(900)})
        await local.until(lambda _: acted(deciding, post))
        (answer,) = answers_to(local, post)
        assert "**Key points**\n- " in answer.content
        assert "**Worth checking**\n1. " in answer.content
        (body,) = models.bodies
        assert 'source name="minutes.txt"' in body["messages"][1]["content"]
        assert "PNG" not in body["messages"][1]["content"]


async def test_who_deletes_a_post_deletes_its_summary_and_who_deletes_a_summary_did_not_want_it(local, tmp_path):
    async with analysing(local, tmp_path, "quick") as (guild, _, _, deciding):
        ada = local.person("Ada", guild)
        moderator = local.person("Mo", guild, permissions=Permission.MANAGE_MESSAGES)
        first, second = (ada.post(guild.find("posts"), POST) for _ in range(2))
        await local.until(lambda _: acted(deciding, first) and acted(deciding, second))
        (of_first,), (of_second,) = answers_to(local, first), answers_to(local, second)
        ada.delete(first)
        await local.until(lambda _: of_first.deleted)
        moderator.delete(of_second)
        await local.until(lambda _: acted(deciding, second).get("deleted"))
        assert acted(deciding, second)["wanted"] == 0.0
        assert "deleted" not in acted(deciding, first)


async def test_without_money_or_models_there_is_nothing_to_choose_and_nobody_is_bothered(local, tmp_path):
    async with analysing(local, tmp_path, "full") as (guild, bot, models, deciding):
        ada, tenant = local.person("Ada", guild), tenant_of(guild.id)
        models.faults.set(Fault("fail"))
        failed = ada.post(guild.find("posts"), POST)
        await local.until(lambda _: acted(deciding, failed))
        assert acted(deciding, failed)["error"] == 1.0
        models.faults.set()
        await with_settings(bot, tenant, monthly_budget_usd=0.01)
        await bot.parts.settings.spend(tenant, 0.02)
        broke = ada.post(guild.find("posts"), POST)
        await local.until(lambda _: acted(deciding, broke))
        _, named = deciding.asked[-1]
        assert named["eligible"] == ["skip"]
        assert named["restrictions"] == {"quick": "budget", "full": "budget"}
        said = await ada.use_on(broke, "Summarise").answered()
        assert said.content == say("en", "analysis.budget")
        assert not answers_to(local, failed) + answers_to(local, broke)


async def test_silence_is_recorded_and_a_fallback_is_learned_nothing_from(local, tmp_path):
    pace = type(PACE)(**{**{name: getattr(PACE, name) for name in PACE.__struct_fields__}, "unasked": 0.3})
    async with analysing(local, tmp_path, "skip", pace=pace) as (guild, _, _, deciding):
        ada = local.person("Ada", guild)
        post = ada.post(guild.find("posts"), POST)
        await local.until(lambda _: "wanted" in acted(deciding, post))
        assert (acted(deciding, post)["requested"], acted(deciding, post)["wanted"]) == (0.0, 0.5)
        deciding.there = False
        fallback = ada.post(guild.find("posts"), POST)
        await local.until(lambda _: acted(deciding, fallback))
        after = ada.post(guild.find("posts"), POST)
        deciding.there = True
        await local.until(lambda _: acted(deciding, after))
        assert "wanted" not in acted(deciding, fallback)


async def test_a_page_behind_a_link_is_summarised_where_that_is_allowed(local, tmp_path, site):
    async def reading(bot):
        await bot.add_cog(ContentAnalysis(bot, bot.aftermath, limits=limits(site)))

    async with analysing(local, tmp_path, "full", setups=(reading,)) as (guild, _, models, deciding):
        models.bodies = []
        ada = local.person("Ada", guild)
        post = ada.post(guild.find("posts"), f"look: {site.url('/moved')}")
        await local.until(lambda _: acted(deciding, post))
        assert site.hits == ["/moved", "/page"]
        (body,) = models.bodies
        assert 'name="Ice & rivers"' in body["messages"][1]["content"]
        (answer,) = answers_to(local, post)
        assert "Slowly but surely" in answer.content
        assert "http" not in answer.content


async def test_a_link_to_the_inside_is_never_followed(local, tmp_path):
    """The bot's own host: the post has nothing to read, and no model is asked."""
    async with analysing(local, tmp_path, "full", fetch_links=True) as (guild, _, models, deciding):
        ada = local.person("Ada", guild)
        post = ada.post(guild.find("posts"), f"http://{local.address}/secret and http://localhost/ and http://[::1]/")
        await local.until(lambda _: acted(deciding, post))
        assert acted(deciding, post) == {"success": 0.0, "error": 1.0, "cost": 0.0}
        assert not models.faults.seen
        assert not answers_to(local, post)
