"""What people say about answers is safe before they are told so, counts once, and is told to be so."""

from functools import partial

import pytest
from msgspec.structs import replace

from infra.standins.models import Fault
from producers.discord.buttons import AnswerButton
from producers.discord.feedback import reaction_value
from producers.discord.journal import Acted
from producers.discord.words import say
from tests.discord import answering_bot
from tests.discord.answering_bot import ASKING, PACE, Deciding, answers_to, served

answering = partial(answering_bot.answering, setups=ASKING)


@pytest.fixture
def home(local):
    guild = local.guild("Home", "general")
    return guild.find("general"), local.person("Ada", guild), local.person("Bob", guild)


async def asked(local, bot, person, channel, text="what is a hash map?"):
    """A question that was answered: it, and its answer."""
    before = bot.metrics.ended.labels("answered")._value.get()
    question = person.post(channel, f"{local.bot.mention} {text}")
    metric = bot.metrics.ended.labels("answered")
    await local.until(lambda _: metric._value.get() > before and not bot.answerer.running, 20)
    return question, answers_to(local, question)[0]


async def test_thumbs_count_once_after_any_restart_and_are_safe_before_they_are_acknowledged(local, home, tmp_path):
    general, ada, bob = home
    deciding = Deciding()
    async with served() as models:
        async with answering(local, tmp_path, models, deciding=deciding) as bot:
            question, answer = await asked(local, bot, ada, general)
            other, other_answer = await asked(local, bot, bob, general, "what is a tree?")
        decision = f"r-{question.id}-0"
        async with answering(local, tmp_path, models, deciding=deciding) as bot:
            deciding.full = True
            refused = await ada.click(answer, "👍").answered()
            assert refused.content == say("en", "feedback.unrecorded") and "thumbs" not in deciding.rewards[decision]
            deciding.full = False

            heard = []
            recorded = deciding.observe

            async def observe(*given, **named):
                heard.append([each for each in local.record.requests if "/callback" in each.path])
                await recorded(*given, **named)

            deciding.observe = observe
            said = await ada.click(answer, "👎").answered()
            assert heard[-1] == heard[0], "recorded before Discord is told"
            assert said.content == say("en", "feedback.thanks") and said.ephemeral
            again = await bob.click(answer, "👍").answered()
            assert again.content == say("en", "feedback.counted_before")
            assert deciding.rewards[decision]["thumbs"] == 0.0
            assert len({id_ for name, id_, seen in deciding.sent if "thumbs" in seen}) == 2, "an id for each person"
            twice = [await ada.click(other_answer, "👍").answered() for _ in range(2)]
            assert [each.content for each in twice] == [
                say("en", f"feedback.{key}") for key in ("thanks", "counted_before")
            ]
            assert (
                len({id_ for name, id_, seen in deciding.sent if name == f"r-{other.id}-0" and "thumbs" in seen}) == 1
            )
            past = bot.parts.people.past(f"guild-{general.guild.id}", ada.id)
            assert past.ratings == 2 and 0 < past.satisfaction < 1


async def test_reactions_replies_and_deletions_are_components_and_so_is_silence(local, home, tmp_path):
    general, ada, bob = home
    pace = replace(PACE, settle=2.0, replied=60.0)
    async with served() as models, answering(local, tmp_path, models, pace=pace) as bot:
        rewards = bot.deciding.rewards
        first, answer = await asked(local, bot, ada, general)
        bob.react(answer, "🍕")
        bob.react(answer, "👎")
        ada.react(answer, "❤️")
        bob.post(general, "I do not think so", reply_to=answer)
        await local.until(lambda _: {"reaction", "replied"} <= rewards[f"r-{first.id}-0"].keys())
        assert rewards[f"r-{first.id}-0"]["reaction"] == 0.0 and rewards[f"r-{first.id}-0"]["replied"] == 1.0

        direct = ada.post(ada.direct(), "what is a tree?")
        await local.until(lambda _: f"r-{direct.id}-0" in rewards, 20)
        ada.post(ada.direct(), "thank you")
        await local.until(lambda _: "replied" in rewards[f"r-{direct.id}-0"])
        assert rewards[f"r-{direct.id}-0"]["replied"] == 1.0

        second, answer = await asked(local, bot, ada, general, "what is a graph?")
        local.person("Mod", general.guild, permissions=1 << 13).delete(answer)
        await local.until(lambda _: "deleted" in rewards[f"r-{second.id}-0"])
        assert rewards[f"r-{second.id}-0"]["deleted"] == 1.0

        await local.until(lambda _: "regenerated" in rewards[f"r-{second.id}-0"], 20)  # by silence
        assert rewards[f"r-{second.id}-0"]["deleted"] == 1.0 and rewards[f"r-{second.id}-0"]["replied"] == 0.0
        assert rewards[f"r-{first.id}-0"]["deleted"] == 0.0 and rewards[f"r-{first.id}-0"]["replied"] == 1.0


async def test_another_answer_takes_the_place_of_the_first_and_is_a_decision_of_its_own(local, home, tmp_path):
    general, ada, bob = home
    async with served() as models, answering(local, tmp_path, models) as bot:
        question, answer = await asked(local, bot, ada, general)
        not_his = await bob.click(answer, "🔁").answered()
        assert not_his.content == say("en", "feedback.only_asker")

        def again(n):
            return lambda _: f"r-{question.id}-{n}" in bot.deciding.rewards and not bot.answerer.running

        ada.click(answer, "🔁")
        await local.until(again(1), 20)
        assert answers_to(local, question) == [answer], "in the same message"
        second = bot.deciding.decided[f"r-{question.id}-1"]
        assert second.restrictions == {"large": "tried"} and second.arm == "small"
        assert bot.deciding.rewards[f"r-{question.id}-0"]["regenerated"] == 1.0
        said = await ada.click(answer, "👍").answered()
        assert said.content == say("en", "feedback.thanks")
        assert bot.deciding.rewards[f"r-{question.id}-1"]["thumbs"] == 1.0
        assert "thumbs" not in bot.deciding.rewards[f"r-{question.id}-0"]
        first, after = (list(bot.deciding.decided[f"r-{question.id}-{n}"].features) for n in (0, 1))
        assert first != after, "a policy sees that the first answer was not good enough"

        ada.click(answer, "🔁")
        await local.until(again(2), 20)
        ada.click(answer, "🔁")
        await local.until(again(3), 20)
        assert bot.deciding.decided[f"r-{question.id}-3"].restrictions is None, "all were tried: they may try again"
        enough = await ada.click(answer, "🔁").answered()
        assert enough.content == say("en", "feedback.enough")


async def test_another_answer_to_a_command_while_its_question_is_kept(local, home, tmp_path):
    general, ada, _ = home
    pace = replace(PACE, settle=2.0)
    async with served() as models, answering(local, tmp_path, models, pace=pace) as bot:
        command = ada.use(general, "ask", question="what is a hash map?")
        answer = await command.answered()
        await local.until(lambda _: f"r-{command.id}-0" in bot.deciding.rewards and not bot.answerer.running)
        models.faults.set(Fault("pause", seconds=0.3))
        ada.click(answer, "🔁")
        await local.until(lambda _: not answer.components, 20)  # it is being written anew
        assert answer.content.startswith("> what is a hash map?")
        await local.until(lambda _: f"r-{command.id}-1" in bot.deciding.rewards, 20)
        await local.until(lambda _: bot.journal.question(command.id).given is None, 20)
        too_old = await ada.click(answer, "🔁").answered()
        assert too_old.content == say("en", "feedback.too_old")


async def test_a_button_says_nothing_about_another_tenant(local, home, tmp_path):
    """Whoever sends a button of another server (a copied message, a forged one) changes nothing there."""
    general, ada, _ = home
    async with served() as models, answering(local, tmp_path, models) as bot:
        _, answer = await asked(local, bot, ada, general)
        for button in answer.components[0]["components"]:
            button["custom_id"] = button["custom_id"].replace(f"guild-{general.guild.id}", "guild-1")
        sent = len(bot.deciding.sent)
        ada.click(answer, "👍")
        await local.until(lambda _: bot.metrics.strange._value.get())
        assert len(bot.deciding.sent) == sent


def test_custom_ids_fit_what_discord_allows():
    for what in ("up", "down", "again"):
        button = AnswerButton(what, f"guild-{2**64 - 1}", f"r-{2**64 - 1}-999")
        assert len(button.item.custom_id) <= 100
        assert AnswerButton.__discord_ui_compiled_template__.fullmatch(button.item.custom_id)
    assert Acted("r-1-0", "a", ("a",), None).index("a") == -1


@pytest.mark.parametrize(
    ("emoji", "value"), [("👍", 1.0), ("👍🏽", 1.0), ("❤️", 1.0), ("👎", 0.0), ("🍕", None), ("x", None)]
)
def test_what_an_emoji_says(emoji, value):
    assert reaction_value(emoji) == value
