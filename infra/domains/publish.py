"""Puts domain specifications into the log, from which every worker learns them.

Two topics take part.  `specs` has one partition and is compacted: the offset of a record in it is the specification's
version, so there is one order for all operators.  `outcomes` carries the same change, with that version, to the
tenant's partition, where its place among the outcomes makes a learner's state a function of that one log.

To apply a file:

1. Read `specs` to its end.  Append every specification of the file that differs from the latest with its key.
2. Read `specs` again.  For *every* domain of the file, changed or not, append the latest version with its key to
   `outcomes`.  Learners ignore versions that are not newer than theirs.

A crash between the steps leaves a version that no learner knows; running apply again heals it, because step 2 does not
ask whether step 1 had anything to do.  Of two operators at once the later in `specs` wins everywhere: whoever comes
to step 2 announces what is latest then, and an older version that arrives afterwards is ignored.

A removal is a specification of None in both topics (not a tombstone, which compaction would drop with its version).
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec
import structlog
from aiokafka import TopicPartition

from schemas import wire
from schemas.domains import DomainSpec
from schemas.errors import BadRecordError, SpecificationError, TopicsMismatchError
from schemas.events import SpecChange
from schemas.partitioning import partition
from schemas.topics import OUTCOMES, SPECS, full_name

from . import clients

#: tenant and domain
Key = tuple[str, str]

#: By domain and policy: what it begins with.
Priors = Mapping[Key, Mapping[str, bytes]]
_NONE: Priors = {}

#: A change must fit a record of `specs` and of `outcomes`, with what Kafka puts around it.
LARGEST_CHANGE = min(SPECS.max_message_bytes, OUTCOMES.max_message_bytes) - 4096

_READ_TIMEOUT_S = 30.0
_FETCH_MS = 500
#: A topic just created may take a moment until every broker knows it.
_NEW_TOPIC_S = 3.0
_ASK_AGAIN_S = 0.1

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Published:
    """Where a specification now stands in the log."""

    tenant: str
    domain: str
    version: int  # offset in `specs`
    partition: int  # of `outcomes`
    offset: int  # in that partition
    changed: bool  # a new version was made
    superseded: bool = False  # another operator's later version is in force instead


async def read_specs(bootstrap: str, prefix: str) -> dict[Key, tuple[int, DomainSpec]]:
    """The specifications in force, with their versions; removed domains are left out."""
    latest = await read_latest(bootstrap, prefix)
    return {key: (version, spec) for key, (version, spec) in latest.items() if spec is not None}


async def apply_specs(
    bootstrap: str, prefix: str, specs: Iterable[DomainSpec], priors: Priors = _NONE
) -> list[Published]:
    """Bring these domains into force, in their order; others stay as they are.  Returns one entry for each.

    priors: what their policies begin with.  A domain with some gets a new version even if it is the same otherwise.
    SpecificationError: one's priors are too large.
    """
    return await _publish(bootstrap, prefix, {(spec.tenant, spec.domain): spec for spec in specs}, priors)


async def remove_domain(bootstrap: str, prefix: str, tenant: str, domain: str) -> Published:
    """Take a domain out of force.  SpecificationError when there never was one; doing it again is harmless."""
    latest = await read_latest(bootstrap, prefix)
    if (tenant, domain) not in latest:
        known = ", ".join(sorted(f"{key[0]}/{key[1]}" for key, (_, spec) in latest.items() if spec is not None))
        raise SpecificationError(f"no domain {domain} of tenant {tenant} to remove; known are: {known or 'none'}")
    (published,) = await _publish(bootstrap, prefix, {(tenant, domain): None})
    return published


async def read_latest(bootstrap: str, prefix: str) -> dict[Key, tuple[int, DomainSpec | None]]:
    """The latest version of every domain that `specs` knows; None when it was removed."""
    return {key: (each.version, each.spec) for key, each in (await _read_changes(bootstrap, prefix)).items()}


async def _read_changes(bootstrap: str, prefix: str) -> dict[Key, SpecChange]:
    """The latest change of every domain, with its version."""
    topic = full_name(SPECS, prefix)
    latest: dict[Key, SpecChange] = {}
    await _partitions(bootstrap, topic)
    async with clients.consumer(bootstrap) as consumer:
        place = TopicPartition(topic, 0)
        consumer.assign([place])
        begin = (await consumer.beginning_offsets([place]))[place]
        end = (await consumer.end_offsets([place]))[place]
        consumer.seek(place, begin)
        async with asyncio.timeout(_READ_TIMEOUT_S):
            # The position, not the last record's offset: compaction may have removed records before the end.
            while await consumer.position(place) < end:
                for record in (await consumer.getmany(place, timeout_ms=_FETCH_MS)).get(place, ()):
                    if record.offset < end:
                        _take(latest, record.offset, record.key, record.value)
    return latest


async def append_specs(
    bootstrap: str, prefix: str, wanted: Mapping[Key, DomainSpec | None], priors: Priors = _NONE
) -> frozenset[Key]:
    """Step 1: append to `specs` what differs from the latest there, or has priors; returns the keys that did."""
    changes = {key: _change(key, 0, spec, priors.get(key, {})) for key, spec in wanted.items()}
    latest = await read_latest(bootstrap, prefix)
    differing = [key for key, spec in wanted.items() if key not in latest or latest[key][1] != spec or priors.get(key)]
    if differing:
        async with clients.producer(bootstrap) as producer:
            topic = full_name(SPECS, prefix)
            sent = [await producer.send(topic, changes[key], key=specs_key(*key), partition=0) for key in differing]
            await asyncio.gather(*sent)
    return frozenset(differing)


async def announce(
    bootstrap: str, prefix: str, wanted: Mapping[Key, DomainSpec | None], changed: frozenset[Key]
) -> list[Published]:
    """Step 2: append the latest version of every wanted domain to its tenant's partition of `outcomes`."""
    latest = await _read_changes(bootstrap, prefix)
    topic = full_name(OUTCOMES, prefix)
    partitions = await _partitions(bootstrap, topic)
    async with clients.producer(bootstrap) as producer:
        sent = []
        for key in wanted:
            tenant = key[0]
            place = partition(tenant, partitions)
            sent.append(await producer.send(topic, wire.encode(latest[key]), key=tenant.encode(), partition=place))
        acknowledged = await asyncio.gather(*sent)
    return [
        Published(
            *key,
            version=latest[key].version,
            partition=record.partition,
            offset=record.offset,
            changed=key in changed,
            superseded=latest[key].spec != wanted[key],
        )
        for key, record in zip(wanted, acknowledged, strict=True)
    ]


def specs_key(tenant: str, domain: str) -> bytes:
    """Key of a domain in `specs`: "tenant/domain".

    Names may hold a slash: the tenant's is written %2F, or ("a", "b/c") and ("a/b", "c") would be one key, of which
    compaction keeps one record.
    """
    return f"{tenant.replace('/', '%2F')}/{domain}".encode()


async def _publish(
    bootstrap: str, prefix: str, wanted: Mapping[Key, DomainSpec | None], priors: Priors = _NONE
) -> list[Published]:
    changed = await append_specs(bootstrap, prefix, wanted, priors)
    return await announce(bootstrap, prefix, wanted, changed)


def _change(key: Key, version: int, spec: DomainSpec | None, priors: Mapping[str, bytes]) -> bytes:
    change = wire.encode(SpecChange(version, *key, spec, dict(priors)))
    if len(change) > LARGEST_CHANGE:
        sizes = ", ".join(f"{name} {len(data) / 2**20:.1f} MiB" for name, data in priors.items())
        raise SpecificationError(
            f"{key[0]}/{key[1]}: specification and priors of its policies ({sizes or 'none'}) are too large for one "
            f"record of at most {LARGEST_CHANGE / 2**20:.1f} MiB: give priors to fewer policies at once"
        )
    return change


def _take(latest: dict[Key, SpecChange], offset: int, key: bytes | None, value: bytes | None) -> None:
    """Note one record of `specs`."""
    if value is None:  # a tombstone, which Croupier never writes: somebody removed the domain by hand
        tenant, _, domain = (key or b"").decode(errors="replace").partition("/")
        tenant = tenant.replace("%2F", "/")
        latest[tenant, domain] = SpecChange(offset, tenant, domain, None)
        return
    try:
        change: SpecChange = wire.decode("specs", value)
    except BadRecordError as error:
        # Everyone reads this topic from its start: one foreign record must not stop them all.
        _log.warning("a record of specs is passed over", offset=offset, reason=error.reason, detail=error.detail)
        return
    latest[change.tenant, change.domain] = msgspec.structs.replace(change, version=offset)


async def _partitions(bootstrap: str, topic: str) -> int:
    """Number of partitions of a topic, which is not created by asking."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _NEW_TOPIC_S
    async with clients.admin(bootstrap) as admin:
        while True:
            for described in await admin.describe_topics():
                if described["topic"] == topic and described["partitions"]:
                    return len(described["partitions"])
            if loop.time() >= deadline:
                raise TopicsMismatchError(
                    f"the broker at {bootstrap} has no topic {topic}. Create this deployment's topics with "
                    "`croupier topics create`, or check --prefix."
                )
            await asyncio.sleep(_ASK_AGAIN_S)
