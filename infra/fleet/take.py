"""What a new tenant begins with: the last record of the fleet about its domain, as a prior of its policies."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from schemas.domains import DomainSpec
from schemas.errors import SpecificationError
from schemas.events import FleetStatistics
from stream_workers.bandits.fleet import common
from stream_workers.bandits.prior import begin, shared
from stream_workers.learning.terms import terms_of

from .publish import blocks_of

Key = tuple[str, str]  # tenant, domain

#: Outcomes of each arm that a fleet's prior counts as at most, as far as it is no noise.
OBSERVATIONS: Final = 20
_CONSTANT: Final = ("fixed", "uniform")


class Taken(NamedTuple):
    """The priors of a new domain's policies, and the record they are from."""

    key: Key
    priors: dict[str, bytes]
    record: FleetStatistics


def take(
    specs: Sequence[DomainSpec],
    latest: Mapping[Key, tuple[int, DomainSpec | None]],
    records: Sequence[FleetStatistics],
    given: Mapping[Key, Mapping[str, bytes]],
) -> list[Taken]:
    """For domains that are opted in and not in force yet.  given: priors that are decided on already."""
    found = []
    for spec in specs:
        key = (spec.tenant, spec.domain)
        if not spec.fleet or latest.get(key, (0, None))[1] is not None:
            continue
        record = _of(spec, records)
        if record is None:
            continue
        known = common(blocks_of(record), record.tenants, record.arm_tenants, record.noise)
        data, terms, priors = shared(record.arms, known, OBSERVATIONS), terms_of(spec)[1], {}
        for learner, setting in zip(terms.learners, terms.settings, strict=True):
            if learner.kind in _CONSTANT or learner.name in given.get(key, ()):
                continue
            try:
                begin(learner.kind, setting, data)
            except SpecificationError as error:
                raise SpecificationError(f"{spec.tenant}/{spec.domain}, policy {learner.name}: {error}") from None
            priors[learner.name] = data
        if priors:
            found.append(Taken(key, priors, record))
    return found


def _of(spec: DomainSpec, records: Sequence[FleetStatistics]) -> FleetStatistics | None:
    names = {arm.name for arm in spec.arms}
    for record in reversed(records):
        if (record.domain, record.features) == (spec.domain, spec.width) and names & set(record.arms):
            return record
    return None
