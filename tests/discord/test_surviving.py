"""However the process ends and the gateway breaks: each question is answered once, and no feedback is lost."""

import asyncio
import signal
import time
from functools import partial

import pytest
from msgspec.structs import replace

from infra.kafka.ports import free_port
from infra.standins.discord import Discord, Rules
from infra.standins.models import Fault
from producers.discord.words import say
from tests.bot.process import running
from tests.discord import answering_bot
from tests.discord.answering_bot import ASKING, PACE, Deciding, answers_to, killed, served

answering = partial(answering_bot.answering, setups=ASKING)


@pytest.fixture
def home(local):
    guild = local.guild("Home", "general")
    return guild.find("general"), local.person("Ada", guild)


def dies(bot, method, *, noting):
    """The next time the journal is to note something by `method` the process ends: before, or after it was noted."""
    real = getattr(bot.journal, method)
    died = asyncio.Event()

    def note(*given):
        setattr(bot.journal, method, real)
        if noting:
            real(*given)
        died.set()
        raise asyncio.CancelledError

    setattr(bot.journal, method, note)
    return died


@pytest.mark.parametrize("noting", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("method", ["acted", "posted", "shown", "done"])
async def test_a_process_that_ends_between_any_two_steps_is_gone_on_with(local, home, tmp_path, method, noting):
    general, ada = home
    deciding = Deciding()
    async with served() as models:
        models.faults.set(Fault("pause", seconds=0.04))
        async with answering(local, tmp_path, models, deciding=deciding) as bot:
            died = dies(bot, method, noting=noting)
            question = ada.post(general, f"{local.bot.mention} what is a hash map?")
            await asyncio.wait_for(died.wait(), 20)
            await killed(bot)
        async with answering(local, tmp_path, models, deciding=deciding) as bot:
            await local.until(lambda _: not bot.journal.not_done() and not bot.answerer.running, 20)
            (answer,) = answers_to(local, question)
            assert answer.content.endswith("does.") and len(answer.components[0]["components"]) == 3
            followed = f"r-{question.id}-{int((method, noting) == ('acted', False))}"
            assert deciding.rewards[followed]["success"] == 1.0
            if followed.endswith("1"):  # the first decision is in the log, and nobody knows what it was
                assert deciding.rewards[f"r-{question.id}-0"] == {"unfollowed": 1.0}
            assert len([each for each in general.messages.values() if each.author is local.bot]) == 1


async def test_a_command_is_answered_in_its_response_after_a_restart(local, home, tmp_path):
    general, ada = home
    async with served() as models:
        models.faults.set(Fault("hang", after_pieces=1))
        async with answering(local, tmp_path, models) as bot:
            command = ada.use(general, "ask", question="what is a hash map?")
            await local.until(lambda _: command.response is not None and "In short" in command.response.content, 20)
            await killed(bot)
        models.faults.clear()
        async with answering(local, tmp_path, models) as bot:
            await local.until(lambda _: not bot.journal.not_done() and not bot.answerer.running, 20)
            assert command.response.content.endswith("does.")
            assert [each for each in general.messages.values() if each.author is local.bot] == [command.response]


@pytest.mark.parametrize("after", [True, False], ids=["Discord had it", "Discord had it not"])
async def test_a_command_whose_acknowledgement_was_cut_off_is_answered_once(local, home, tmp_path, after):
    """Where Discord shows that we think, if it had the acknowledgement; else in the channel."""
    general, ada = home

    def by_bot():
        return [each for each in general.messages.values() if each.author is local.bot]

    async with served() as models, answering(local, tmp_path, models) as bot:
        local.faults.cut(after=after, where="POST /interactions", times=5)
        command = ada.use(general, "ask", question="what is a hash map?")
        await local.until(lambda _: any(each.content.endswith("does.") for each in by_bot()), 30)
        await local.until(lambda _: not bot.journal.not_done() and not bot.answerer.running, 30)
        (answer,) = by_bot()
        assert answer.content.endswith("does.")
        assert (answer is command.response) == after


async def test_what_was_asked_long_ago_is_refused_once(local, home, tmp_path):
    general, ada = home
    async with served() as models:
        models.faults.set(Fault("hang"))
        async with answering(local, tmp_path, models) as bot:
            question = ada.post(general, f"{local.bot.mention} what is a hash map?")
            await local.until(lambda _: models.faults.seen.get("large"), 20)
            await killed(bot)
        for _ in range(2):
            async with answering(local, tmp_path, models, pace=replace(PACE, too_late=0.0)) as bot:
                await local.until(lambda _: not bot.journal.not_done() and not bot.answerer.running, 20)
        assert [each.content for each in answers_to(local, question)] == [say("en", "refusals.too_late")]


async def test_what_was_missed_is_caught_up_with_once(local, home, tmp_path):
    """Questions, a reaction and a deletion while the bot is away; not what is older than the bot, or was answered."""
    general, ada = home
    direct = ada.direct()
    deciding = Deciding()
    older = ada.post(general, f"{local.bot.mention} is anybody here?")
    async with served() as models:
        async with answering(local, tmp_path, models, deciding=deciding) as bot:
            first = ada.post(general, f"{local.bot.mention} what is a hash map?")
            second = ada.post(direct, "what is a tree?")
            await local.until(lambda _: len(deciding.rewards) == 2 and not bot.answerer.running, 20)
            await local.until(lambda _: bot.journal.marked("alive"), 20)
        missed = [ada.post(general, f"{local.bot.mention} what is a graph?"), ada.post(direct, "what is a heap?")]
        ada.react(answers_to(local, first)[0], "👍")
        for _ in range(2):
            async with answering(local, tmp_path, models, deciding=deciding) as bot:
                await local.until(lambda _: len(deciding.rewards) == 4 and not bot.answerer.running, 20)
                await local.until(lambda _: "reaction" in deciding.rewards[f"r-{first.id}-0"], 20)
        assert [len(answers_to(local, each)) for each in (older, first, second, *missed)] == [0, 1, 1, 1, 1]
        assert deciding.rewards[f"r-{first.id}-0"]["reaction"] == 1.0


async def test_a_lost_journal_does_not_answer_again_what_was_answered(local, home, tmp_path):
    general, ada = home
    async with served() as models:
        async with answering(local, tmp_path, models) as bot:
            question = ada.post(general, f"{local.bot.mention} what is a hash map?")
            await local.until(lambda _: bot.deciding.rewards and not bot.answerer.running, 20)
        (tmp_path / "journal.sqlite").unlink()
        async with answering(local, tmp_path, models) as bot:
            bot.journal.mark("alive", time.time() - 30)
            asking = bot.get_cog("Asking")
            asking.catching_up._first = time.time() - 60
            asking.catching_up._alive = time.time() - 30
            await asking.catching_up.connected(0)
            later = ada.post(general, f"{local.bot.mention} what is a tree?")
            await local.until(lambda _: answers_to(local, later), 20)
            assert len(answers_to(local, question)) == 1


async def test_reconnects_replays_and_invalid_sessions_neither_lose_nor_double(local, home, tmp_path):
    """Thirty breaks of every kind while people ask, press and react."""
    general, ada = home
    channels = [general, ada.direct(), *(local.channel(general.guild, f"room-{n}") for n in range(6))]
    breaks = (
        local.gateway.drop,
        local.gateway.reconnect,
        partial(local.gateway.invalidate, resumable=True),
        partial(local.gateway.invalidate, resumable=False),
        partial(local.gateway.close, 4000),
    )
    async with served() as models, answering(local, tmp_path, models, pace=replace(PACE, per_user=30)) as bot:
        models.faults.set(Fault("pause", seconds=0.05))
        asked = []
        for n in range(30):
            asked.append(ada.post(channels[n % len(channels)], f"{local.bot.mention} what is number {n}?"))
            await local.until(lambda _: local.gateway.connections, 20)
            breaks[n % len(breaks)]()
            await asyncio.sleep(0.05)
        await local.until(lambda _: all(f"r-{each.id}-0" in bot.deciding.rewards for each in asked), 60)
        assert [len(answers_to(local, each)) for each in asked] == [1] * 30
        assert set(bot.deciding.decided) == {f"r-{each.id}-0" for each in asked}
        assert local.gateway.counts["resume"] > 3 and local.gateway.counts["identify"] > 3


async def test_a_session_that_is_told_of_late_hides_no_other(local, home, tmp_path):
    """discord.py says that a session is ready when it has broken already; what is missed after that is found."""
    general, ada = home
    for n in range(250):  # people talk a lot here
        ada.post(general, f"chatter {n}")
    async with served() as models, answering(local, tmp_path, models, pace=replace(PACE, sweep=60.0)) as bot:
        asking = bot.get_cog("Asking")
        await local.until(lambda _: bot.journal.marked("first"))
        await asking.on_shard_disconnect(0)
        await asking.on_shard_ready(0)  # of the session that has just ended
        bot.stopping = True  # it does not hear
        missed = ada.post(general, f"{local.bot.mention} what is a hash map?")
        await local.until(lambda _: any(each.id == missed.id for each in bot.cached_messages))
        bot.stopping = False
        await asking.on_shard_ready(0)  # of the next one
        await local.until(lambda _: answers_to(local, missed), 20)


async def test_each_shard_catches_up_with_what_it_missed(tmp_path):
    """Three shards; one after the other loses its session, while people ask on all of them."""
    rules = Rules(identify_window=0.0, shards=3, max_concurrency=3)
    async with Discord(rules) as local, served() as models:
        guilds = [local.guild(f"Home {n}", "general") for n in range(9)]
        people = [local.person(f"Ada {n}", guild) for n, guild in enumerate(guilds)]
        async with answering(local, tmp_path, models) as bot:
            assert len(bot.shards) == 3 == len({guild.shard_id for guild in bot.guilds})
            asked = []
            for shard in range(3):
                local.gateway.invalidate(resumable=False, shard=shard)
                local.gateway.drop(shard=shard)
                asked += [
                    ada.post(guild.find("general"), f"{local.bot.mention} what is {shard}?")
                    for ada, guild in zip(people, guilds, strict=True)
                ]
                await local.until(lambda _, shard=shard: len(bot.deciding.rewards) == 9 * (shard + 1), 30)
            assert [len(answers_to(local, each)) for each in asked] == [1] * 27
            assert bot.metrics.caught_up._value.get() > 0


async def test_sigkill_in_mid_answer_and_again(local, home, tmp_path):
    """The process itself, killed twice while it writes the same answer and has a command open."""
    general, ada = home
    nowhere = f"127.0.0.1:{free_port()}"
    async with served() as models:
        models.faults.set(Fault("pause", seconds=0.5))
        asked, command = [], None
        for n in range(2):
            async with running(tmp_path, local, models.url, nowhere) as bot:
                await local.until(lambda _: local.ready(), 120)
                asked.append(ada.post(general, f"{local.bot.mention} what is number {n}?"))
                command = command or ada.use(general, "ask", question="what is a hash map?")
                await local.until(lambda _: all(answers_to(local, each) for each in asked), 30)
                await command.answered()
                await bot.ended(by=signal.SIGKILL)
                if not n:  # while nobody hears, and the process before may not have come so far as to be ready
                    asked.append(ada.post(general, f"{local.bot.mention} is anybody there?"))
        models.faults.clear()
        async with running(tmp_path, local, models.url, nowhere):
            shown = lambda: [command.response, *(answers_to(local, each)[0] for each in asked)]  # noqa: E731
            await local.until(lambda _: all(each.components for each in shown()), 120)
        assert all(each.content.endswith("does.") for each in shown())
        assert [len(answers_to(local, each)) for each in asked] == [1, 1, 1]
        assert len([each for each in general.messages.values() if each.author is local.bot]) == 4
