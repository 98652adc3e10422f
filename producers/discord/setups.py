"""The parts of the bot that people meet, in the order in which they are added."""

from typing import Final

from .bot import Setup

#: Each is a function of the part's module: `async def setup(bot: CroupierBot) -> None`.
SETUPS: Final[tuple[Setup, ...]] = ()
