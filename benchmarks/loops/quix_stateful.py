"""Quix Streams as its documentation teaches it: a stateful function that counts by key in RocksDB, and a topic."""

from quixstreams import Application, State

from benchmarks.loops.job import Job, begin


def count(value: bytes, state: State) -> bytes:
    total = state.get("total", default=0)
    state.set("total", total + 1)
    return value


def run(job: Job) -> None:
    app = Application(
        broker_address=job.bootstrap,
        consumer_group=job.group,
        auto_offset_reset="earliest",
        processing_guarantee="at-least-once",
        state_dir=job.state_dir,
        loglevel="WARNING",
    )
    source = app.topic(job.source, value_deserializer="bytes")
    sink = app.topic(job.sink, value_serializer="bytes")
    app.dataframe(source).apply(count, stateful=True).to_topic(sink)
    app.run()


if __name__ == "__main__":
    run(begin())
