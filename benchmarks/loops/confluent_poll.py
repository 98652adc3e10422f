"""Confluent-kafka as its documentation teaches it: poll a message, produce it with a delivery callback, commit."""

import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer

from benchmarks.loops.job import Job, begin

COMMIT_SECONDS = 1.0


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
        }
    )
    producer = Producer({"bootstrap.servers": job.bootstrap, "acks": "all"})
    consumer.subscribe([job.source])
    committed = time.monotonic()
    moved = False
    while True:
        message = consumer.poll(0.1)
        if message is not None:
            error = message.error()
            if error is not None:
                raise KafkaException(error)
            while True:
                try:
                    producer.produce(
                        job.sink, message.value(), message.key(), message.partition(), on_delivery=_delivered
                    )
                    break
                except BufferError:  # the local queue is full: wait for deliveries
                    producer.poll(0.1)
            moved = True
        producer.poll(0)
        if moved and time.monotonic() - committed >= COMMIT_SECONDS:
            producer.flush()
            consumer.commit(asynchronous=False)
            moved, committed = False, time.monotonic()


if __name__ == "__main__":
    copy(begin())
