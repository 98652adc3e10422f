"""What the log of decisions has of a person, under the pseudonym: for `/privacy export`."""

import asyncio
import math
from typing import Any, Final

import numpy as np
import structlog

from infra.reading.log import Log
from producers.discord.features import FEATURES
from schemas.errors import CroupierError
from schemas.events import Outcome

from .recent import recent

_log = structlog.stdlib.get_logger(__name__)

#: A file that Discord takes (10 MB) holds some ten thousand.
_MOST: Final = 5_000
_SECONDS: Final = 30.0
_CONNECTING_S: Final = 5.0
_DIGITS: Final = 4


class LogOfDecisions:
    """`ports.Keeping` of the topic outcomes.  It exports; what it has is not deleted, but unlinked, by the others."""

    def __init__(self, bootstrap: str, prefix: str, *, seconds: float = _SECONDS, most: int = _MOST) -> None:
        """seconds: of reading; most: decisions, the last ones."""
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._seconds = seconds
        self._most = most

    async def export(self, tenant: str, unit: str) -> dict[str, Any]:
        """Every decision about the person of which the outcome is known: what was seen, chosen, observed."""
        try:
            async with asyncio.timeout(_CONNECTING_S + 2 * self._seconds):
                async with Log.open(self._bootstrap, self._prefix) as log:
                    found = await recent(log, tenant, 0, self._most, self._seconds, unit)
        except (CroupierError, TimeoutError) as error:
            _log.warning("the log could not be read for an export", error=type(error).__name__)
            return {"decisions": None, "decisions_are_all": False}
        return {"decisions": [_plain(each) for each in found.outcomes], "decisions_are_all": found.whole}

    async def forget(self, tenant: str, unit: str) -> int:
        """Nothing: nobody knows any more whose they are."""
        return 0

    def moved(self, tenant: str, before: str, after: str) -> None:
        """Nothing: what was under the old pseudonym stays there."""

    async def forget_tenant(self, tenant: str) -> None:
        """Nothing, as `forget`."""

    async def sweep(self) -> None:
        """Nothing: the topic's retention does that."""


def _plain(outcome: Outcome) -> dict[str, Any]:
    decision = outcome.decision
    features = [round(float(each), _DIGITS) for each in np.frombuffer(decision.features, "<f4")]
    described = FEATURES.get(decision.domain, ())
    names = [each.name for each in described] if len(described) <= len(features) else []
    names += [f"feature_{number}" for number in range(len(names), len(features))]
    chances = np.frombuffer(decision.propensities, "<f4").astype(float).round(_DIGITS).tolist()
    return {
        "decision": decision.id,
        "kind": decision.domain,
        "decided_at": outcome.decided_at_ms / 1000,
        "seen": {name: None if math.isnan(value) else value for name, value in zip(names, features, strict=True)},
        "chosen": decision.arm,
        "chances": dict(zip(decision.arms, chances, strict=True)),
        "observed": dict(outcome.observations),
    }
