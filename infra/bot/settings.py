"""What `croupier bot` is told by its options and its environment."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from producers.discord.pace import Pace
from schemas.errors import CroupierError

TOKEN_VARIABLE: Final = "DISCORD_TOKEN"  # noqa: S105 - a name
_ROOT: Final = Path(__file__).parents[2]
MODELS: Final = _ROOT / "examples" / "models.toml"
TEMPLATE: Final = _ROOT / "examples" / "bot.toml"


class BotSettings(Struct, frozen=True):
    """Everything but the token."""

    bootstrap: str
    state: Path  # of this process alone
    prefix: str = ""
    models: Path = MODELS
    template: Path = TEMPLATE
    discord_api: str | None = None
    message_content: bool = True
    spool_bytes: int | None = None  # what may wait on disk for Kafka; None: as `DecisionPath` has it
    deadline_ms: float | None = None  # how long a decision is waited for; None: as `DecisionPath` has it
    instructions: str = ""
    fetch_links: bool = False  # in posts that are analysed (docs/discord-using.md)
    pace: Pace = Pace()
    http_host: str = "127.0.0.1"
    http_port: int = 0
    announce: Path | None = None  # directory in which `croupier status` finds the process


def read_token(file: Path | None, environment: Mapping[str, str] = os.environ) -> str:
    """The bot's token: of the file, else of the environment.  CroupierError: there is none, or others can read it."""
    if file is None:
        token = environment.get(TOKEN_VARIABLE, "").strip()
        if not token:
            raise CroupierError(
                f"no token: set {TOKEN_VARIABLE}, or name a file that holds it with --token-file. Discord shows one at "
                '"Reset Token" on the page Bot of your application, and only then (docs/discord.md)'
            )
        return token
    try:
        mode = file.stat().st_mode
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CroupierError(f"{file}: the token can not be read ({error})") from None
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        raise CroupierError(f"{file}: others can read the token: chmod 600 {file}")
    if not token or any(each.isspace() for each in token):
        raise CroupierError(f"{file}: expected one line with the bot's token, and nothing else")
    return token
