"""`croupier bot --check` says of each thing whether it is as it must be, and what to do; and posts nothing."""

import asyncio
import json
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from discord import Permissions

from infra.bot.checking import checks, report
from infra.bot.settings import BotSettings, read_token
from infra.kafka.ports import free_port
from infra.kafka.topics import create_topics
from infra.standins.discord import TALKING, Permission
from producers.discord.permissions import NEEDED, REASONS, missing
from schemas.errors import CroupierError
from tests.bot.process import TOML
from tests.discord.answering_bot import served
from tests.standins.clients import local, pointed_at

__all__ = ["local"]
ROOT = Path(__file__).parents[2]
KEY = {"LOCAL_MODELS_KEY": "right"}


@asynccontextmanager
async def setting(local, directory, bootstrap, *, key="right", **changes):
    """Everything in place; `found()` are the checks by what was looked at."""
    async with served(keys=frozenset({key})) as models:
        catalogue = directory / "models.toml"
        catalogue.write_text(TOML.format(url=models.url))
        settings = BotSettings(bootstrap=bootstrap, state=directory, models=catalogue, discord_api=local.api, **changes)

        async def found(token=local.token, environment=KEY):
            with pointed_at(local):  # and back to where it pointed
                return {each.what: each async for each in checks(settings, token, environment)}

        found.settings = settings
        yield found


@pytest.mark.kafka
async def test_all_is_well_and_nothing_is_posted(local, tmp_path, kafka, deployment_prefix):
    local.guild("Home", "general", bot_permissions=Permission(NEEDED.value))
    await create_topics(kafka.bootstrap_servers, prefix=deployment_prefix, partitions=2)
    async with setting(local, tmp_path, kafka.bootstrap_servers, prefix=deployment_prefix) as check:
        found = await check()
        assert all(each.ok for each in found.values()), found
        assert list(found) == ["files", "provider local", "kafka", "token", "intents", "connections", "servers"]
        assert {each.method for each in local.record.requests} == {"GET"}
        assert not local.gateway.counts, "it does not connect, either: connections are counted"


async def test_what_is_wrong_is_said_one_by_one_with_what_to_do(local, tmp_path):
    guild = local.guild("Home", "general")
    for role in guild.roles.values():
        role.permissions = TALKING & ~Permission.READ_MESSAGE_HISTORY
    local.world.granted = 0
    local.gateway.starts_left = 1
    nowhere = f"127.0.0.1:{free_port()}"
    async with setting(local, tmp_path, nowhere, key="other") as check:
        found = await check()
        assert found["files"].ok and found["token"].ok
        wrong = {name: each.detail for name, each in found.items() if not each.ok}
        assert list(wrong) == ["provider local", "kafka", "intents", "connections", "server Home"]
        assert "LOCAL_MODELS_KEY" in wrong["provider local"]
        assert nowhere in wrong["kafka"]
        assert "Message Content Intent" in wrong["intents"]
        assert "read message history" in wrong["server Home"] and str(NEEDED.value) in wrong["server Home"]

        assert not (await check(token="bm9ib2R5.nobody.nobody"))["token"].ok
        no_key = await check(environment={})
        assert "LOCAL_MODELS_KEY" in no_key["files"].detail and not no_key["provider local"].ok


async def test_its_report_is_for_people_or_for_machines_and_its_exit_code_for_both(local, tmp_path, capsys):
    local.guild("Home", "general", bot_permissions=Permission(NEEDED.value))
    async with setting(local, tmp_path, f"127.0.0.1:{free_port()}") as check:
        for as_json in (False, True):
            with pointed_at(local):
                code = await asyncio.to_thread(report, check.settings, local.token, KEY, as_json=as_json)
            assert code == 1, "Kafka is away"
            said = capsys.readouterr().out
            if as_json:
                told = json.loads(said)
                assert not told["ok"] and [each["what"] for each in told["checks"] if not each["ok"]] == ["kafka"]
            else:
                lines = " ".join(said.split())
                assert "NOT kafka:" in lines and "ok token:" in lines and "mend what is marked NOT" in lines


async def test_without_servers_it_says_how_to_invite(local, tmp_path):
    async with setting(local, tmp_path, f"127.0.0.1:{free_port()}", message_content=False) as check:
        local.world.granted = 0
        found = await check()
        assert found["intents"].ok, "they are not asked for"
        assert f"permissions={NEEDED.value}" in found["servers"].detail and not found["servers"].ok


def test_a_token_comes_from_a_file_or_the_environment_and_from_nowhere_else(tmp_path):
    file = tmp_path / "token"
    file.write_text("abc.def.ghi\n")
    file.chmod(0o600)
    assert read_token(file, {}) == "abc.def.ghi" == read_token(None, {"DISCORD_TOKEN": " abc.def.ghi "})
    file.chmod(0o644)
    with pytest.raises(CroupierError, match="chmod 600"):
        read_token(file, {})
    file.chmod(0o600)
    file.write_text("two words")
    with pytest.raises(CroupierError, match="one line"):
        read_token(file, {})
    with pytest.raises(CroupierError, match="can not be read"):
        read_token(tmp_path / "none", {})
    with pytest.raises(CroupierError, match="DISCORD_TOKEN"):
        read_token(None, {})


def test_every_permission_that_is_needed_is_missed_when_it_is_not_there():
    assert missing(Permissions.none()) == [name.replace("_", " ") for name in REASONS]
    assert missing(NEEDED) == [] == missing(Permissions.all())
    assert not NEEDED.administrator and not NEEDED.manage_messages, "no more than it takes"


def test_without_its_extra_the_command_line_works_and_the_bot_says_what_to_install(tmp_path):
    """As in the image of the workers, which has no discord.py."""
    code = (
        "import sys\n"
        "sys.modules |= dict.fromkeys(['discord', 'openai', 'anthropic', 'tenacity', 'lxml'])\n"
        "sys.argv = ['croupier', 'bot']\n"
        "import infra.cli\n"
        "infra.cli.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "pip install '.[bot]'" in " ".join(done.stderr.split())
