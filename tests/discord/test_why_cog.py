"""/why says what was decided and what came of it: as the log has it, else as the bot remembers it, to who asks."""

from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.standins.models import Fault
from producers.discord.ports import CONTENT_ANALYSIS, MODEL_ROUTING, USER_ENGAGEMENT
from producers.discord.tenants import tenant_of
from producers.discord.why.told import REASONS, Chance, Known, told
from producers.discord.words import languages, say
from schemas.observations import MEANINGS
from tests.discord.answering_bot import Chosen, answering, answers_to, served, with_settings
from tests.discord.known_figures import DECIDED, KnownFigures

POST = "Glaciers are rivers of ice. They flow downhill under their own weight. " * 14


@asynccontextmanager
async def asking(local, tmp_path, *, ended=True, **arms):
    guild = local.guild("Home", "general")
    deciding = Chosen(**{"model_routing": "small", "user_engagement": "nothing", **arms})
    figures = KnownFigures(deciding, ended=ended)
    async with served() as models, answering(local, tmp_path, models, deciding=deciding, figures=figures) as bot:
        yield guild, bot, models, figures


async def answered(local, bot, person, channel):
    """A question of somebody, and its answer."""
    question = person.post(channel, f"{local.bot.mention} how do glaciers move?")
    await local.until(lambda _: "success" in bot.deciding.rewards.get(f"r-{question.id}-0", {}) and not bot._after)
    return question, answers_to(local, question)[-1]


async def why(person, channel):
    said = await person.use(channel, "why").answered()
    assert said.ephemeral
    return said.content


async def test_the_last_decision_about_somebody_is_told(local, tmp_path):
    async with asking(local, tmp_path) as (guild, bot, _, _figures):
        ada, bea, general = local.person("Ada", guild), local.person("Bea", guild), guild.find("general")
        assert await why(ada, general) == say("en", "why.nothing_yet")
        _, answer = await answered(local, bot, ada, general)
        await ada.click(answer, "👍").answered()
        text = await why(ada, general)
        assert "I chose `small`, with probability 33%." in text
        assert "The others had: `large` 33%, `seeing` 33%." in text
        assert "It cost $" in text or "It cost <$" in text
        assert "What came of it: a thumb up." in text
        assert "That counts as 100% of the best there can be" in text
        assert await why(bea, general) == say("en", "why.nothing_yet"), "it was not about her"
        on_answer = await bea.use_on(answer, "Why this answer?").answered()
        assert on_answer.content == text
        own = bea.post(general, "just talking")
        assert (await bea.use_on(own, "Why this answer?").answered()).content == say("en", "why.not_known")


async def test_without_kafka_the_bot_tells_what_it_remembers_and_after_a_restart_less(local, tmp_path):
    async with asking(local, tmp_path) as (guild, bot, _, figures):
        figures.there = False
        ada, general = local.person("Ada", guild), guild.find("general")
        await answered(local, bot, ada, general)
        text = await why(ada, general)
        assert "I chose `small`, with probability 33%." in text
        assert "It cost " in text
        assert text.endswith(say("en", "why.from_notes"))
    async with (
        served() as models,
        answering(local, tmp_path, models, deciding=Chosen(), figures=figures) as bot,
    ):
        text = await why(ada, general)
        assert text.startswith("I chose `small`.")
        assert text.endswith(say("en", "why.from_notes"))


async def test_a_fallback_and_a_model_that_failed_are_told_as_such(local, tmp_path):
    async with asking(local, tmp_path, ended=False) as (guild, bot, models, figures):
        ada, general = local.person("Ada", guild), guild.find("general")
        await with_settings(bot, tenant_of(guild.id), language="de", models=("small", "large"))
        models.faults.set(Fault("fail", model="small"))
        await answered(local, bot, ada, general)
        text = await why(ada, general)
        assert say("de", "why.answered_by", other="`large`", arm="`small`") in text
        assert say("de", "why.not_not_allowed", arms="`seeing`") in text
        assert f"<t:{(DECIDED + 300_000) // 1000}:R>" in text
        models.faults.set()
        bot.deciding.there = figures.there = False
        await answered(local, bot, ada, general)
        assert (await why(ada, general)).startswith(say("de", "why.fallback", arm="`small`"))
        await with_settings(bot, tenant_of(guild.id), routing=False)
        question = ada.post(general, f"{local.bot.mention} and why?")
        await local.until(lambda _: [each for each in answers_to(local, question) if each.components])
        assert (await why(ada, general)).startswith(say("de", "why.switched_off", arm="`small`"))


async def test_a_post_that_was_left_alone_and_a_direct_message_are_explained_too(local, tmp_path):
    async with asking(local, tmp_path, content_analysis="skip") as (guild, bot, _, _figures):
        ada, general = local.person("Ada", guild), guild.find("general")
        await with_settings(bot, tenant_of(guild.id), analysis_channels=frozenset({general.id}))
        post = ada.post(general, POST)
        await local.until(lambda _: f"a-{post.id}-0" in bot.deciding.rewards)
        said = await ada.use_on(post, "Why this answer?").answered()
        assert said.content.startswith("I chose to leave this post alone, with probability 33%.")
        await answered(local, bot, ada, ada.direct())
        assert (await why(ada, ada.direct())).startswith("I chose `small`")


@pytest.mark.parametrize("language", languages())
@settings(max_examples=30)
@given(
    domain=st.sampled_from([MODEL_ROUTING, CONTENT_ANALYSIS, USER_ENGAGEMENT]),
    arms=st.lists(st.sampled_from(["small", "skip", "quick", "poll", "nothing", "a`b"]), min_size=1, unique=True),
    fallback=st.booleans(),
    reasons=st.dictionaries(st.sampled_from(["x", "y", "z"]), st.sampled_from([*REASONS, "restricted: budget", "?"])),
    observed=st.dictionaries(st.sampled_from(sorted(MEANINGS)), st.floats(0, 1)),
    reward=st.none() | st.floats(0, 1),
)
def test_whatever_is_known_can_be_told_in_a_message(language, domain, arms, fallback, reasons, observed, reward):
    chances = tuple(Chance(arm, 1 / len(arms)) for arm in arms)
    for known in (
        Known(domain, arms[0], fallback, chances, reasons, observed, None, reward),
        Known(domain, arms[0], fallback, (), reasons, observed, arms[-1], None, DECIDED // 1000),
        Known(domain, arms[0], fallback, from_log=False),
    ):
        assert 0 < len(told(known, language)) <= 2000


def test_chances_are_told_as_they_are_and_not_as_they_are_rounded():
    known = Known(MODEL_ROUTING, "b", False, (Chance("a", 0.996), Chance("b", 0.0039), Chance("c", 0.0001)))
    text = told(known, "en")
    assert "I chose `b`, with probability 0.4%." in text
    assert "`a` seemed better (>99%)" in text
    assert "<0.1%" in text
