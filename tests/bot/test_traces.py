"""Nothing that goes through Kafka, workers and logs leads to a person or says what somebody wrote."""

import asyncio
import re
import struct
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from rocksdict import AccessType, Options, Rdict

from infra.bot.compose import composed
from infra.bot.settings import BotSettings
from infra.local import deployment
from infra.standins.discord import Permission
from infra.standins.models import ModelServer
from producers.discord.features import ROUTING
from producers.discord.ports import MODEL_ROUTING, GuildSettings
from producers.discord.tenants import tenant_of
from schemas import wire
from schemas.events import Decision, Outcome
from schemas.topics import ALL
from tests.standins.clients import QUICK, connected, local

__all__ = ["local"]

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).parents[2]
TEXTS = (
    "Why do zyzzyvas quiver at dusk? See https://quokkaland.example/burrows",
    "And how would a flibbertigibbet sort `[3, 1, 2]`?",
    "Whisper me something about glockenspiels",
)
WORDS = ("zyzzyvas", "quiver", "quokkaland", "flibbertigibbet", "glockenspiel")
MODELS = ("gpt-4-1106-preview", "mixtral-8x7b-instruct")
PRICES = {MODELS[0]: 10.0, MODELS[1]: 0.6}


@pytest.fixture
def files(tmp_path):
    """A catalogue that asks local models, and the template with horizons that a test can wait for."""

    def write(url):
        models = "".join(
            f'[models."{name}"]\nprovider = "local"\nmodel = "{name}"\n'
            f"input = {PRICES[name]}\noutput = {PRICES[name]}\ncontext_length = 100_000\nmost_output_tokens = 4_000\n"
            for name in MODELS
        )
        (tmp_path / "models.toml").write_text(f'[providers.local]\nkind = "openai"\nbase_url = "{url}/v1"\n{models}')
        template = re.sub(r'horizon = "\d+m"', 'horizon = "2s"', (ROOT / "examples" / "bot.toml").read_text())
        (tmp_path / "bot.toml").write_text(template)
        return {"models": tmp_path / "models.toml", "template": tmp_path / "bot.toml"}

    return write


async def test_people_leave_no_traces(kafka, deployment_prefix, tmp_path, local, files, capfd, caplog):
    """They ask in a channel, in a thread of replies, by command and directly; rate, allow words, and delete."""
    home, state = tmp_path / "deployment", tmp_path / "bot"
    options = ("--early-ms", "500", "--checkpoint-seconds", "0.3")
    prefix, servers = deployment_prefix, kafka.bootstrap_servers
    guild = local.guild("Home", "general")
    tenant, channel = tenant_of(guild.id), guild.find("general")
    ada = local.person("Ada", guild, permissions=Permission.MANAGE_GUILD)
    async with (
        ModelServer() as models,
        deployment(
            kafka, home, lambda _: None, prefix=prefix, workers=1, partitions=2, worker_options=options
        ) as running,
        composed(
            BotSettings(servers, state, prefix, deadline_ms=20_000.0, **files(models.url)),
            {},
            guild_ready_timeout=QUICK,
        ) as parts,
        connected(parts.bot, local) as bot,
    ):
        await running.serving()
        await bot.parts.settings.change(tenant, GuildSettings(content_features=True))
        while parts.enrolment.pending:
            await asyncio.sleep(0.05)

        asked = [ada.post(channel, f"{local.bot.mention} {TEXTS[0]}")]
        answer = await _answer(local, channel, 1)
        ada.click(answer, "👍")
        ada.react(answer, "🎉")
        await ada.use(channel, "privacy opt-in").answered()
        asked.append(ada.post(channel, f"{local.bot.mention} {TEXTS[1]}", reply_to=answer))
        await _answer(local, channel, 2)
        asked.append(ada.post(ada.direct(), TEXTS[2]))
        await _answer(local, ada.direct(), 1)

        await _until(servers, prefix, "outcomes", Outcome, 3)
        units = {bot.parts.people.unit(each, ada.id) for each in (tenant, "direct")}
        kept = await bot.parts.people.export(tenant, ada.id)
        delete = await ada.use(channel, "privacy delete", where="everywhere").answered()
        await ada.click(delete, "Delete it").until(lambda _: "Deleted" in delete.content)
        asked.append(ada.post(channel, f"{local.bot.mention} {TEXTS[0]}"))
        await _answer(local, channel, 3)
        await _until(servers, prefix, "decisions", Decision, 4)
        found = await _records(servers, prefix)
        new = bot.parts.people.unit(tenant, ada.id)

    decisions = [each for each in _events(found, "decisions", Decision) if each.domain == MODEL_ROUTING]
    assert {each.unit for each in decisions} == {*units, new}
    assert new not in units
    assert kept["pseudonym"] in units
    _holds_what_was_decided(kept, found)
    seen = _everything(found, home, kafka.data_dir, [state / "spool"], "".join(capfd.readouterr()) + caplog.text)
    for needle, where in [(tenant, "table"), ("in force", "log"), *((unit, "topic") for unit in units)]:
        assert any(place.startswith(where) and needle.encode() in data for place, data in seen), "it would find nothing"
    ids = {"ada": ada.id, "channel": channel.id, "direct": ada.direct().id}
    ids |= {f"message {number}": message.id for number, message in enumerate(asked)} | {"answer": answer.id}
    for name, number in ids.items():
        for how, needle in _written(number):
            assert [place for place, data in seen if needle in data] == [], f"the id of {name} as {how}"
    for word in WORDS:
        for needle in (word.encode(), word.capitalize().encode(), word.encode("utf-16-le"), word.upper().encode()):
            assert [place for place, data in seen if needle in data] == [], word
    # After the deletion the bot's own disk does not lead to the old pseudonyms either.
    own = [(str(path), path.read_bytes()) for path in state.rglob("*") if path.is_file()]
    assert [place for place, data in own if any(unit.encode() in data for unit in units)] == []


def _holds_what_was_decided(kept, records):
    """The person's export has the outcomes about the pseudonym: what policies saw, by name, and what came of it."""
    outcomes = [each for each in _events(records, "outcomes", Outcome) if each.decision.unit == kept["pseudonym"]]
    exported = {each["decision"]: each for each in kept["decisions"]}
    assert kept["decisions_are_all"]
    asked = [each for each in outcomes if each.decision.domain == MODEL_ROUTING]
    assert len(asked) == 2
    for outcome in asked:
        mine = exported[outcome.decision.id]
        assert (mine["chosen"], mine["observed"]) == (outcome.decision.arm, outcome.observations)
        assert list(mine["seen"]) == [each.name for each in ROUTING]
    first, second = (exported[each.decision.id]["seen"] for each in sorted(asked, key=lambda each: each.decided_at_ms))
    assert (first["links"], first["content_0"], second["code_block"]) == (0.5, None, 1.0)
    assert second["content_0"] is not None  # after the opt-in


def _written(number):
    """The ways in which programs write a number down."""
    yield "text", str(number).encode()
    yield "hexadecimal", f"{number:x}".encode()
    yield "big-endian", number.to_bytes(8, "big")
    yield "little-endian", number.to_bytes(8, "little")
    yield "double", struct.pack("<d", float(number))
    for how, value in (("varint", number), ("zigzag varint", 2 * number)):
        sevens = [value >> shift & 127 for shift in range(0, value.bit_length(), 7)]
        yield how, bytes([*(each | 128 for each in sevens[:-1]), sevens[-1]])


def _everything(records, home, broker, more, logs):
    """Whatever is kept outside the bot: (where, bytes)."""
    seen = [(f"topic:{topic}", b"\0".join(part or b"" for part in parts)) for topic, parts in records]
    seen.append(("log:bot", logs.encode()))
    files = [path for root in (home, *more) for path in root.rglob("*") if path.is_file()]
    files += broker.rglob("*.log") if broker else []  # its index files are room for offsets, and large
    seen += [(f"file:{path}", path.read_bytes()) for path in files]
    for current in home.rglob("CURRENT"):  # the tables once more, as RocksDB reads them: files may be compressed
        table = Rdict(str(current.parent), Options(raw_mode=True), access_type=AccessType.read_only())
        seen += [(f"table:{current.parent}", key + b"\0" + value) for key, value in table.items()]
        table.close()
    return seen


async def _records(servers, prefix, *topics):
    """Every record of these topics of the deployment, or of all: (topic, (key, value, headers))."""
    found = []
    async with AIOKafkaConsumer(bootstrap_servers=servers, fetch_max_wait_ms=50) as consumer:
        wanted = [f"{prefix}{topic}" for topic in topics]
        wanted = wanted or [topic for topic in await consumer.topics() if topic.startswith(prefix)]
        for topic in wanted:
            await consumer._client._wait_on_metadata(topic)
        places = [TopicPartition(topic, number) for topic in wanted for number in consumer.partitions_for_topic(topic)]
        ends = await consumer.end_offsets(places)
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        while any([await consumer.position(place) < ends[place] for place in places]):
            for place, records in (await consumer.getmany(timeout_ms=50)).items():
                topic = place.topic.removeprefix(prefix)
                found += [(topic, (each.key, each.value, repr(each.headers).encode())) for each in records]
    return found


def _events(records, topic, kind):
    assert topic in {each.name for each in ALL}
    decoded = [wire.decode(topic, parts[1]) for name, parts in records if name == topic]
    return [each for each in decoded if isinstance(each, kind)]


async def _until(servers, prefix, topic, kind, count):
    """Wait until there are so many about models."""
    async with asyncio.timeout(60):
        while True:
            events = _events(await _records(servers, prefix, topic), topic, kind)
            if sum((each if kind is Decision else each.decision).domain == MODEL_ROUTING for each in events) >= count:
                return
            await asyncio.sleep(0.1)


async def _answer(local, channel, count):
    """The bot's answer number `count` in a channel, once it can be rated."""
    mine = await channel.until(
        lambda said: (
            len(found := [each for each in said if each.author is local.bot and each.components]) >= count and found
        ),
        timeout=60,
    )
    return mine[-1]
