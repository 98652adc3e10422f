"""Specifications in the log of a real broker."""

import asyncio

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from infra.domains.applied import has_members, wait_applied
from infra.domains.file import parse
from infra.domains.publish import (
    append_specs,
    apply_specs,
    read_latest,
    read_specs,
    remove_domain,
    specs_key,
)
from infra.kafka.topics import create_topics
from schemas import partitioning, wire
from schemas.errors import BrokerUnavailableError, SpecificationError, TopicsMismatchError
from schemas.events import SpecChange

from .broken import GOOD
from .log import learned, records

pytestmark = pytest.mark.kafka

SPECS = parse(GOOD, "good.toml")[0]
PARTITIONS = 4


@pytest.fixture
async def log(kafka, deployment_prefix):
    """Address and prefix of a deployment whose topics are empty."""
    await create_topics(kafka.bootstrap_servers, prefix=deployment_prefix, partitions=PARTITIONS)
    return kafka.bootstrap_servers, deployment_prefix


def variant(spec, features):
    return msgspec.structs.replace(spec, features=features)


def by_key(specs):
    return {(spec.tenant, spec.domain): spec for spec in specs}


async def test_apply_puts_every_domain_into_both_topics(log):
    """A domain's version is its offset in specs, and its tenant's partition of outcomes gets it with that version."""
    bootstrap, prefix = log
    assert await read_specs(bootstrap, prefix) == {}
    done = await apply_specs(bootstrap, prefix, SPECS)
    (in_specs,) = await records(bootstrap, f"{prefix}specs")
    in_outcomes = await records(bootstrap, f"{prefix}outcomes")
    assert [wire.decode("specs", each.value) for each in in_specs] == [
        SpecChange(0, spec.tenant, spec.domain, spec) for spec in SPECS
    ]
    assert [each.key for each in in_specs] == [f"{spec.tenant}/{spec.domain}".encode() for spec in SPECS]
    assert sum(map(len, in_outcomes)) == len(SPECS)
    for entry, spec in zip(done, SPECS, strict=True):
        assert (entry.tenant, entry.domain, entry.changed) == (spec.tenant, spec.domain, True)
        assert entry.partition == partitioning.partition(spec.tenant, PARTITIONS)
        record = in_outcomes[entry.partition][entry.offset]
        assert record.key == spec.tenant.encode()
        assert wire.decode("outcomes", record.value) == SpecChange(entry.version, spec.tenant, spec.domain, spec)
        assert wire.decode("specs", in_specs[entry.version].value).spec == spec
    assert await read_specs(bootstrap, prefix) == await learned(bootstrap, prefix)


async def test_applying_again_makes_no_version_and_says_it_again(log):
    """A second apply leaves specs alone and repeats the same versions in outcomes."""
    bootstrap, prefix = log
    first = await apply_specs(bootstrap, prefix, SPECS)
    second = await apply_specs(bootstrap, prefix, SPECS)
    assert [(each.version, each.changed) for each in second] == [(each.version, False) for each in first]
    assert [len(part) for part in await records(bootstrap, f"{prefix}specs")] == [len(SPECS)]
    assert sum(map(len, await records(bootstrap, f"{prefix}outcomes"))) == 2 * len(SPECS)


async def test_a_change_makes_one_version(log):
    """Of several domains only the one that changed gets a new version, a higher one, and learners end with it."""
    bootstrap, prefix = log
    first = await apply_specs(bootstrap, prefix, SPECS)
    new = [variant(SPECS[0], 7), *SPECS[1:]]
    second = await apply_specs(bootstrap, prefix, new)
    assert [each.changed for each in second] == [True, False, False]
    assert second[0].version > max(each.version for each in first)
    assert [each.version for each in second[1:]] == [each.version for each in first[1:]]
    assert {key: spec for key, (_, spec) in (await learned(bootstrap, prefix)).items()} == by_key(new)


async def test_a_file_leaves_other_domains_alone(log):
    """Domains that are not in the file stay in force."""
    bootstrap, prefix = log
    await apply_specs(bootstrap, prefix, SPECS[:2])
    await apply_specs(bootstrap, prefix, SPECS[2:])
    assert {key: spec for key, (_, spec) in (await read_specs(bootstrap, prefix)).items()} == by_key(SPECS)


async def test_a_crash_between_the_steps_is_healed_by_applying_again(log):
    """A version that got into specs only, because the operator's process died, reaches outcomes on the next apply."""
    bootstrap, prefix = log
    await append_specs(bootstrap, prefix, by_key(SPECS))
    assert await learned(bootstrap, prefix) == {}
    done = await apply_specs(bootstrap, prefix, SPECS)
    assert [each.changed for each in done] == [False] * len(SPECS)
    assert await learned(bootstrap, prefix) == await read_specs(bootstrap, prefix)
    await append_specs(bootstrap, prefix, {("acme", "model_routing"): None})  # the same for a removal
    assert ("acme", "model_routing") in await learned(bootstrap, prefix)
    await remove_domain(bootstrap, prefix, "acme", "model_routing")
    assert await learned(bootstrap, prefix) == await read_specs(bootstrap, prefix) != {}


async def test_of_several_operators_the_last_in_specs_wins_everywhere(log):
    """Operators who apply different files at once leave learners with exactly what specs has in force."""
    bootstrap, prefix = log
    files = [[variant(spec, number) for spec in SPECS] for number in range(4)]
    await asyncio.gather(*(apply_specs(bootstrap, prefix, file) for file in files))
    in_force = await read_specs(bootstrap, prefix)
    assert await learned(bootstrap, prefix) == in_force
    assert all(any(spec == by_key(file)[key] for file in files) for key, (_, spec) in in_force.items())


async def test_an_operator_overtaken_between_the_steps_says_so(log):
    """Whoever is overtaken announces what is in force, with its version, and marks its own as superseded."""
    from infra.domains.publish import announce

    bootstrap, prefix = log
    spec = SPECS[0]
    key = (spec.tenant, spec.domain)
    changed = await append_specs(bootstrap, prefix, {key: spec})
    await append_specs(bootstrap, prefix, {key: variant(spec, 5)})  # the other operator, who dies here
    (entry,) = await announce(bootstrap, prefix, {key: spec}, changed)
    assert (entry.version, entry.changed, entry.superseded) == (1, True, True)
    assert await learned(bootstrap, prefix) == {key: (1, variant(spec, 5))}


async def test_a_removed_domain_is_gone_and_can_come_back(log):
    """Removing takes a domain out for every reader, again is harmless, and a later apply has a higher version."""
    bootstrap, prefix = log
    await apply_specs(bootstrap, prefix, SPECS)
    removed = await remove_domain(bootstrap, prefix, "acme", "model_routing")
    assert removed.changed
    assert ("acme", "model_routing") not in await read_specs(bootstrap, prefix)
    assert await learned(bootstrap, prefix) == await read_specs(bootstrap, prefix)
    again = await remove_domain(bootstrap, prefix, "acme", "model_routing")
    assert (again.version, again.changed) == (removed.version, False)
    back = await apply_specs(bootstrap, prefix, SPECS)
    assert back[0].version > removed.version
    assert await learned(bootstrap, prefix) == await read_specs(bootstrap, prefix)
    with pytest.raises(SpecificationError, match=r"no domain routing of tenant acme.*acme/model_routing"):
        await remove_domain(bootstrap, prefix, "acme", "routing")


async def test_names_with_slashes_have_keys_of_their_own(log):
    """Two domains whose tenant and name join to the same text stay two, in compaction's eyes as well."""
    bootstrap, prefix = log
    one = msgspec.structs.replace(SPECS[0], tenant="a", domain="b/c")
    other = msgspec.structs.replace(SPECS[0], tenant="a/b", domain="c")
    assert specs_key("a", "b/c") != specs_key("a/b", "c")
    await apply_specs(bootstrap, prefix, [one, other])
    assert {key: spec for key, (_, spec) in (await read_specs(bootstrap, prefix)).items()} == by_key([one, other])


async def test_foreign_records_in_specs_stop_nobody(log):
    """A record that is no specification is passed over, and a tombstone counts as a removal."""
    bootstrap, prefix = log
    await apply_specs(bootstrap, prefix, SPECS)
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        await producer.send_and_wait(f"{prefix}specs", b"\xffgarbage", key=b"acme/model_routing")
        await producer.send_and_wait(f"{prefix}specs", None, key=specs_key("globex", "user_engagement"))
    latest = await read_latest(bootstrap, prefix)
    assert latest["acme", "model_routing"] == (0, SPECS[0])
    assert latest["globex", "user_engagement"] == (len(SPECS) + 1, None)


async def test_missing_topics_and_brokers_are_named(kafka, deployment_prefix):
    """Without topics or without a broker the error says which is missing and what to do."""
    with pytest.raises(TopicsMismatchError, match=r"no topic .*specs.*croupier topics create"):
        await read_specs(kafka.bootstrap_servers, deployment_prefix)
    with pytest.raises(BrokerUnavailableError, match=r"127\.0\.0\.1:1 .*croupier up"):
        await read_specs("127.0.0.1:1", deployment_prefix)
    with pytest.raises(BrokerUnavailableError, match=r"127\.0\.0\.1:1 "):
        await has_members("127.0.0.1:1", "group")


async def test_waiting_ends_when_the_group_has_committed_past_it(log):
    """Applied is what the workers' group has committed past; until then it is reported as missing."""
    bootstrap, prefix = log
    group = f"{prefix}croupier-worker"
    done = await apply_specs(bootstrap, prefix, SPECS)
    assert not await has_members(bootstrap, group)
    assert await wait_applied(bootstrap, prefix, done, group, timeout=0) == done
    topic = f"{prefix}outcomes"
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        assert await has_members(bootstrap, group)
        await consumer.commit({TopicPartition(topic, each.partition): each.offset for each in done})
        ends = await consumer.end_offsets(sorted({TopicPartition(topic, each.partition) for each in done}))
        last = {each for each in done if each.offset + 1 == ends[TopicPartition(topic, each.partition)]}
        assert set(await wait_applied(bootstrap, prefix, done, group, timeout=0)) == last
        waiting = asyncio.create_task(wait_applied(bootstrap, prefix, done, group, timeout=60))
        await consumer.commit(ends)
        assert await waiting == []
    finally:
        await consumer.stop()
