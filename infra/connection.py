"""Which broker a command talks to."""

import json
import os
from pathlib import Path

from schemas.errors import BrokerUnavailableError

VARIABLE = "KAFKA_BOOTSTRAP_SERVERS"
HOME_VARIABLE = "CROUPIER_HOME"


def home() -> Path:
    """Where a local deployment keeps what it must remember: $CROUPIER_HOME, else .croupier in this directory."""
    return Path(os.environ.get(HOME_VARIABLE) or ".croupier")


def bootstrap_servers(option: str | None) -> str:
    """Address of the broker, "host:port[,host:port...]".

    Taken from the option, else the environment, else the local deployment that runs from this directory.
    BrokerUnavailableError says how to start one when there is none.
    """
    if option:
        return option
    if configured := os.environ.get(VARIABLE):
        return configured
    record = home() / "broker.json"
    try:
        address = json.loads(record.read_text(encoding="utf-8"))["bootstrap_servers"]
    except FileNotFoundError:
        raise BrokerUnavailableError(
            f"no broker: {VARIABLE} is not set and no local deployment runs here ({record} does not exist). "
            "Start one with `croupier up`, or name a broker with --bootstrap HOST:PORT."
        ) from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BrokerUnavailableError(
            f"{record} does not say where the broker is ({type(error).__name__}: {error}); expected "
            '{"bootstrap_servers": "host:port"}. Start the local deployment again with `croupier up`.'
        ) from None
    if not isinstance(address, str) or not address:
        raise BrokerUnavailableError(
            f'{record} names {address!r} as "bootstrap_servers"; expected "host:port". '
            "Start the local deployment again with `croupier up`."
        )
    return address
