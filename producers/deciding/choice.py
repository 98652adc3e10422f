"""What the decision path answers, and how it is asked."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from schemas.errors import CroupierError
from schemas.events import Decision


class SpoolFullError(CroupierError):
    """Kafka has been away for so long that no more can be kept on disk: what was to be recorded is not."""


class Choice(Struct, frozen=True):
    """What to do about one request, now."""

    id: str  # of the context, and so of the decision that there is or will be
    tenant: str
    domain: str
    arm: str  # to act on
    ranking: tuple[str, ...]  # the eligible arms, `arm` first, then by the decision's scores; a fallback's as given
    how: Literal["decided", "late", "unreachable"]  # all but the first: `arm` is the domain's fallback
    decision: Decision | None  # None: no decision came in time
    waited_ms: float  # from being asked to this answer
    own_ms: float = 0.0  # of these, not spent waiting for Kafka

    @property
    def on_fallback(self) -> bool:
        """Nobody decided this in time."""
        return self.decision is None


class Deciding(Protocol):
    """The decision path."""

    async def decide(
        self,
        tenant: str,
        domain: str,
        features: Sequence[float] | NDArray[np.floating[Any]],
        *,
        fallback: Sequence[str],
        id: str | None = None,  # noqa: A002 - the field's name on the wire
        eligible: Sequence[str] | None = None,
        restrictions: Mapping[str, str] | None = None,
        unit: str | None = None,
        after: str | None = None,
    ) -> Choice:
        """What to do; within the deadline, whatever happens to Kafka, and never an error of Kafka.

        features: NaN is one that is not known.  fallback: arms in the order in which they are to be tried when no
        decision comes.  eligible: narrows the domain's arms; restrictions: why an arm is not among them, by arm.
        unit: who it is about, as a pseudonym.  after: id of the tenant's decision in another domain that this follows.
        ValueError: the request is not valid; nothing was sent.
        """
        ...

    async def observe(self, tenant: str, decision: str, observations: Mapping[str, float], *, id: str) -> None:  # noqa: A002
        """Record what came of a decision; returns when Kafka has it or it is safe on disk.

        id: of this reward; sending the same again changes nothing.  SpoolFullError: it is not recorded.
        """
        ...
