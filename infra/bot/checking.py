"""`croupier bot --check`: everything the bot needs, looked at one by one; nothing is posted."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import aiohttp
import discord
from msgspec import Struct

from infra.commands.exits import Exit
from infra.commands.printing import print_json, say
from infra.kafka.topics import check_topics
from producers.discord.permissions import invite, missing
from producers.providers import check as check_providers
from producers.providers import read_catalogue
from schemas.errors import BrokerUnavailableError, CroupierError, TopicsMismatchError

from .addresses import use_discord_at
from .compose import read_files
from .run import quiet_libraries
from .settings import BotSettings

_PORTAL: Final = "https://discord.com/developers/applications"
_PAGE: Final = 200


class Found(Struct, frozen=True):
    """One thing that was looked at."""

    what: str
    ok: bool
    detail: str


def report(settings: BotSettings, token: str, environment: Mapping[str, str], *, as_json: bool) -> int:
    """Print what is found as it is found; the exit code."""
    return asyncio.run(_report(settings, token, environment, as_json=as_json))


async def _report(settings: BotSettings, token: str, environment: Mapping[str, str], *, as_json: bool) -> int:
    quiet_libraries()
    found = []
    async for each in checks(settings, token, environment):
        found.append(each)
        if not as_json:
            say(f"{'ok ' if each.ok else 'NOT'}  {each.what}: {each.detail}")
    ok = all(each.ok for each in found)
    if as_json:
        print_json({"ok": ok, "checks": [{"what": each.what, "ok": each.ok, "detail": each.detail} for each in found]})
    else:
        say("all is well" if ok else "mend what is marked NOT, and check again")
    return 0 if ok else int(Exit.WRONG)


async def checks(settings: BotSettings, token: str, environment: Mapping[str, str]) -> AsyncIterator[Found]:
    """In the order in which an owner sets things up; what depends on something that failed is left out."""
    async for each in _files(settings, environment):
        yield each
    async for each in _providers(settings, environment):
        yield each
    async for each in _kafka(settings):
        yield each
    async for each in _discord(settings, token):
        yield each


async def _files(settings: BotSettings, environment: Mapping[str, str]) -> AsyncIterator[Found]:
    try:
        catalogue, models, template = read_files(settings, environment)
    except CroupierError as error:
        yield Found("files", False, str(error))
        return
    arms = [arm.name for arm in template.arms]
    strange = [arm for arm in arms if arm not in catalogue.models]
    if strange:
        yield Found(
            "files",
            False,
            f"{settings.template} has arms of model_routing that are not in {settings.models}: {', '.join(strange)}. "
            "Leave `arms` out, and they are the catalogue's models",
        )
    else:
        yield Found("files", True, f"{len(models)} of {len(catalogue.models)} models can be asked: {', '.join(models)}")


async def _providers(settings: BotSettings, environment: Mapping[str, str]) -> AsyncIterator[Found]:
    try:
        catalogue = read_catalogue(settings.models)
    except CroupierError:
        return  # said already
    async for each in check_providers(catalogue, environment):
        yield Found(f"provider {each.provider}", each.ok, each.detail)


async def _kafka(settings: BotSettings) -> AsyncIterator[Found]:
    try:
        partitions = await check_topics(settings.bootstrap, prefix=settings.prefix)
    except (BrokerUnavailableError, TopicsMismatchError) as error:
        yield Found("kafka", False, str(error))
    else:
        yield Found("kafka", True, f"{settings.bootstrap} has the topics, {partitions} partitions each")


async def _discord(settings: BotSettings, token: str) -> AsyncIterator[Found]:
    try:
        if settings.discord_api is not None:
            await use_discord_at(settings.discord_api)
        client = discord.Client(intents=discord.Intents.none())
    except CroupierError as error:
        yield Found("discord", False, str(error))
        return
    async with client:
        try:
            await client.login(token)
        except discord.LoginFailure:
            yield Found(
                "token", False, f'Discord refuses it: make a new one at "Reset Token" on the page Bot of {_PORTAL}'
            )
            return
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            yield Found("token", False, f"Discord can not be asked ({type(error).__name__}): is there a way to it?")
            return
        assert client.user is not None
        yield Found("token", True, f"it is that of {client.user}")
        application = await client.application_info()
        yield _intents(application, wanted=settings.message_content)
        yield await _sessions(client)
        async for each in _guilds(client, application.id):
            yield each


def _intents(application: discord.AppInfo, *, wanted: bool) -> Found:
    flags = application.flags
    has = flags.gateway_message_content or flags.gateway_message_content_limited
    if has or not wanted:
        said = "it may read messages" if has else "it does without reading messages (--no-message-content)"
        return Found("intents", True, said)
    return Found(
        "intents",
        False,
        f'it may not read messages: switch on "Message Content Intent" on the page Bot of {_PORTAL}, or start with '
        "--no-message-content",
    )


async def _sessions(client: discord.Client) -> Found:
    """How often it may connect today."""
    data: dict[str, Any] = await client.http.request(discord.http.Route("GET", "/gateway/bot"))
    limit = data["session_start_limit"]
    left, total = limit["remaining"], limit["total"]
    hours = limit["reset_after"] / 3_600_000
    shards = data["shards"]
    said = f"{left} of {total} connections are left for the next {hours:.0f} h; Discord recommends {shards} shards"
    if left < 2 * shards:
        return Found("connections", False, f"{said}: what restarts the bot so often? See its log")
    return Found("connections", True, said)


async def _guilds(client: discord.Client, application: int) -> AsyncIterator[Found]:
    """Servers on which it may not do what it has to; channels may still deny what their server allows."""
    link = invite(application)
    count = wrong = 0
    async for name, held in _permissions(client):
        count += 1
        absent = [] if held.administrator else missing(held)
        if absent:
            wrong += 1
            yield Found(
                f"server {name}", False, f"it may not: {', '.join(absent)}. Invite it again, which adds them: {link}"
            )
    if not count:
        yield Found("servers", False, f"it is on none yet; invite it: {link}")
    elif not wrong:
        yield Found("servers", True, f"it has the permissions that it needs on {count}")


async def _permissions(client: discord.Client) -> AsyncIterator[tuple[str, discord.Permissions]]:
    """Of the bot, by server."""
    after: int | None = None
    while page := await client.http.get_guilds(_PAGE, after=after, with_counts=False):
        for guild in page:
            each: dict[str, Any] = {**guild}
            yield each["name"], discord.Permissions(int(each["permissions"]))
        after = int(page[-1]["id"])
        if len(page) < _PAGE:
            return
