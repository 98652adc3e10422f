"""What a learner would know: an independent reading of a deployment's log."""

from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas import wire

if TYPE_CHECKING:
    from schemas.events import SpecChange


async def records(bootstrap, topic):
    """Every record of a topic, a list for each partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        cluster = await consumer._client.fetch_all_metadata()
        places = [TopicPartition(topic, number) for number in sorted(cluster.partitions_for_topic(topic))]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        found: dict[TopicPartition, list] = {place: [] for place in places}
        for place in places:
            consumer.seek(place, 0)
        while any([await consumer.position(place) < ends[place] for place in places]):
            for place, batch in (await consumer.getmany(timeout_ms=500)).items():
                found[place] += batch
        return list(found.values())
    finally:
        await consumer.stop()


async def learned(bootstrap, prefix):
    """What applying `outcomes` leaves: of each domain the newest version, as a learner keeps it."""
    known: dict[tuple[str, str], SpecChange] = {}
    for part in await records(bootstrap, f"{prefix}outcomes"):
        for record in part:
            change = wire.decode("outcomes", record.value)
            key = (change.tenant, change.domain)
            if key not in known or change.version > known[key].version:
                known[key] = change
    return {key: (change.version, change.spec) for key, change in known.items() if change.spec is not None}
