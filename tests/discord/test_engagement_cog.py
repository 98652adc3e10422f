"""After an answer a follow-up is offered as was decided, no more often than a guild allows, and taken up or not."""

from contextlib import asynccontextmanager

import pytest

from infra.standins.discord import Permission, buttons
from infra.standins.models import Fault
from producers.discord.engagement.offers import LONG_CONVERSATION
from producers.discord.ports import USER_ENGAGEMENT
from producers.discord.tenants import tenant_of
from tests.discord.answering_bot import PACE, Chosen, answering, answers_to, served, with_settings


@asynccontextmanager
async def engaging(local, tmp_path, arm, **settings):
    """A guild in which answers are followed by `arm`: (guild, bot, models, the decisions)."""
    guild = local.guild("Home", "general")
    deciding = Chosen(user_engagement=arm)
    async with served() as models, answering(local, tmp_path, models, deciding=deciding, pace=PACE) as bot:
        await with_settings(bot, tenant_of(guild.id), **settings)
        yield guild, bot, models, deciding


def ask(local, person, channel, text="how do glaciers move?", **options):
    return person.post(channel, f"{local.bot.mention} {text}", **options)


async def followed(local, deciding, question):
    """(the answer, the follow-up or None, what was observed of it), when it is known what was decided."""
    found = {}

    def known(_):
        found["answers"] = [each for each in answers_to(local, question) if each.components]
        if not found["answers"]:
            return False
        found["observed"] = deciding.rewards.get(f"e-{found['answers'][0].id}-0")
        return found["observed"] is not None

    await local.until(known)
    answer = found["answers"][0]
    after = [each for each in question.channel.messages.values() if each.reply_to is answer]
    return answer, after[0] if after else None, found["observed"]


async def test_a_suggested_question_is_asked_by_a_click(local, tmp_path):
    async with engaging(local, tmp_path, "questions") as (guild, _, _, deciding):
        general = guild.find("general")
        ada, bea = local.person("Ada", guild), local.person("Bea", guild)
        question = ask(local, ada, general)
        answer, offer, observed = await followed(local, deciding, question)
        assert offer is not None
        labels = buttons(offer)
        assert 1 <= len(labels) <= 3
        assert observed["success"] == 1.0
        assert observed["cost"] > 0.0
        pressed = bea.click(offer, labels[0])
        await local.until(lambda _: f"r-{pressed.id}-0" in deciding.rewards)
        assert observed["clicked"] == observed["wanted"] == 1.0
        assert deciding.rewards[f"r-{pressed.id}-0"]["success"] == 1.0
        (asked,) = [each for each in general.messages.values() if labels[0] in each.content and each is not offer]
        assert asked.content.startswith(f"> {labels[0]}")
        named = next(named for domain, named in deciding.asked if domain == USER_ENGAGEMENT)
        assert named["after"] == f"r-{question.id}-0"
        assert named["id"] == f"e-{answer.id}-0"
        assert named["restrictions"] == {"thread_summary": "capability"}


async def test_a_suggestion_can_be_taken_up_after_a_restart(local, tmp_path):
    """The question is the button's label: nothing of it has to be kept."""
    async with engaging(local, tmp_path, "questions") as (guild, _, _, deciding):
        ada = local.person("Ada", guild)
        _, offer, observed = await followed(local, deciding, ask(local, ada, guild.find("general")))
    async with served() as models, answering(local, tmp_path, models, deciding=deciding):
        pressed = ada.click(offer, buttons(offer)[0])
        await local.until(lambda _: f"r-{pressed.id}-0" in deciding.rewards)
        assert observed["clicked"] == 1.0


async def test_a_vote_says_that_the_poll_was_wanted(local, tmp_path):
    async with engaging(local, tmp_path, "poll") as (guild, _, _, deciding):
        ada = local.person("Ada", guild)
        _, offer, observed = await followed(local, deciding, ask(local, ada, guild.find("general")))
        assert offer is not None
        assert offer.poll is not None
        ada.vote(offer, 1)
        await local.until(lambda _: observed.get("voted"))
        assert observed["wanted"] == 1.0


async def test_a_long_conversation_is_summed_up(unlimited, tmp_path):
    async with engaging(unlimited, tmp_path, "thread_summary", engagement_per_day=99) as (guild, _, _, deciding):
        ada, general = unlimited.person("Ada", guild), guild.find("general")
        question = ask(unlimited, ada, general)
        answer, offer, _ = await followed(unlimited, deciding, question)
        while offer is None:
            question = ada.post(general, "and why is that?", reply_to=answer)
            answer, offer, _ = await followed(unlimited, deciding, question)
            assert len(deciding.asked) < 6 * LONG_CONVERSATION
        assert offer.content.startswith("**So far:**")


@pytest.mark.parametrize("settings", [{"engagement": False}, {"engagement_per_day": 1}])
async def test_nobody_is_offered_more_than_the_guild_allows(unlimited, tmp_path, settings):
    """Of two questions one or none is followed; another user has a count of their own."""
    async with engaging(unlimited, tmp_path, "questions", **settings) as (guild, bot, _, deciding):
        general = guild.find("general")
        ada, bea = unlimited.person("Ada", guild), unlimited.person("Bea", guild)
        for person in (ada, ada, bea):
            question = ask(unlimited, person, general)
            decision = f"r-{question.id}-0"
            await unlimited.until(lambda _, decision=decision: deciding.rewards.get(decision, {}).get("success"))
            await unlimited.until(lambda _: not bot._after)
        offered = [named["unit"] for domain, named in deciding.asked if domain == USER_ENGAGEMENT]
        unit = bot.parts.people.unit
        tenant = tenant_of(guild.id)
        expected = [] if settings == {"engagement": False} else [unit(tenant, ada.id), unit(tenant, bea.id)]
        assert offered == expected


async def test_keeping_quiet_is_right_when_the_user_goes_on(local, tmp_path):
    async with engaging(local, tmp_path, "nothing") as (guild, _, _, deciding):
        ada, general = local.person("Ada", guild), guild.find("general")
        _, offer, observed = await followed(local, deciding, ask(local, ada, general))
        assert offer is None
        assert observed == {"success": 1.0, "error": 0.0, "cost": 0.0}
        ada.post(general, "thanks, that helps")
        await local.until(lambda _: observed.get("replied"))
        assert observed["wanted"] == 0.8


async def test_a_poll_is_not_offered_where_the_bot_may_not_make_one(local, tmp_path):
    strict = local.guild("Strict", "general")
    local.world.overwrite(strict.find("general"), strict.roles[strict.id], deny=Permission.SEND_POLLS)
    async with engaging(local, tmp_path, "poll") as (_, _, _, deciding):
        _, offer, _ = await followed(local, deciding, ask(local, local.person("Ada", strict), strict.find("general")))
        assert offer is None
        named = next(named for domain, named in deciding.asked if domain == USER_ENGAGEMENT)
        assert named["restrictions"]["poll"] == "not-allowed"


async def test_in_direct_messages_there_is_no_poll(local, tmp_path):
    async with engaging(local, tmp_path, "poll") as (_, _, _, deciding):
        ada = local.person("Ada")
        question = ada.post(ada.direct(), "how do glaciers move?")
        await local.until(lambda _: deciding.rewards.get(f"r-{question.id}-0"))
        await local.until(lambda _: any(domain == USER_ENGAGEMENT for domain, _ in deciding.asked))
        named = next(named for domain, named in deciding.asked if domain == USER_ENGAGEMENT)
        assert named["eligible"] == ["nothing", "questions"]


async def test_what_a_model_can_not_suggest_is_not_offered(local, tmp_path):
    async with engaging(local, tmp_path, "questions") as (guild, bot, models, deciding):
        ada, general = local.person("Ada", guild), guild.find("general")

        async def fail(_):
            models.faults.set(Fault("fail"))

        bot.after_answer.insert(0, fail)
        _, offer, observed = await followed(local, deciding, ask(local, ada, general))
        assert offer is None
        assert (observed["success"], observed["error"]) == (0.0, 1.0)
        assert bot.parts.people.offers(tenant_of(guild.id), ada.id) == 0, "what was not seen is not counted"
