"""Which model is to answer: who is left after settings, budget and health, and then the decision."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from msgspec import Struct

from producers.deciding import Choice, Deciding
from producers.providers import Answering, Request

from .asked import Asked
from .features import routing_features
from .journal import Acted
from .ports import MODEL_ROUTING, People, SettingsStore

#: Why an arm is not eligible (schemas.events.Context.restrictions); `Answering.restrictions` has more.
NOT_ALLOWED: Final = "not-allowed"  # by the guild's settings
BUDGET: Final = "budget"  # of the guild
TRIED: Final = "tried"  # it gave the answer that is to be replaced
#: What passes by itself; then nothing else is told.
_PASSING: Final = "unhealthy"
#: Which of several reasons the asker is told: the one that somebody can do most about comes first.
_TOLD: Final = ("capability", "context-length", BUDGET, NOT_ALLOWED)


class Prices(Protocol):
    """What a request costs."""

    def __call__(self, arm: str, request: Request) -> float:
        """USD that an answer by this model is expected to cost."""
        ...


def free(arm: str, request: Request) -> float:  # noqa: ARG001 - as `Prices`
    """Prices of models that cost nothing."""
    return 0.0


class RefusedError(Exception):
    """Nobody can answer this; `why` is one of the texts refusals.* and a label of the metric."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Chosen(Struct, frozen=True):
    """What to do, and what of it is to be remembered."""

    acted: Acted
    choice: Choice


class Choosing:
    """Chooses."""

    def __init__(
        self,
        deciding: Deciding,
        answering: Answering,
        people: People,
        settings: SettingsStore,
        models: Sequence[str],
        prices: Prices,
    ) -> None:
        """models: arms of model_routing, in the order in which they are tried when nothing was decided."""
        self._deciding = deciding
        self._answering = answering
        self._people = people
        self._settings = settings
        self._models = tuple(models)
        self._prices = prices

    async def choose(self, asked: Asked, request: Request, decision: str, tried: frozenset[str]) -> Chosen:
        """decision: its id.  tried: models whose answers are to be replaced.  RefusedError: there is none to choose."""
        tenant, user = asked.seen.tenant, asked.seen.user
        restrictions = self._restrictions(tenant, request, tried)
        eligible = tuple(arm for arm in self._models if arm not in restrictions)
        if not eligible:
            raise RefusedError(_told(restrictions))
        settings = self._settings.of(tenant)
        if not settings.on(MODEL_ROUTING):
            first = Choice(decision, tenant, MODEL_ROUTING, eligible[0], eligible, "unreachable", None, 0.0)
            return Chosen(Acted(decision, eligible[0], eligible, None, recorded=False), first)
        content = settings.content_features and self._people.consents(tenant, user)
        choice = await self._deciding.decide(
            tenant,
            MODEL_ROUTING,
            routing_features(asked.seen, self._people.past(tenant, user), asked.conversation, content=content),
            fallback=eligible,
            id=decision,
            eligible=eligible,
            restrictions=restrictions or None,
            unit=self._people.unit(tenant, user),
        )
        arms = None if choice.decision is None else choice.decision.arms
        return Chosen(Acted(decision, choice.arm, choice.ranking, arms), choice)

    def _restrictions(self, tenant: str, request: Request, tried: frozenset[str]) -> dict[str, str]:
        """Of the models, those that can not be chosen, and why."""
        settings = self._settings.of(tenant)
        allowed = self._models if settings.models is None else settings.models
        restrictions = {arm: NOT_ALLOWED for arm in self._models if arm not in allowed}
        restrictions |= self._answering.restrictions([arm for arm in self._models if arm not in restrictions], request)
        if settings.monthly_budget_usd is not None:
            left = settings.monthly_budget_usd - self._settings.spent_this_month(tenant)
            dear = (arm for arm in self._models if arm not in restrictions and self._prices(arm, request) > left)
            restrictions |= dict.fromkeys(dear, BUDGET)
        others = [arm for arm in self._models if arm not in restrictions and arm not in tried]
        if others:  # else one of those that were tried tries again
            restrictions |= {arm: TRIED for arm in tried if arm in self._models and arm not in restrictions}
        return restrictions


def _told(restrictions: Mapping[str, str]) -> str:
    reasons = set(restrictions.values())
    told = () if _PASSING in reasons else (each for each in _TOLD if each in reasons)
    return next(iter(told), "no_model").replace("-", "_")
