"""All models of a catalogue, behind `Answering`."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Literal, Self

import structlog
from prometheus_client import CollectorRegistry

from .answer import Attempt, Request, Usage
from .asking import Asking
from .breaker import Breaker, State
from .catalogue import Catalogue
from .endpoint import Endpoint
from .endpoints import endpoint, key_of
from .estimate import output_limit, request_tokens
from .metrics import ProviderMetrics
from .pulse import Pulse
from .race import Race
from .throttle import Throttle

_log = structlog.get_logger(__name__)

#: Why a model can not take a request (docs/providers.md).
Restriction = Literal["unknown", "disabled", "no-key", "unhealthy", "capability", "context-length"]


class Providers:
    """Asks the models of a catalogue.  An async context: leaving it closes the connections.

    environment: where keys are; registry: where metrics go; clock: the breakers', in
    seconds, monotonic.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        registry: CollectorRegistry | None = None,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.catalogue = catalogue
        self._endpoints: dict[str, Endpoint] = {}
        for name, provider in catalogue.providers.items():
            key = key_of(provider, environment)
            if key is not None:
                self._endpoints[name] = endpoint(provider, key)
            else:
                _log.warning("provider left out: it has no key", provider=name, variable=provider.key_variable)
        self._breakers = {arm: Breaker(catalogue.breaker, clock, _teller(arm)) for arm in catalogue.models}
        self._throttle = Throttle(catalogue.throttle)
        self._pulse = Pulse()
        self._metrics = ProviderMetrics(registry or CollectorRegistry(), self.breakers)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Release all connections."""
        self._pulse.stop()
        for each in self._endpoints.values():
            await each.close()

    @property
    def arms(self) -> tuple[str, ...]:
        """Those that can be asked at all: enabled, and their provider has its key."""
        return tuple(arm for arm in self.catalogue.arms if self.catalogue.models[arm].provider in self._endpoints)

    def breakers(self) -> dict[str, State]:
        """The state of every arm's circuit breaker."""
        return {arm: breaker.state for arm, breaker in self._breakers.items()}

    def restrictions(self, arms: Sequence[str], request: Request) -> dict[str, str]:
        """As `Answering.restrictions`."""
        reasons = ((arm, self._restriction(arm, request)) for arm in arms)
        return {arm: reason for arm, reason in reasons if reason is not None}

    def stream(self, ranking: Sequence[str], request: Request) -> Race:
        """As `Answering.stream`."""
        self._pulse.start()
        self._throttle.request()
        reasons = self.restrictions(ranking, request)
        return Race(
            [arm for arm in dict.fromkeys(ranking) if arm not in reasons],
            request,
            self._asking,
            self._hedge_after,
            self._metrics.attempted,
            self._throttle.draw,
            self._hedged,
            self._metrics.unanswered.inc,
            [
                Attempt(arm, "refused", f"not asked: {reason}", Usage(0, 0), 0.0, 0.0, None)
                for arm, reason in reasons.items()
            ],
        )

    def _restriction(self, arm: str, request: Request) -> Restriction | None:
        model = self.catalogue.models.get(arm)
        if model is None:
            return "unknown"
        if not model.enabled:
            return "disabled"
        if model.provider not in self._endpoints:
            return "no-key"
        if not self._breakers[arm].admits:
            return "unhealthy"
        needs = request.needs | {"vision"} if any(each.images for each in request.messages) else request.needs
        if not needs <= model.capabilities:
            return "capability"
        if request_tokens(model, request) + output_limit(model, request) > model.context_length:
            return "context-length"
        return None

    def _asking(self, arm: str, on_attempt: Callable[[Attempt], None]) -> Asking:
        model = self.catalogue.models[arm]
        return Asking(
            arm, model, self._endpoints[model.provider], self._breakers[arm], self._throttle, self._pulse, on_attempt
        )

    def _hedge_after(self, arm: str) -> float | None:
        return self.catalogue.models[arm].limits.hedge_after_s

    def _hedged(self, arm: str) -> None:
        self._metrics.hedges.labels(arm).inc()
        _log.debug("another model is asked: the first has not begun to answer", arm=arm)


def _teller(arm: str) -> Callable[[float], None]:
    """What a breaker tells operators."""

    def tell(seconds: float) -> None:
        if seconds:
            _log.warning("model left alone: it keeps failing or asked for a pause", arm=arm, seconds=round(seconds, 3))
        else:
            _log.info("model is well again", arm=arm)

    return tell
