"""One call that reads a deployment's topics from their beginning and says what is true of them."""

from collections.abc import Callable
from dataclasses import dataclass

from schemas import topics, wire
from schemas.errors import BadRecordError
from schemas.events import SpecChange
from schemas.joining import EARLY_MS, REMEMBER_MS

from ..kafka.topics import check_topics
from .findings import Fault, Findings, at
from .join import KINDS
from .partition import READING_ORDER, PartitionAudit, PartitionReading
from .specifications import Name
from .tallies import TenantDomainAudit
from .topic_log import Range, TopicLog, open_log

_CAPTURE_ORDER = tuple(
    topic.name for topic in (topics.DEAD_LETTERS, topics.OUTCOMES, topics.REWARDS, topics.DECISIONS, topics.CONTEXTS)
)

#: Called with the records read so far and those to read.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Audit:
    """A deployment, as its log shows it."""

    contexts: int  # distinct tenant and id, well-formed
    decisions: int  # that count
    duplicate_decisions: int
    decisions_lost: int  # contexts with neither a decision nor a dead letter
    decisions_unasked: int  # decision records of which there is no context
    outcomes: int  # that count: distinct ordinals
    outcomes_repeated: int  # the same bytes again: harmless
    outcomes_doubled: int  # decisions with two outcomes that differ in ordinal or content
    outcomes_missing: int  # decisions that have ended, without an outcome that counts
    outcomes_wrong: int  # outcomes that are not what the audit's own join says
    propensity_violations: int
    records_vanished: int  # decisions, rewards and outcomes that cannot be handled, without a dead letter
    dead_letters_wrong: int  # they name a record that is not there, or hold another
    dead_letters: dict[str, int]  # distinct refusals by reason
    dead_letters_of: dict[str, int]  # the same by tenant, as the records' keys say
    dead_letters_repeated: int
    rewards: dict[str, int]  # joined, duplicate, surplus, late, orphan; early: how many came before their decision
    orphans: dict[str, int]  # rewards of no decision, by tenant
    bad: dict[str, int]  # by topic: undecodable, or not of the tenant in the key
    tenants: list[TenantDomainAudit]  # in order of tenant and domain
    problems: list[str]  # every kind of fault, with up to 10 examples: topic, partition, offset, found and expected
    records: int  # read

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return not self.problems


async def audit(
    bootstrap_servers: str,
    *,
    prefix: str = "",
    early_ms: int = EARLY_MS,
    remember_ms: int = REMEMBER_MS,
    progress: Progress | None = None,
) -> Audit:
    """Audit the deployment of `prefix`: all that is in its topics now, one partition number after another.

    What workers have not handled yet is lost or missing to a reader from outside, so let the deployment come to rest
    first.  early_ms, remember_ms: as the workers have them.  Memory is that of one partition's decisions.
    TopicsMismatchError when the topics are not as `schemas.topics` says, BrokerUnavailableError without Kafka.
    """
    partitions = await check_topics(bootstrap_servers, prefix=prefix)
    async with open_log(bootstrap_servers) as log:
        # Effects before their causes: whatever an outcome or a dead letter was made of is then within what is read.
        ranges: dict[str, dict[int, Range]] = {}
        for topic in _CAPTURE_ORDER:
            ranges[topic] = await log.ranges(topics.full_name(topic, prefix), partitions)
        (specs,) = (await log.ranges(topics.full_name(topics.SPECS, prefix), 1)).values()
        total = sum(each.end - each.begin for by_number in ranges.values() for each in by_number.values())
        done = 0
        sum_of_all = PartitionAudit()
        for number in range(partitions):
            begins = {topic: ranges[topic][number].begin for topic in READING_ORDER}
            reading = PartitionReading(number, early_ms=early_ms, remember_ms=remember_ms, begins=begins)
            for topic in READING_ORDER:
                async for records in log.read(topics.full_name(topic, prefix), number, ranges[topic][number]):
                    reading.feed(topic, records)
                    done += len(records)
                    if progress is not None:
                        progress(done, total)
            sum_of_all.merge(reading.finish())
            _truncated(sum_of_all.findings, number, begins)
        await _specifications(log, prefix, specs, sum_of_all)
    return _audited(sum_of_all, done)


def _truncated(findings: Findings, number: int, begins: dict[str, int]) -> None:
    """Ordinals and joins can be recomputed only while the logs are whole."""
    for topic, begin in begins.items():
        if begin and topic != topics.DEAD_LETTERS.name:
            findings.add(
                Fault.LOG_TRUNCATED,
                at(topic, number, begin),
                f"the {begin} records before are gone (retention): what they led to cannot be checked",
            )


async def _specifications(log: TopicLog, prefix: str, wanted: Range, found: PartitionAudit) -> None:
    """Every newest specification must have reached the outcomes log, as it is in `specs`."""
    newest: dict[Name, tuple[int, SpecChange]] = {}
    async for records in log.read(topics.full_name(topics.SPECS, prefix), 0, wanted):
        for record in records:
            try:
                change = wire.decode(topics.SPECS.name, record.value)
            except BadRecordError:
                found.bad[topics.SPECS.name] += 1
                continue
            newest[change.tenant, change.domain] = (record.offset, change)
    for name, (version, change) in newest.items():
        announced = found.announced.get(name)
        place = at(topics.SPECS.name, 0, version)
        who = f"domain {name[1]!r} of {name[0]!r}"
        if announced is None or announced.version < version:
            known = "none" if announced is None else f"version {announced.version}"
            found.findings.add(
                Fault.SPECIFICATION,
                place,
                f"{who}: the outcomes log knows {known}; run `croupier domains apply` again to announce it",
            )
        elif announced.version == version and announced.spec != change.spec:
            found.findings.add(Fault.SPECIFICATION, place, f"{who}: the outcomes log has another under this version")


def _audited(found: PartitionAudit, records: int) -> Audit:
    faults = found.findings.counts
    return Audit(
        contexts=found.contexts,
        decisions=found.decisions,
        duplicate_decisions=found.duplicate_decisions,
        decisions_lost=faults[Fault.DECISION_LOST],
        decisions_unasked=faults[Fault.DECISION_UNASKED],
        outcomes=found.outcomes,
        outcomes_repeated=found.outcomes_repeated,
        outcomes_doubled=faults[Fault.OUTCOME_DOUBLED],
        outcomes_missing=faults[Fault.OUTCOME_MISSING],
        outcomes_wrong=faults[Fault.OUTCOME_WRONG],
        propensity_violations=faults[Fault.PROPENSITIES],
        records_vanished=faults[Fault.RECORD_VANISHED],
        dead_letters_wrong=faults[Fault.DEAD_LETTER_WRONG],
        dead_letters=dict(sorted(found.dead_letters.items())),
        dead_letters_of=dict(sorted(found.dead_letters_of.items())),
        dead_letters_repeated=found.dead_letters_repeated,
        rewards={kind: found.rewards[kind] for kind in (*KINDS, "early")},
        orphans=dict(sorted(found.orphans.items())),
        bad=dict(sorted(found.bad.items())),
        tenants=[tally.audited(*name) for name, tally in sorted(found.tallies.items())],
        problems=list(found.findings.problems()),
        records=records,
    )
