import asyncio
from contextlib import asynccontextmanager

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from hypothesis import given
from hypothesis import strategies as st

from infra.kafka.ports import free_port
from infra.kafka.topics import check_topics, cluster_id, create_topics
from schemas.errors import BrokerUnavailableError, TopicsMismatchError
from schemas.topics import ALL, BY_NAME

pytestmark = pytest.mark.kafka


@asynccontextmanager
async def _admin(kafka):
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


@pytest.fixture
async def deployment(kafka, deployment_prefix):
    """Prefix of a complete deployment with two partitions, and an admin client to spoil it with."""
    await create_topics(kafka.bootstrap_servers, prefix=deployment_prefix, partitions=2)
    async with _admin(kafka) as admin:
        yield deployment_prefix, admin
        await admin.delete_topics([deployment_prefix + topic.name for topic in ALL])


async def _settled(admin, name: str, partitions: int) -> None:
    """Wait until the broker's metadata show what was changed."""
    found = None
    while found != partitions:
        found = sum(len(each["partitions"]) for each in await admin.describe_topics() if each["topic"] == name)


async def test_created_topics_are_as_declared(kafka, deployment):
    """Every topic of the table exists with its partitions and its settings, read back by another request."""
    prefix, admin = deployment
    described = {each["topic"]: each for each in await admin.describe_topics()}
    for topic in ALL:
        assert len(described[prefix + topic.name]["partitions"]) == topic.partition_count(2)
        [response] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, prefix + topic.name)])
        settings = {entry[0]: entry[1] for entry in response.resources[0][4]}
        assert topic.config().items() <= settings.items()
    assert await check_topics(kafka.bootstrap_servers, prefix=prefix) == 2


async def test_creating_again_changes_nothing(kafka, deployment):
    """Creation is idempotent, also when several processes create at once."""
    prefix, _ = deployment
    assert await create_topics(kafka.bootstrap_servers, prefix=prefix, partitions=2) == []
    together = await asyncio.gather(
        *(create_topics(kafka.bootstrap_servers, prefix=f"{prefix}b-", partitions=1) for _ in range(3))
    )
    assert sorted(name for names in together for name in names) == sorted(f"{prefix}b-{topic.name}" for topic in ALL)
    assert await check_topics(kafka.bootstrap_servers, prefix=f"{prefix}b-") == 1


async def test_missing_topics_are_named_and_the_command_mends_it(kafka, deployment):
    """Each missing topic is named, and creating with the count the message gives makes the check pass."""
    prefix, admin = deployment
    await admin.delete_topics([prefix + "rewards", prefix + "specs"])
    await _settled(admin, prefix + "rewards", 0)
    with pytest.raises(TopicsMismatchError) as caught:
        await check_topics(kafka.bootstrap_servers, prefix=prefix)
    message = str(caught.value)
    assert f"missing: {prefix}rewards, {prefix}specs." in message
    assert "croupier topics create --partitions 2" in message
    with pytest.raises(TopicsMismatchError, match=r"nothing was created.*croupier topics create --partitions 2"):
        await create_topics(kafka.bootstrap_servers, prefix=prefix, partitions=4)
    created = await create_topics(kafka.bootstrap_servers, prefix=prefix, partitions=2)
    assert sorted(created) == [prefix + "rewards", prefix + "specs"]
    assert await check_topics(kafka.bootstrap_servers, prefix=prefix) == 2


async def test_empty_broker_is_told_to_create(kafka, deployment_prefix):
    """With no topic at all, every topic is missing and the command is given."""
    with pytest.raises(TopicsMismatchError, match=r"missing: .*croupier topics create") as caught:
        await check_topics(kafka.bootstrap_servers, prefix=deployment_prefix)
    assert all(deployment_prefix + topic.name in str(caught.value) for topic in ALL)


async def test_unequal_partition_counts_are_refused(kafka, deployment):
    """Keyed topics with different counts would part a tenant's records: both groups are named."""
    prefix, admin = deployment
    await admin.create_partitions({prefix + "decisions": NewPartitions(4)})
    await _settled(admin, prefix + "decisions", 4)
    with pytest.raises(TopicsMismatchError, match=rf"same number of partitions.*found 2: .*; 4: {prefix}decisions\."):
        await check_topics(kafka.bootstrap_servers, prefix=prefix)


async def test_count_that_is_no_power_of_two_is_refused(kafka, deployment):
    """Three partitions could not be doubled without moving tenants: refused although all could have had three."""
    prefix, admin = deployment
    await admin.create_partitions({prefix + "kpis": NewPartitions(3)})
    await _settled(admin, prefix + "kpis", 3)
    with pytest.raises(TopicsMismatchError, match=rf"{prefix}kpis: found 3 partitions; expected a power of two"):
        await check_topics(kafka.bootstrap_servers, prefix=prefix)


async def test_specs_must_be_one_partition(kafka, deployment):
    """The offsets of specs are versions, so a second partition is refused."""
    prefix, admin = deployment
    await admin.create_partitions({prefix + "specs": NewPartitions(2)})
    await _settled(admin, prefix + "specs", 2)
    with pytest.raises(TopicsMismatchError, match=rf"{prefix}specs: found 2 partitions, expected 1"):
        await check_topics(kafka.bootstrap_servers, prefix=prefix)


async def test_every_different_setting_is_named(kafka, deployment):
    """Settings are compared one by one: topic, setting, found, expected, and the command that mends it, for several
    problems in one message."""
    prefix, admin = deployment
    await admin.delete_topics([prefix + "outcomes", prefix + "rewards"])
    await _settled(admin, prefix + "outcomes", 0)
    spoilt = {**BY_NAME["outcomes"].config(), "message.timestamp.type": "CreateTime", "retention.ms": "1000"}
    await admin.create_topics([NewTopic(prefix + "outcomes", 2, 1, topic_configs=spoilt)])
    await _settled(admin, prefix + "outcomes", 2)
    with pytest.raises(TopicsMismatchError) as caught:
        await check_topics(kafka.bootstrap_servers, prefix=prefix)
    message = str(caught.value)
    assert "message.timestamp.type is 'CreateTime', expected 'LogAppendTime'" in message
    assert "retention.ms is '1000', expected '-1'" in message
    assert f"--alter --topic {prefix}outcomes --add-config" in message
    assert f"missing: {prefix}rewards" in message


@given(st.one_of(st.integers(max_value=0), st.integers(min_value=1025), st.integers(1, 1024)))
def test_only_powers_of_two_can_be_asked_for(count):
    """Other counts are refused before the broker is asked; a good count gets as far as the (absent) broker."""
    good = count in {1 << power for power in range(11)}
    expected = BrokerUnavailableError if good else TopicsMismatchError
    with pytest.raises(expected):
        asyncio.run(create_topics("127.0.0.1:1", partitions=count))


async def test_absent_broker_is_named():
    """Without a broker the error has its address and what to do."""
    servers = f"127.0.0.1:{free_port()}"
    for request in (check_topics(servers), cluster_id(servers), create_topics(servers)):
        with pytest.raises(BrokerUnavailableError, match=rf"{servers} does not answer.*KAFKA_BOOTSTRAP_SERVERS"):
            await request


async def test_cluster_id_is_the_brokers(kafka):
    """The id is stable between requests and is the one a raw metadata request gives."""
    from infra.kafka import probe

    host, port = kafka.bootstrap_servers.split(":")
    assert await cluster_id(kafka.bootstrap_servers) == probe.ask(host, int(port)).cluster_id


async def test_misspelt_topic_is_not_created(kafka, deployment_prefix):
    """The broker makes no topic because somebody asked about it."""
    if kafka.how == "environment":
        pytest.skip("somebody else's broker has somebody else's settings")
    async with _admin(kafka) as admin:
        await admin.describe_topics([deployment_prefix + "contxets"])
        assert deployment_prefix + "contxets" not in await admin.list_topics()
