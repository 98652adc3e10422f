"""What samples and answers mean: rates, owners, what is wrong.  A function of them: no Kafka, no network, no clock."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from infra.readable.quantities import count
from schemas.topics import full_name

from .alarms import Alarm, alarms, untold
from .processes import Process
from .sample import FLOW, Group, Sample


class PlaceReport(Struct, frozen=True):
    """One partition of a topic in the eyes of a group."""

    topic: str
    partition: int
    end: int
    committed: int | None
    lag: int


class GroupReport(Struct, frozen=True):
    """One role."""

    role: str
    group: str
    state: str
    members: list[str]  # client id and host
    owners: dict[int, str]  # of partitions, by number
    lag: int
    applied_per_second: float
    partitions: list[PlaceReport]


class TopicReport(Struct, frozen=True):
    """One topic's traffic."""

    topic: str
    records: int  # ever appended
    appended_per_second: float


class ProcessReport(Struct, frozen=True):
    """One process of this machine."""

    role: str
    pid: int
    address: str
    state: str
    healthy: bool
    reason: str | None
    partitions: list[int]
    recovering: dict[str, Any] | None  # changelog records `read` `of` how many, bytes, rate, seconds_left, partitions
    checkpoint_age_seconds: float | None
    version: str  # its release


class Report(Struct, frozen=True):
    """A deployment at one moment."""

    healthy: bool
    problems: list[str]  # why not
    notes: list[str]  # what else is worth knowing
    alarms: list[Alarm]  # what the learners' checks found in the last day: nothing that a restart would mend
    alarms_untold: int
    partitions: int
    groups: list[GroupReport]
    topics: list[TopicReport]
    processes: list[ProcessReport]
    dead_letters: int
    last_dead_letter: dict[str, Any] | None
    tenants: dict[str, dict[str, int]]  # what became of decisions and rewards, by tenant
    domains: list[dict[str, Any]]  # what the learner says of each


def report(before: Sample, after: Sample, processes: Sequence[Process], prefix: str, run_directory: str) -> Report:
    """before, after: two samples; rates are between them."""
    seconds = max(after.at - before.at, 1e-9)
    earlier = {group.role: group for group in before.groups}
    problems = [*_group_problems(after, prefix), *_process_problems(processes)]
    running = [each for each in processes if each.state == "running"]
    return Report(
        healthy=not problems,
        problems=problems,
        notes=list(_notes(after, processes, run_directory)),
        alarms=alarms(processes),
        alarms_untold=untold(processes),
        partitions=after.partitions,
        groups=[_group(earlier[group.role], group, seconds, prefix) for group in after.groups],
        topics=[
            TopicReport(topic, after.ends[topic], max(0, after.ends[topic] - before.ends[topic]) / seconds)
            for topic in FLOW
        ],
        processes=[_process(each) for each in processes],
        dead_letters=after.dead_letters,
        last_dead_letter=after.last_dead_letter,
        tenants=_tenants(running),
        domains=sorted(
            (domain for each in running for domain in each.status.get("domains", [])),
            key=lambda domain: (domain.get("tenant", ""), domain.get("domain", "")),
        ),
    )


def _group(before: Group, after: Group, seconds: float, prefix: str) -> GroupReport:
    known = {(place.topic, place.partition): place.end - place.lag for place in before.places}
    applied = sum(
        max(0, place.end - place.lag - known[place.topic, place.partition])
        for place in after.places
        if (place.topic, place.partition) in known
    )
    return GroupReport(
        after.role,
        after.name,
        after.state,
        [f"{member.client} at {member.host}" for member in after.members],
        _owners(after, prefix),
        after.lag,
        applied / seconds,
        [PlaceReport(place.topic, place.partition, place.end, place.committed, place.lag) for place in after.places],
    )


def _owners(group: Group, prefix: str) -> dict[int, str]:
    """A member by partition number: all its topics come with the same numbers."""
    topics = {full_name(place.topic, prefix) for place in group.places}
    return {
        number: f"{member.client} at {member.host}"
        for member in group.members
        for topic, number in sorted(member.owns)
        if topic in topics
    }


def _process(process: Process) -> ProcessReport:
    status = process.status
    return ProcessReport(
        process.role,
        process.pid,
        process.address,
        process.state,
        process.healthy,
        process.reason,
        sorted({each["partition"] for each in status.get("partitions", [])}),
        status.get("recovering"),
        status.get("checkpoint_age_seconds"),
        status.get("version", ""),
    )


def _group_problems(sample: Sample, prefix: str) -> Iterator[str]:
    for group in sample.groups:
        waiting = [place for place in group.places if place.lag]
        if not waiting:
            continue
        if not group.members:
            yield (
                f"{_where(waiting)}: {count(group.lag, 'record waits', 'records wait')}, and no process is in the "
                f"group {group.name}. Start one: croupier {group.role}"
            )
        elif group.state == "Stable":
            owned = {each for member in group.members for each in member.owns}
            if orphaned := [each for each in waiting if (full_name(each.topic, prefix), each.partition) not in owned]:
                yield (
                    f"{_where(orphaned)}: records wait, and no member of the group {group.name} owns "
                    "that partition. Do all its members run the same version?"
                )


def _process_problems(processes: Sequence[Process]) -> Iterator[str]:
    for each in processes:
        if each.state == "silent" or (each.state == "running" and not each.healthy):
            yield f"{each.role} {each.pid} ({each.address}): {each.reason or 'it says it is not healthy'}"


def _notes(sample: Sample, processes: Sequence[Process], run_directory: str) -> Iterator[str]:
    for each in processes:
        if each.state == "gone":
            yield f"{each.role} {each.pid} is gone: {each.reason}"
        elif each.status.get("recovering"):
            yield f"{each.role} {each.pid} recovers its state: {_recovery(each.status['recovering'])}"
        for place in each.status.get("partitions", []):
            if place.get("why") and place.get("lag"):
                yield f"{place['topic']} {place['partition']}: {count(place['lag'], 'record')}; it {place['why']}"
    versions = sorted({each.status["version"] for each in processes if each.status.get("version")})
    if len(versions) > 1:
        yield f"Processes of several releases run: {', '.join(versions)}."
    members = sum(len(group.members) for group in sample.groups)
    running = sum(each.state == "running" for each in processes)
    for group in sample.groups:
        if group.state not in ("Stable", "Empty", "Dead"):
            yield f"The group {group.name} is rebalancing ({group.state})."
        elif not group.members and not group.lag:
            yield f"No process is in the group {group.name}; nothing waits for one. Start it: croupier {group.role}"
    if not running and members:
        yield (
            f"No process announces itself in {run_directory}, so what only they know is not shown. Processes in "
            "containers or on other machines answer at their own /health and /status."
        )
    elif running < members:
        yield f"{count(members, 'process is', 'processes are')} in the groups, of which {running} run here."


def _recovery(progress: dict[str, Any]) -> str:
    """E.g. "40% (4,000 of 10,000 changelog records, 120 MB/s, 12 s left)"."""
    read, of = progress.get("read", 0), progress.get("of", 0)
    told = [f"{read:,} of {of:,} changelog records"]
    if progress.get("bytes_per_second"):
        told.append(f"{progress['bytes_per_second'] / 1e6:,.0f} MB/s")
    if progress.get("seconds_left") is not None:
        told.append(f"{progress['seconds_left']:.0f} s left")
    return f"{100 * read // of if of else 100}% ({', '.join(told)})"


def _tenants(running: Sequence[Process]) -> dict[str, dict[str, int]]:
    """A tenant's records meet in one partition, so in one process; what nobody's key can be read of, in any."""
    sums: dict[str, Counter[str]] = {}
    for each in running:
        for tenant, tally in each.status.get("tenants", {}).items():
            sums.setdefault(tenant, Counter()).update(tally)
    return {tenant: dict(sums[tenant]) for tenant in sorted(sums)}


def _where(places: Sequence[Any]) -> str:
    """Partitions by topic, e.g. "contexts 0, 3; rewards 1"."""
    numbers: dict[str, list[int]] = {}
    for place in places:
        numbers.setdefault(place.topic, []).append(place.partition)
    return "; ".join(f"{topic} {', '.join(map(str, sorted(each)))}" for topic, each in numbers.items())
