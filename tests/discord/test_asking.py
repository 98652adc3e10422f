"""People ask the real bot at the local Discord, by every way there is, and are answered by local models."""

from tests.discord.answering_bot import answering, answers_to, served


async def test_a_mention_is_answered_once_with_buttons(local, tmp_path):
    guild = local.guild("Home", "general")
    ada = local.person("Ada", guild)
    async with served() as models, answering(local, tmp_path, models) as bot:
        question = ada.post(guild.find("general"), f"{local.bot.mention} what is a hash map?")
        await local.until(lambda _: bot.deciding.rewards)
        (answer,) = answers_to(local, question)
        assert answer.content.startswith("In short")
        decision = f"r-{question.id}-0"
        assert bot.deciding.rewards[decision]["success"] == 1.0
        assert len(local.record.of("POST /channels/{channel}/messages")) == 1
        assert not local.record.of("PATCH"), "a short answer is one request"
