"""Asks a model for what nobody asked a question for: summaries, suggestions, polls.

No policy chooses the model: the first that a guild allows and that can answer does, in the order in which models are
tried when nothing was decided.  So an arm such as "quick" means the same from one day to the next, and can be learned.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from producers.providers import Answer, Answering, Attempt, Request, Stream

from .ports import SettingsStore

BUDGET: Final = "budget"
UNHEALTHY: Final = "unhealthy"


class Drafting:
    """What models a tenant may use for it, and what that costs the tenant."""

    def __init__(self, answering: Answering, settings: SettingsStore, models: Sequence[str]) -> None:
        """models: in the order in which they are tried."""
        self._answering = answering
        self._settings = settings
        self._models = tuple(models)

    def refusal(self, tenant: str, request: Request) -> str | None:
        """Why nothing can be asked for now (a restriction's reason); None: it can."""
        settings = self._settings.of(tenant)
        budget = settings.monthly_budget_usd
        if budget is not None and self._settings.spent_this_month(tenant) >= budget:
            return BUDGET
        models = self._allowed(tenant)
        return UNHEALTHY if len(self._answering.restrictions(models, request)) >= len(models) else None

    async def draft(self, tenant: str, request: Request, call: str) -> Answer:
        """The answer, charged to the tenant.  call: an id, so that nothing is charged twice.  Unanswered: none came."""
        stream: Stream | None = None
        try:
            async with self._answering.stream(self._allowed(tenant), request) as stream:
                async for _ in stream:
                    pass
            return stream.answer
        finally:  # when the context was left: a call that was cancelled is paid, too
            if stream is not None and (cost := cost_of(stream.attempts)):
                await asyncio.shield(self._settings.spend(tenant, cost, call))

    def _allowed(self, tenant: str) -> tuple[str, ...]:
        allowed = self._settings.of(tenant).models
        return tuple(each for each in self._models if allowed is None or each in allowed)


def restrictions(arms: Sequence[str], free: str, reason: str | None) -> Mapping[str, str]:
    """Why arms that need a model are not eligible.  free: the arm that needs none."""
    return {} if reason is None else {arm: reason for arm in arms if arm != free}


def cost_of(attempts: Sequence[Attempt]) -> float:
    """USD of all of them."""
    return sum(each.cost_usd for each in attempts)
