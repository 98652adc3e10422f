"""People ask the real bot at the local Discord, by every way there is, and are answered by local models."""

import asyncio
from functools import partial

import pytest

from infra.standins.discord import Bucket, Discord, Rules
from infra.standins.models import Fault
from producers.discord.pace import Pace
from producers.discord.words import say
from tests.discord import answering_bot
from tests.discord.answering_bot import ASKING, PACE, Deciding, answers_to, served, with_settings
from tests.discord.test_splitting import FENCE

answering = partial(answering_bot.answering, setups=ASKING)
LONG = "List 7 key points: " + " ".join(f"Point {n} is that {'a rather long story ' * 14}ends." for n in range(12))


@pytest.fixture
def home(local):
    """A guild, its channel, and Ada, who asks."""
    guild = local.guild("Home", "general")
    return guild, guild.find("general"), local.person("Ada", guild)


async def ended(local, bot, count=1, how="answered"):
    """Wait until so many questions have ended."""
    metric = bot.metrics.ended.labels(how)
    await local.until(lambda _: metric._value.get() >= count and not bot.answerer.running, 20)


async def test_every_way_to_ask_is_answered_once_and_nothing_else_is(local, home, tmp_path):
    guild, general, ada = home
    async with served() as models, answering(local, tmp_path, models) as bot:
        models.bodies = []
        mention = ada.post(general, f"{local.bot.mention} what is a hash map?")
        await ended(local, bot)
        (answer,) = answers_to(local, mention)
        assert answer.content.startswith("In short") and len(answer.components[0]["components"]) == 3
        assert not answer.mentions and not answer.mention_everyone
        assert len(local.record.of("POST /channels/{channel}/messages")) == 1
        assert not local.record.of("PATCH"), "a short answer is one request"

        reply = ada.post(general, "and how large is it?", reply_to=answer)
        direct = ada.post(ada.direct(), "what is a tree?")
        command = ada.use(general, "ask", question="what is a graph?")
        ada.post(general, "good morning everybody")
        await ended(local, bot, 4)
        (role,) = [each for each in guild.roles.values() if each.managed]
        by_role = ada.post(general, f"<@&{role.id}> what is a heap?")
        await ended(local, bot, 5)
        assert len(answers_to(local, by_role)) == 1
        sent = [each for each in local.record.requests if each.method in ("POST", "PATCH") and "content" in each.body]
        assert sent and all(each.body["allowed_mentions"]["parse"] == [] for each in sent)
        assert len(answers_to(local, reply)) == len(answers_to(local, direct)) == 1
        assert (await command.answered()).content.startswith("> what is a graph?\n\nIn short")
        assert len([each for each in general.messages.values() if each.author is local.bot]) == 4

        for _ in range(3):  # the same message once more, as a replay or a duplicate brings it
            cog = bot.get_cog("Asking")
            assert not await cog.considered(await bot.get_channel(general.id).fetch_message(mention.id))
        assert len(answers_to(local, mention)) == 1
        assert set(bot.deciding.rewards) == {f"r-{each.id}-0" for each in (mention, reply, direct, command, by_role)}
        assert all(each["success"] == 1.0 and each["cost"] > 0 for each in bot.deciding.rewards.values())

        asked = models.bodies[1]["messages"]
        assert [each["role"] for each in asked] == ["system", "user", "assistant", "user"]
        assert asked[1]["content"] == "what is a hash map?", "without the mention: no ids leave for a model"
        assert asked[2]["content"] == answer.content and asked[3]["content"] == "and how large is it?"


async def test_an_answer_streams_in_within_the_limits_and_is_split_at_its_end(local, home, tmp_path):
    _, general, ada = home
    async with served() as models, answering(local, tmp_path, models) as bot:
        models.faults.set(Fault("pause", seconds=0.05))
        question = ada.post(general, f"{local.bot.mention} {LONG[:1900]}")
        command = ada.use(general, "ask", question=LONG[:4000])
        await ended(local, bot, 2)
        parts = answers_to(local, question)
        assert not local.record.of("", status=429)
        assert "".join(each.content for each in parts).count("\n- ") >= 5
        assert 1 < len(parts[0].versions) <= 8, "it is shown while it comes, and not at every piece"
        for earlier, later in zip(parts[0].versions, parts[0].versions[1:], strict=False):
            assert later[1].startswith(earlier[1][:200])
        response = await command.answered()
        more = [each for each in general.messages.values() if each.reply_to is response]
        assert more and all(len(each.content) <= 2_000 for each in (response, *more))
        for first, *rest in ((response, *more), parts):
            shown = [first, *rest]
            assert [bool(each.components) for each in shown] == [False] * (len(shown) - 1) + [True]
            assert all(each.content.count(FENCE) % 2 == 0 for each in shown)


async def test_a_long_answer_to_a_command_where_the_bot_may_not_write(local, home, tmp_path):
    """Slash commands are offered in channels that the bot is not let into: there the command's token writes."""
    _, general, ada = home
    async with served() as models, answering(local, tmp_path, models) as bot:
        local.faults.fail(403, where=f"POST /channels/{general.id}/messages")
        command = ada.use(general, "ask", question=LONG[:4000])
        await ended(local, bot)
        assert len(command.followups) >= 1 and command.followups[-1].components
        assert not command.response.components


async def test_limits_that_are_shared_and_tight_are_kept_by_many_answers_at_once(tmp_path):
    """Four answers stream into one channel that allows two edits a second."""
    buckets = {**Rules().buckets, "messages.edit": Bucket(2, 1.0), "messages.create": Bucket(3, 1.0)}
    async with Discord(Rules(identify_window=0.0, buckets=buckets)) as local:
        guild = local.guild("Home", "general")
        people = [local.person(name, guild) for name in ("Ada", "Bob", "Cleo", "Dan")]
        async with served() as models, answering(local, tmp_path, models) as bot:
            models.faults.set(Fault("pause", seconds=0.2))
            asked = [each.post(guild.find("general"), f"{local.bot.mention} what is a map?") for each in people]
            await ended(local, bot, 4)
            assert all(answers_to(local, each)[0].content.endswith("does.") for each in asked)
            assert not local.record.of("", status=429)


async def test_a_model_that_fails_is_followed_by_the_next_and_that_is_its_own_outcome(local, home, tmp_path):
    _, general, ada = home
    async with served() as models, answering(local, tmp_path, models) as bot:
        models.faults.set(Fault("fail", model="large", status=500), Fault("cut", model="small", after_pieces=1))
        question = ada.post(general, f"{local.bot.mention} what is a hash map?")
        await ended(local, bot)
        (answer,) = answers_to(local, question)
        assert answer.content.startswith("In short") and answer.content.endswith("does.")
        reward = bot.deciding.rewards[f"r-{question.id}-0"]
        assert (reward["success"], reward["error"], reward["fallback"], reward["answered_by"]) == (0.0, 1.0, 1.0, 2.0)


@pytest.mark.parametrize(
    ("settings", "faults", "key", "decided"),
    [
        ({}, [Fault("fail", status=500)], "failed", True),
        ({"language": "de"}, [Fault("fail", status=400)], "failed", True),
        ({"language": "de"}, [Fault("empty")], "failed", True),
        ({"models": ("none",)}, [], "not_allowed", False),
        ({"models": ("large", "seeing"), "monthly_budget_usd": 0.001}, [], "budget", False),
    ],
    ids=["models down", "in German", "nothing said", "none allowed", "budget spent"],
)
async def test_a_question_that_nobody_can_answer_is_refused_kindly(
    local, home, tmp_path, settings, faults, key, decided
):
    guild, general, ada = home
    async with served() as models, answering(local, tmp_path, models) as bot:
        await with_settings(bot, f"guild-{guild.id}", **settings)
        models.faults.set(*faults)
        question = ada.post(general, f"{local.bot.mention} what is a hash map?")
        await ended(local, bot, how="refused")
        (answer,) = answers_to(local, question)
        assert answer.content == say(settings.get("language", "en"), f"refusals.{key}")
        assert not answer.components
        rewards = bot.deciding.rewards.get(f"r-{question.id}-0")
        assert (rewards is not None) == decided
        if rewards is not None:
            assert (rewards["success"], rewards["error"]) == (0.0, 1.0)
        assert not bot.journal.not_done()


async def test_what_came_before_everything_failed_is_kept(local, home, tmp_path):
    _, general, ada = home
    async with served() as models, answering(local, tmp_path, models) as bot:
        models.faults.set(Fault("cut", after_pieces=2))
        question = ada.post(general, f"{local.bot.mention} what is a hash map?")
        await ended(local, bot, how="refused")
        (answer,) = answers_to(local, question)
        assert answer.content.startswith("In short") and answer.content.endswith(say("en", "asking.cut"))
        assert bot.deciding.rewards[f"r-{question.id}-0"]["success"] == 0.0


async def test_pictures_go_to_models_that_see_and_are_refused_where_there_are_none(local, home, tmp_path):
    guild, general, ada = home
    async with served() as models, answering(local, tmp_path, models) as bot:
        seen = ada.post(general, f"{local.bot.mention} what is this?", files={"cat.png": b"\x89PNG\r\n"})
        await ended(local, bot)
        decision = bot.deciding.decided[f"r-{seen.id}-0"]
        assert decision.arms == ("seeing",)
        assert decision.restrictions == {"small": "capability", "large": "capability"}
        await with_settings(bot, f"guild-{guild.id}", models=("small", "large"))
        unseen = ada.post(general, f"{local.bot.mention} and this?", files={"dog.png": b"\x89PNG\r\n"})
        await ended(local, bot, how="refused")
        assert answers_to(local, unseen)[0].content == say("en", "refusals.capability")


async def test_without_decisions_the_first_model_answers_and_nothing_is_learned(local, home, tmp_path):
    """Kafka is away: the fallback answers, and is told what came of it.  Switched off: nobody is asked at all."""
    guild, general, ada = home
    deciding = Deciding()
    deciding.there = False
    async with served() as models, answering(local, tmp_path, models, deciding=deciding) as bot:
        away = ada.post(general, f"{local.bot.mention} what is a hash map?")
        await ended(local, bot)
        assert models.faults.seen == {"small": 1}
        assert "answered_by" not in deciding.rewards[f"r-{away.id}-0"]
        await with_settings(bot, f"guild-{guild.id}", routing=False)
        off = ada.post(general, f"{local.bot.mention} what is a tree?")
        await ended(local, bot, 2)
        assert list(deciding.decided) == [f"r-{away.id}-0"] == list(deciding.rewards)
        (answer,) = answers_to(local, off)
        assert [each["emoji"]["name"] for each in answer.components[0]["components"]] == ["🔁"]


async def test_who_asks_too_much_at_once_or_nothing_is_told_so(local, home, tmp_path):
    _, general, ada = home
    async with served() as models, answering(local, tmp_path, models, pace=Pace(per_user=1, sweep=60.0)) as bot:
        models.faults.set(Fault("slow", seconds=0.5))
        first = ada.post(general, f"{local.bot.mention} what is a hash map?")
        second = ada.post(general, f"{local.bot.mention} what is a tree?")
        await ended(local, bot)
        assert answers_to(local, first)[0].content.startswith("In short")
        assert answers_to(local, second)[0].content == say("en", "refusals.one_at_a_time")
        nothing = ada.post(general, local.bot.mention)
        await ended(local, bot, 2, "refused")
        assert answers_to(local, nothing)[0].content == say("en", "refusals.blank")
        assert local.record.of("POST /channels/{channel}/typing"), "a slow answer shows that it is on its way"


async def test_a_question_that_is_deleted_takes_its_answer_with_it(local, home, tmp_path):
    _, general, ada = home
    async with served() as models, answering(local, tmp_path, models) as bot:
        models.faults.set(Fault("pause", seconds=0.3))
        question = ada.post(general, f"{local.bot.mention} what is a hash map?")
        await local.until(lambda _: answers_to(local, question), 20)
        ada.delete(question)
        await ended(local, bot, how="withdrawn")
        await local.until(lambda _: f"r-{question.id}-0" in bot.deciding.rewards)
        assert not [each for each in general.messages.values() if each.author is local.bot and not each.deleted]
        reward = bot.deciding.rewards[f"r-{question.id}-0"]
        assert reward["deleted"] == 1.0 and reward["cost"] > 0 and "success" not in reward
        assert bot.parts.settings.spent_this_month(f"guild-{home[0].id}") == pytest.approx(reward["cost"])


async def test_where_the_bot_may_not_write_nothing_is_left_open(local, home, tmp_path):
    _, general, ada = home
    async with served() as models, answering(local, tmp_path, models) as bot:
        local.faults.fail(403, where=f"POST /channels/{general.id}/messages")
        ada.post(general, f"{local.bot.mention} what is a hash map?")
        await ended(local, bot, how="withdrawn")
        assert not bot.journal.not_done()
        assert not [task for task in asyncio.all_tasks() if "typing" in str(task.get_coro())]


async def test_a_channel_that_is_limited_again_and_again_gets_its_answer(tmp_path):
    """More often than discord.py repeats by itself; and then requests are lost on their way there, and back."""
    buckets = {**Rules().buckets, "messages.create": Bucket(50, 5.0)}
    async with Discord(Rules(identify_window=0.0, buckets=buckets)) as local:
        guild = local.guild("Home", "general")
        ada, posts = local.person("Ada", guild), f"POST /channels/{guild.find('general').id}/messages"
        async with served() as models, answering(local, tmp_path, models, pace=PACE) as bot:
            local.faults.limit(0.05, where=posts, times=6)
            local.faults.cut(where=posts, times=1)
            local.faults.cut(where=posts, times=1, after=True)
            question = ada.post(guild.find("general"), f"{local.bot.mention} what is a hash map?")
            await ended(local, bot)
            assert len(answers_to(local, question)) == 1, "a post whose answer was lost is the same when repeated"
