"""`croupier bot`: the Discord bot, until told to stop; or, with --check, whether everything it needs is there."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from infra.bot.settings import MODELS, TEMPLATE, BotSettings, read_token
from infra.connection import bootstrap_servers, home
from schemas.errors import CroupierError

from .options import AsJson, Bootstrap, HttpHost, HttpPort, Prefix

#: Something failed that a restart may mend: supervisors start again after this, and not after 1 and 2.
EXIT_FAILED = 70

TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        envvar="CROUPIER_DISCORD_TOKEN_FILE",
        help="File with the bot's token, readable by you alone; else the environment's DISCORD_TOKEN.",
    ),
]
State = Annotated[
    Path | None,
    typer.Option(
        "--state", envvar="CROUPIER_BOT_STATE", help="Directory of this bot alone; else .croupier/state/bot-1."
    ),
]
Models = Annotated[
    Path,
    typer.Option(
        "--models",
        envvar="CROUPIER_MODELS",
        help="Catalogue of models; else examples/models.toml. The first one that can be asked is the fallback.",
        show_default=False,
    ),
]
Template = Annotated[
    Path,
    typer.Option(
        "--template",
        envvar="CROUPIER_BOT_TEMPLATE",
        help="Domain file that every server gets; else examples/bot.toml.",
        show_default=False,
    ),
]
DiscordApi = Annotated[
    str | None,
    typer.Option(
        "--discord-api",
        envvar="CROUPIER_DISCORD_API",
        help="REST API of another Discord than discord.com, http://HOST:PORT/api/v10.",
    ),
]
Content = Annotated[
    bool,
    typer.Option(
        "--message-content/--no-message-content",
        envvar="CROUPIER_MESSAGE_CONTENT",
        help="Whether the application has the Message Content intent.",
    ),
]
Deadline = Annotated[
    float | None,
    typer.Option(
        "--deadline-ms", envvar="CROUPIER_DEADLINE_MS", min=1.0, help="How long a decision is waited for; 250."
    ),
]
SpoolBytes = Annotated[
    int | None,
    typer.Option("--spool-bytes", min=4096, help="How much may wait on disk while Kafka is away; 64 MiB."),
]
Instructions = Annotated[
    Path | None,
    typer.Option("--instructions", envvar="CROUPIER_INSTRUCTIONS", help="File with what models are told first."),
]
FetchLinks = Annotated[
    bool,
    typer.Option(
        "--fetch-links/--no-fetch-links",
        envvar="CROUPIER_FETCH_LINKS",
        help="Follow links in posts that are analysed: only to the public web, whose servers learn this address.",
    ),
]
Check = Annotated[
    bool, typer.Option("--check", help="Verify token, intents, permissions, keys, Kafka and files; post nothing.")
]


def bot(
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    token_file: TokenFile = None,
    state: State = None,
    models: Models = MODELS,
    template: Template = TEMPLATE,
    discord_api: DiscordApi = None,
    message_content: Content = True,
    deadline_ms: Deadline = None,
    spool_bytes: SpoolBytes = None,
    instructions: Instructions = None,
    fetch_links: FetchLinks = False,
    http_host: HttpHost = "127.0.0.1",
    http_port: HttpPort = 0,
    check: Check = False,
    as_json: AsJson = False,
) -> None:
    """Run the Discord bot (docs/discord.md says how to get from nothing to a running one)."""
    _check_extra()
    from infra.logs import configure_logs
    from stream_workers.runtime.loop import run

    settings = BotSettings(
        bootstrap=bootstrap_servers(bootstrap),
        state=Path(),
        prefix=prefix,
        models=models,
        template=template,
        discord_api=discord_api,
        message_content=message_content,
        deadline_ms=deadline_ms,
        spool_bytes=spool_bytes,
        instructions="" if instructions is None else _text(instructions),
        fetch_links=fetch_links,
        http_host=http_host,
        http_port=http_port,
        announce=home() / "run",
    )
    token = read_token(token_file)
    if check:
        from infra.bot.checking import report

        raise typer.Exit(report(settings, token, os.environ, as_json=as_json))

    import structlog
    from msgspec.structs import replace

    from infra.bot.run import run_bot
    from infra.state_directory import claim_state_directory
    from producers.discord.errors import told

    configure_logs("bot")
    settings = replace(settings, state=claim_state_directory(state, home(), "bot"))
    try:
        run(run_bot(settings, token, os.environ))
    except CroupierError:
        raise  # a sentence that says what to mend: a restart does not
    except Exception as error:
        structlog.stdlib.get_logger(__name__).error("ended; a restart may help", **told(error))
        raise typer.Exit(EXIT_FAILED) from None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CroupierError(f"{file}: the instructions can not be read ({error})") from None


def _check_extra() -> None:
    missing = [name for name in ("discord", "openai", "anthropic") if find_spec(name) is None]
    if missing:
        raise CroupierError(
            f"the bot needs what is not installed here: {', '.join(missing)}. Install its extra: pip install '.[bot]' "
            "where Croupier's source is, or `make setup`"
        )
