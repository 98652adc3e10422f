"""From the outcomes of opted-in tenants to a record in `fleet`, within a budget of privacy."""

import secrets
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from infra.domains import clients
from infra.reading.log import Log
from schemas import wire
from schemas.errors import BadRecordError, SpecificationError
from schemas.events import FleetStatistics
from schemas.topics import FLEET, OUTCOMES, full_name
from stream_workers.bandits.fleet import Blocks, deviations, published, shares_for, total
from stream_workers.bandits.privacy import composed, epsilon_of, mu_of

from .gather import Group, Partition, groups

#: Fewer are no crowd to hide in, and noise would leave nothing.
LEAST_TENANTS: Final = 10


class Terms(NamedTuple):
    """What a publication may give away."""

    epsilon: float  # each record
    delta: float
    budget: float  # epsilon of all records together, for the same delta
    minimum: int = LEAST_TENANTS  # tenants

    def checked(self) -> "Terms":
        """Itself; SpecificationError says what is out of range."""
        if not (0.0 < self.epsilon <= self.budget and 0.0 < self.delta < 1e-2 and self.minimum >= LEAST_TENANTS):
            raise SpecificationError(
                f"epsilon {self.epsilon:g}, delta {self.delta:g}, budget {self.budget:g}, minimum {self.minimum}; "
                "expected are an epsilon above 0 and within the budget, a delta above 0 and below 0.01, and "
                f"{LEAST_TENANTS} tenants or more"
            )
        return self


class Plan(NamedTuple):
    """What would be, or was, published; spent: epsilon of everything before and this, for the delta."""

    records: tuple[FleetStatistics, ...]
    passed_over: tuple[str, ...]
    spent: float


async def plan(bootstrap: str, prefix: str, terms: Terms, domain: str | None = None) -> Plan:
    """Read the deployment and make the records, with their noise.  SpecificationError: the budget does not allow it."""
    terms.checked()
    async with Log.open(bootstrap, prefix) as log:
        before = await _read(log)
        partitions = {number: Partition() for number in range(log.partitions(OUTCOMES.name))}
        bounds = await log.bounds(OUTCOMES.name)
        for number, partition in partitions.items():
            async for batch in log.batches(OUTCOMES.name, {number: bounds[number]}):
                partition.feed(batch)
    chosen = [each for each in groups(partitions.values()) if domain in (None, each.sort.domain)]
    return make(chosen, before, terms)


def make(
    chosen: Sequence[Group], before: Sequence[FleetStatistics], terms: Terms, random: np.random.Generator | None = None
) -> Plan:
    """The records of these groups after those before.  random: by default seeded from the system's entropy."""
    generator = np.random.default_rng(secrets.randbits(256)) if random is None else random
    mu = mu_of(terms.epsilon, terms.delta)
    large = [each for each in chosen if len(each.tenants) >= terms.minimum]
    # One tenant may be in all of them, so all are counted.
    spent = epsilon_of(composed([*(each.mu for each in before), *[mu] * len(large)]), terms.delta)
    if large and spent > terms.budget:
        raise SpecificationError(
            f"{len(large)} records of epsilon {terms.epsilon:g} after {len(before)} earlier ones would give away "
            f"epsilon {spent:.2f} at delta {terms.delta:g}; the budget is {terms.budget:g}. Publish fewer, with a "
            "smaller epsilon, or decide on a larger budget"
        )
    passed_over = tuple(
        f"{each.sort.domain} ({each.sort.features} features): {len(each.tenants)} of {terms.minimum} tenants"
        for each in chosen
        if len(each.tenants) < terms.minimum
    )
    return Plan(tuple(_record(each, mu, terms, generator) for each in large), passed_over, spent)


def _record(group: Group, mu: float, terms: Terms, random: np.random.Generator) -> FleetStatistics:
    shares = shares_for(mu, len(group.tenants))
    blocks = published(total(group.shares), mu, shares, random)
    levels, slopes, scaling = (np.ascontiguousarray(each, "<f8").tobytes() for each in blocks)
    noise = deviations(mu, shares)
    return FleetStatistics(
        group.sort.domain, group.width, group.arms, len(group.tenants), group.arm_tenants, levels, slopes, scaling,
        (noise[0], noise[1], noise[2]), mu, terms.epsilon, terms.delta,
    )  # fmt: skip


async def append(bootstrap: str, prefix: str, records: Sequence[FleetStatistics]) -> None:
    """Put records into the topic."""
    async with clients.producer(bootstrap) as producer:
        for each in records:
            await producer.send_and_wait(
                full_name(FLEET, prefix), wire.encode(each), key=each.domain.encode(), partition=0
            )


async def read(bootstrap: str, prefix: str) -> list[FleetStatistics]:
    """All records, in order."""
    async with Log.open(bootstrap, prefix) as log:
        return await _read(log)


async def _read(log: Log) -> list[FleetStatistics]:
    found = []
    async for batch in log.batches(FLEET.name, await log.bounds(FLEET.name)):
        for record in batch:
            try:
                found.append(wire.decode(FLEET.name, record.value))
            except BadRecordError as error:
                raise SpecificationError(
                    f"a record of {FLEET.name}, offset {record.offset}, cannot be read ({error}): what was given away "
                    "is then not known"
                ) from None
    return found


def blocks_of(record: FleetStatistics) -> Blocks:
    """A record's numbers.  SpecificationError: they are not those of its arms and features."""
    blocks = Blocks(*(np.frombuffer(each, "<f8") for each in (record.levels, record.slopes, record.scaling)))
    K, d = len(record.arms), record.features
    if [len(each) for each in blocks] not in ([K + 1, K * d, 2 * d], [K + 1, 0, 0]) or len(record.arm_tenants) != K:
        raise SpecificationError(
            f"the fleet's record of {record.domain} has {[len(each) for each in blocks]} numbers for {K} arms and {d} "
            "features: it was written by somebody else"
        )
    return blocks
