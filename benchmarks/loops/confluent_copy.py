"""A consume-produce loop on confluent-kafka (librdkafka): records pass through Python one by one, batches do not."""

import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer

from benchmarks.loops.job import Job, begin

COMMIT_SECONDS = 1.0
FETCHED = 1000


def _delivered(error: KafkaError | None, _: Message) -> None:
    if error is not None:
        raise KafkaException(error)


def copy(job: Job) -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": job.bootstrap,
            "group.id": job.group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            # A full queue would stop fetching for a second, longer than it lasts.
            "fetch.queue.backoff.ms": 10,
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": job.bootstrap,
            "acks": "all",
            "queue.buffering.max.messages": 1_000_000,
            "delivery.report.only.error": True,
            "on_delivery": _delivered,
        }
    )
    consumer.subscribe([job.source])
    committed = time.monotonic()
    moved = False
    while True:
        for message in consumer.consume(FETCHED, timeout=0.1):
            error = message.error()
            if error is not None:
                raise KafkaException(error)
            producer.produce(job.sink, message.value(), message.key(), message.partition())
            moved = True
        producer.poll(0)
        if moved and time.monotonic() - committed >= COMMIT_SECONDS:
            producer.flush()
            consumer.commit(asynchronous=False)
            moved, committed = False, time.monotonic()


if __name__ == "__main__":
    copy(begin())
