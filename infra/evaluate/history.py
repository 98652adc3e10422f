"""What happened in one domain, in log order: changes of its specification, and outcomes that count."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from schemas.domains import DomainSpec
from schemas.errors import BadRecordError, CroupierError
from schemas.events import Outcome, SpecChange
from schemas.observations import was_followed
from stream_workers.learning.outcomes import check


class EvaluationError(CroupierError):
    """There is nothing to evaluate, or it is not clear what."""


class Era(NamedTuple):
    """A time under one specification."""

    spec: DomainSpec
    version: int
    outcomes: list[Outcome]
    priors: Mapping[str, bytes] = {}  # by policy: what it begins with
    new: bool = False  # the domain was removed before: what was learned is forgotten


class History(NamedTuple):
    """Of one domain.

    skipped: outcomes nothing can be learned from, and such that came before any specification; unfollowed: outcomes of
    decisions that nobody acted on, which say nothing of what was decided.
    """

    eras: list[Era]
    skipped: int
    unfollowed: int = 0

    @property
    def spec(self) -> DomainSpec:
        """The last one in force."""
        return self.eras[-1].spec

    @property
    def outcomes(self) -> list[Outcome]:
        """All, in log order."""
        return [outcome for era in self.eras for outcome in era.outcomes]


def history_of(events: Iterable[SpecChange | Outcome], tenant: str, domain: str) -> History:
    """From the events of a tenant's partition, or an export, in log order.

    As the learner reads them: of outcomes with one ordinal the first counts, a change that is not newer changes
    nothing.  EvaluationError: the domain is not there, or has no outcomes.
    """
    eras: list[Era] = []
    seen: set[int] = set()
    version, skipped, unfollowed, removed = -1, 0, 0, True
    others: set[str] = set()
    for event in events:
        name = domain_of(event)
        if name != (tenant, domain):
            others.add("/".join(name))
            continue
        if isinstance(event, SpecChange):
            if event.version > version:
                version = event.version
                if event.spec is not None:
                    eras.append(Era(event.spec, event.version, [], event.priors, removed))
                removed = event.spec is None
            continue
        if event.ordinal in seen:
            continue
        seen.add(event.ordinal)
        if removed or not _plain(event, eras[-1].spec):
            skipped += 1
            continue
        if not was_followed(event.observations):
            unfollowed += 1
            continue
        eras[-1].outcomes.append(event)
    return _checked(History(eras, skipped, unfollowed), tenant, domain, others)


def domain_of(event: SpecChange | Outcome) -> tuple[str, str]:
    """Tenant and domain."""
    named = event if isinstance(event, SpecChange) else event.decision
    return named.tenant, named.domain


def _plain(outcome: Outcome, spec: DomainSpec) -> bool:
    try:
        check(outcome, spec)
    except BadRecordError:
        return False
    return True


def _checked(found: History, tenant: str, domain: str, others: set[str]) -> History:
    if not found.eras:
        there = ", ".join(sorted(others)[:10]) or "none"
        raise EvaluationError(
            f"there is no specification of {tenant}/{domain} among these outcomes; domains that are there: {there}"
        )
    if not found.outcomes and found.unfollowed:
        raise EvaluationError(
            f"nobody acted on any of the {found.unfollowed} decisions of {tenant}/{domain} that have an outcome: "
            "fallback arms answered (docs/decision-path.md)"
        )
    if not found.outcomes:
        raise EvaluationError(
            f"{tenant}/{domain} has no outcomes that count yet; `croupier tail outcomes --tenant {tenant}` shows them "
            "as they come"
        )
    return found
