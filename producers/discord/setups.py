"""The parts of the bot that people meet, in the order in which they are added."""

from typing import Final

from .analysis.cog import setup as analysis
from .asking import setup as asking
from .bot import Setup
from .engagement.cog import setup as engagement
from .people.cog import setup as privacy
from .settings.cog import setup as settings
from .settings.membership import setup as membership
from .stats.cog import setup as stats
from .why.cog import setup as why

#: Each is a function of the part's module: `async def setup(bot: CroupierBot) -> None`.
SETUPS: Final[tuple[Setup, ...]] = (
    membership,
    asking,
    privacy,
    settings,
    analysis,
    engagement,
    why,
    stats,
)
