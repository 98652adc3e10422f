"""`croupier bot` from its start to its end, as an operator sees it; Kafka is away all the time."""

import asyncio
import signal

import pytest
from discord import Intents

from infra.bot.run import _explained
from infra.kafka.ports import free_port
from infra.standins.models import Fault
from schemas.errors import CroupierError
from tests.bot.process import running
from tests.discord.answering_bot import answers_to, served
from tests.standins.clients import Bot, local, pointed_at

__all__ = ["local"]


async def test_it_answers_without_kafka_and_ends_what_it_began_when_told_to_stop(local, tmp_path):
    """Started with Kafka away, asked, and told to stop in mid-answer: the answer is ended, then the process."""
    guild = local.guild("Home", "general")
    ada = local.person("Ada", guild)
    nowhere = f"127.0.0.1:{free_port()}"
    async with served() as models, running(tmp_path, local, models.url, nowhere) as bot:
        await local.until(lambda _: local.ready(), 60)
        first = ada.post(guild.find("general"), f"{local.bot.mention} what is a hash map?")
        await local.until(lambda _: answers_to(local, first), 20)
        status, health = await bot.get("/health")
        assert status == 200 and b'"healthy":true' in health
        _, metrics = await bot.get("/metrics")
        assert b'croupier_bot_questions_ended_total{how="answered"} 1.0' in metrics
        assert b'croupier_bot_choices_total{how="unreachable"} 1.0' in metrics
        _, told = await bot.get("/status")
        assert b'"kafka_reachable":false' in told

        models.faults.set(Fault("pause", seconds=0.3))
        second = ada.post(guild.find("general"), f"{local.bot.mention} and what is a tree?")
        await local.until(lambda _: models.faults.seen.get("small", 0) == 2, 20)
        assert await bot.ended(by=signal.SIGTERM) == 0
        (answer,) = answers_to(local, second)
        assert answer.content.endswith("does.") and answer.components
        about_kafka = ("aiokafka", "producers.deciding.link", "infra.bot.enrol")
        assert not [each for each in bot.log if each["level"] == "error" and each["logger"] not in about_kafka]
        text = bot._log.read_text()
        for secret in (local.token, str(ada.id), str(first.id), "hash map"):
            assert secret not in text


async def test_what_a_restart_does_not_mend_ends_with_a_sentence_and_1(local, tmp_path):
    local.guild("Home", "general")
    nowhere, wrong = f"127.0.0.1:{free_port()}", "bm9ib2R5.nobody.nobody"
    async with running(tmp_path, local, "http://127.0.0.1:9", nowhere, DISCORD_TOKEN=wrong) as bot:
        assert await bot.ended(within=60) == 1
        text = bot._log.read_text()
        assert "Discord refuses the token" in " ".join(text.split())
        assert "Traceback" not in text and wrong not in text


@pytest.mark.parametrize(
    ("broken", "error", "said"),
    [
        (
            lambda local: setattr(local.world, "granted", type(local.world.granted)(0)),
            CroupierError,
            "Message Content Intent",
        ),
        (lambda local: local.faults.cut(where="GET /users/@me"), ConnectionError, "can not be reached"),
    ],
    ids=["no intent", "Discord away"],
)
async def test_why_the_client_ended_and_whether_a_restart_helps(local, broken, error, said):
    """The real client; a CroupierError is exit code 1, everything else 70."""
    local.guild("Home", "general")
    broken(local)
    client = Bot(intents=Intents(guilds=True, guild_messages=True, message_content=True))
    with pointed_at(local):
        running = asyncio.create_task(client.start(local.token))
        with pytest.raises(error, match=said):
            await asyncio.wait_for(_explained(running), 20)
        await client.close()
