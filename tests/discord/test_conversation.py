"""What a model is sent along with a question: the chain above it or the last hour of a direct conversation, bounded."""

from functools import partial

from producers.discord.conversation import MOST_CHARACTERS, MOST_TURNS, before, plain
from tests.discord import answering_bot
from tests.discord.answering_bot import ASKING, served
from tests.discord.test_asking import LONG

answering = partial(answering_bot.answering, setups=ASKING)


async def test_chains_and_direct_conversations_are_bounded_and_name_nobody(local, tmp_path):
    guild = local.guild("Home", "general")
    general = guild.find("general")
    ada, bob = local.person("Ada", guild), local.person("Bob", guild)
    async with served() as models, answering(local, tmp_path, models) as bot:

        async def said(message):
            there = await bot.fetch_channel(message.channel.id)
            found = await before(await there.fetch_message(message.id), bot.journal)
            return found, found.turns(bot.me), found.statistics(await there.fetch_message(message.id))

        last = None
        for n in range(MOST_TURNS + 3):
            last = (ada, bob)[n % 2].post(general, f"{bob.mention} number {n} ```x```", reply_to=last)
        found, turns, statistics = await said(last)
        assert len(found) == statistics.turns == statistics.code_turns == MOST_TURNS
        assert [each.role for each in turns] == ["user"], "people who follow each other are one turn"
        assert "number 2 " in turns[0].content and "number 1 " not in turns[0].content
        assert str(bob.id) not in turns[0].content and "@somebody" in turns[0].content

        command = ada.use(general, "ask", question=LONG[:4000])
        metric = bot.metrics.ended.labels("answered")
        await local.until(lambda _: metric._value.get() == 1, 20)
        parts = [each for each in general.messages.values() if each.author is local.bot]
        assert len(parts) > 1 and parts[0] is command.response
        reply = ada.post(general, "and then?", reply_to=parts[-1])
        _, turns, _ = await said(reply)
        assert [each.role for each in turns] == ["assistant"], "an answer of several messages is one turn, and whole"
        assert all(each.content.strip()[:80] in turns[0].content for each in parts)

        await local.until(lambda _: not bot.answerer.running, 20)
        bot.stopping = True  # it answers no more
        for _ in range(8):
            ada.post(ada.direct(), "x" * 1_990)
        _, turns, _ = await said(ada.post(ada.direct(), "so?"))
        assert 0 < sum(len(each.content) for each in turns) <= MOST_CHARACTERS + 2 * MOST_TURNS


def test_ids_do_not_leave_for_a_model():
    assert plain("<@1> and <@!22>, <#33> <@&44> <@&55>", 1, 55) == "and @somebody, #somewhere #somewhere"
