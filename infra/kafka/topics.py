"""Create a deployment's topics from `schemas.topics`, and refuse to run on topics that differ from it."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from schemas.errors import BrokerUnavailableError, TopicsMismatchError
from schemas.topics import ALL, DEFAULT_PARTITIONS, VIRTUAL_BUCKETS, Topic, full_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_REPLICAS = 3
_REQUEST_TIMEOUT_MS = 30_000
_POLL_SECONDS = 0.02


async def create_topics(bootstrap_servers: str, *, prefix: str = "", partitions: int | None = None) -> list[str]:
    """Create the topics that are missing; the names of those created.  Existing ones are left as they are.

    partitions: of each keyed topic, a power of two up to 1,024; None: as those that exist, else 8.  Every topic gets
    min(3, brokers) replicas; with three, two must have a record before it is acknowledged, so that one broker may be
    lost without losing a decision.
    TopicsMismatchError: another number was asked for than the topics that exist have; nothing is created.
    """
    if partitions is not None and (problem := _partitions_problem(partitions)):
        raise TopicsMismatchError(f"Topics cannot have {partitions} partitions: {problem}")
    async with _admin(bootstrap_servers) as admin:
        existing = {each["topic"]: len(each["partitions"]) for each in await admin.describe_topics()}
        missing = [topic for topic in ALL if full_name(topic, prefix) not in existing]
        if not missing:
            return []
        present = {
            existing[name]
            for topic in ALL
            if topic.partitions == "keyed" and (name := full_name(topic, prefix)) in existing
        }
        if partitions is None:
            partitions = min(present, default=DEFAULT_PARTITIONS)
        if others := present - {partitions}:
            raise TopicsMismatchError(
                f"There are keyed topics with {' and '.join(map(str, sorted(others)))} partitions, and {partitions} "
                "were asked for: nothing was created, since all must have the same number. Ask for that number: "
                f"croupier topics create --partitions {min(others)}"
            )
        replicas = min(_REPLICAS, len((await admin.describe_cluster())["brokers"]))
        durable = {"min.insync.replicas": str(max(1, replicas - 1))}
        new = [
            NewTopic(
                full_name(topic, prefix),
                topic.partition_count(partitions),
                replicas,
                topic_configs={**topic.config(), **durable},
            )
            for topic in missing
        ]
        response = await admin.create_topics(new)
        created, refused = [], []
        for name, code, *message in response.topic_errors:
            error = for_code(code)
            if code == 0:
                created.append(name)
            elif error is not TopicAlreadyExistsError:  # another process was faster: what we wanted
                refused.append(f"{name}: {error.__name__} {' '.join(str(each) for each in message if each)}")
        if refused:
            raise TopicsMismatchError("The broker refused to create topics: " + "; ".join(refused))
        await _visible(admin, {topic.name for topic in new})
        return created


async def _visible(admin: Any, names: set[str]) -> None:
    """Wait until the brokers serve the topics: creation is acknowledged by the controller, before they know."""
    async with asyncio.timeout(_REQUEST_TIMEOUT_MS / 1000):
        while True:
            served = {
                each["topic"]
                for each in await admin.describe_topics()
                if each["partitions"] and all(partition["leader"] >= 0 for partition in each["partitions"])
            }
            if names <= served:
                return
            await asyncio.sleep(_POLL_SECONDS)


async def check_topics(bootstrap_servers: str, *, prefix: str = "") -> int:
    """The number of partitions of the keyed topics, when every topic is as `schemas.topics` says.

    TopicsMismatchError names every topic and setting that differs, with found, expected and the command that mends it.
    """
    async with _admin(bootstrap_servers) as admin:
        names = {full_name(topic, prefix): topic for topic in ALL}
        described = await admin.describe_topics()
        counts = {each["topic"]: len(each["partitions"]) for each in described if each["topic"] in names}
        settings = await _settings(admin, counts)
    keyed = {name: count for name, count in counts.items() if names[name].partitions == "keyed"}
    problems = [
        *_missing(names, counts, keyed),
        *_uneven(keyed),
        *_not_single(names, counts),
        *_different(names, settings, bootstrap_servers),
    ]
    if problems:
        lines = "".join(f"\n  - {problem}" for problem in problems)
        raise TopicsMismatchError(
            f"The topics of prefix {prefix!r} at {bootstrap_servers} are not as they must be:{lines}"
        )
    return next(iter(keyed.values()))


async def under_replicated(admin: Any, prefix: str = "") -> int:
    """Partitions of a deployment's topics that have fewer replicas in sync than they should."""
    names = {full_name(topic, prefix) for topic in ALL}
    return sum(
        len(partition["isr"]) < len(partition["replicas"])
        for each in await admin.describe_topics()
        if each["topic"] in names
        for partition in each["partitions"]
    )


async def cluster_id(bootstrap_servers: str) -> str:
    """The id of the Kafka cluster: local state belongs to one cluster and must not be used with another."""
    async with _admin(bootstrap_servers) as admin:
        return str((await admin.describe_cluster())["cluster_id"])


def _partitions_problem(count: int) -> str | None:
    if count >= 1 and count & (count - 1) == 0 and count <= VIRTUAL_BUCKETS:
        return None
    return f"expected a power of two from 1 to {VIRTUAL_BUCKETS}, so that doubling splits each partition in two"


def _missing(names: Mapping[str, Topic], counts: Mapping[str, int], keyed: Mapping[str, int]) -> Iterable[str]:
    missing = [name for name in names if name not in counts]
    if missing:
        present = set(keyed.values())
        option = f" --partitions {present.pop()}" if len(present) == 1 else ""
        yield f"missing: {', '.join(missing)}. Create them: croupier topics create{option}"


def _uneven(keyed: Mapping[str, int]) -> Iterable[str]:
    groups: dict[int, list[str]] = {}
    for name, count in keyed.items():
        groups.setdefault(count, []).append(name)
    for count, members in groups.items():
        if problem := _partitions_problem(count):
            yield (
                f"{', '.join(members)}: found {count} partitions; {problem}. Partitions cannot be removed: delete "
                "these topics and run `croupier topics create`, or use another prefix"
            )
    if len(groups) > 1:
        found = "; ".join(f"{count}: {', '.join(members)}" for count, members in sorted(groups.items()))
        yield (
            f"keyed topics must all have the same number of partitions, so that a tenant's records meet; found "
            f"{found}. Raise the others to {max(groups)} with kafka-topics.sh --alter --partitions while nothing runs, "
            "or delete them and run `croupier topics create`"
        )


def _not_single(names: Mapping[str, Topic], counts: Mapping[str, int]) -> Iterable[str]:
    for name, count in counts.items():
        if names[name].partitions == "one" and count != 1:
            yield (
                f"{name}: found {count} partitions, expected 1 (its offsets are the specifications' versions). "
                "Delete it and run `croupier topics create` and `croupier domains apply`"
            )


def _different(
    names: Mapping[str, Topic], settings: Mapping[str, Mapping[str, str]], bootstrap_servers: str
) -> Iterable[str]:
    for name, found in settings.items():
        wrong = {key: value for key, value in names[name].config().items() if found.get(key) != value}
        if wrong:
            differences = ", ".join(f"{key} is {found.get(key)!r}, expected {value!r}" for key, value in wrong.items())
            change = ",".join(f"{key}={value}" for key, value in wrong.items())
            yield (
                f"{name}: {differences}. Mend it: kafka-configs.sh --bootstrap-server {bootstrap_servers} --alter "
                f"--topic {name} --add-config {change}"
            )


async def _settings(admin: Any, names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Topic name to its settings, defaults of the broker included."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found: dict[str, dict[str, str]] = {}
    if not resources:
        return found
    for response in await admin.describe_configs(resources):
        for code, message, _, name, entries in response.resources:
            if code:
                raise TopicsMismatchError(f"The settings of {name} cannot be read: {for_code(code).__name__} {message}")
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found


@asynccontextmanager
async def _admin(bootstrap_servers: str) -> "AsyncIterator[Any]":
    """A started admin client; its connection errors say where, and what to do."""
    servers: Sequence[str] = [server.strip() for server in bootstrap_servers.split(",")]
    admin = AIOKafkaAdminClient(bootstrap_servers=servers, request_timeout_ms=_REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        yield admin
    except (KafkaError, OSError, TimeoutError) as error:
        raise BrokerUnavailableError(
            f"Kafka at {bootstrap_servers} does not answer ({type(error).__name__}: {error}). Start it (`croupier up`) "
            "or set KAFKA_BOOTSTRAP_SERVERS to one that runs."
        ) from error
    finally:
        await admin.close()
