"""Every alert, as data, by what it is about."""

from typing import Final

from ..alert import Alert
from . import bot, data, monitoring, pipeline, targets

ALERTS: Final[tuple[Alert, ...]] = (
    *pipeline.ALERTS, *data.ALERTS, *targets.ALERTS, *bot.ALERTS, *monitoring.ALERTS,
)  # fmt: skip
