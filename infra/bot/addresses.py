"""Which Discord the bot talks to: discord.com, or another address that speaks its protocol."""

import aiohttp
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from schemas.errors import CroupierError

_SECONDS = 10.0


async def use_discord_at(api: str) -> None:
    """Point discord.py at a REST API, "http://host:port/api/v10", and at the gateway that this one names.

    CroupierError: nothing that is Discord answers there; ConnectionError: it can not now, and may be asked later.
    """
    try:
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(f"{api}/gateway") as response:
            if response.status in {429, 500, 502, 503, 504}:
                raise ConnectionError(f"Discord at {api} answers with {response.status}")
            gateway = (await response.json())["url"]
    except ConnectionError:
        raise
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
        raise CroupierError(
            f"no Discord answers at {api} ({type(error).__name__}): --discord-api wants the address of a REST API of "
            "version 10, such as http://localhost:8080/api/v10; leave it out for discord.com"
        ) from None
    Route.BASE = api
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway)
