"""The runtime overrides and calls private parts of Faust and aiokafka; a release that changes them must not slip in."""

import hashlib
import inspect
from importlib import import_module

import pytest

#: What stream_workers/runtime relies on, and the hash of its source in the pinned version.  When a test here fails
#: after an upgrade, read the difference, decide whether the runtime still holds, run tests/faults, then renew the hash.
RELIED_UPON = {
    "faust.transport.consumer:Consumer.getmany": "4b168d84882a70d6",
    "faust.transport.consumer:Consumer._wait_next_records": "6218e1969a636b3f",
    "faust.transport.consumer:Consumer._drain_messages": "44a2500309e83c63",
    "faust.transport.consumer:Consumer._get_active_partitions": "b24897f3c7afdb5d",
    "faust.transport.consumer:Consumer.ack": "5fcf41cf45153475",
    "faust.transport.consumer:Consumer._add_gap": "4df2573ded7c1c2c",
    "faust.transport.consumer:Consumer.commit": "a354437baaa08bf8",
    "faust.transport.consumer:Consumer.force_commit": "cc094614d22c70fb",
    "faust.transport.consumer:Consumer.maybe_wait_for_commit_to_finish": "d687f63a0b5ef0c5",
    "faust.transport.consumer:Consumer._commit_tps": "a20e230b05ae8b15",
    "faust.transport.consumer:Consumer._filter_committable_offsets": "dc5e9baf5d994485",
    "faust.transport.consumer:Consumer._commit_offsets": "1a69799041188441",
    "faust.transport.consumer:Consumer._commit_handler": "4e5da5df073082d6",
    "faust.transport.consumer:Consumer.on_partitions_revoked": "d04b7ae72c6fc206",
    "faust.transport.consumer:Consumer.on_partitions_assigned": "29ce96596f05a18c",
    "faust.transport.consumer:Consumer.perform_seek": "0e8c130ff4b0afd8",
    "faust.transport.consumer:ThreadDelegateConsumer._getmany": "f9d47aa9010b5ff2",
    "faust.transport.consumer:ThreadDelegateConsumer.highwater": "f52cb0d26a713c3a",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._create_worker_consumer": "c2701bfc3e6f6cad",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._fetch_records": "39a2c6c79fc1455a",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._commit": "932852ce7a23f658",
    "faust.transport.drivers.aiokafka:ConsumerRebalanceListener": "f3d04f29dfb3f716",
    "faust.transport.conductor:ConductorCompiler.build": "837cf521368c1ee4",
    "faust.app.base:App._on_partitions_revoked": "d5c895bbe57dc73a",
    "faust.app.base:App._on_partitions_assigned": "de932b7927db85b3",
    "faust.tables.recovery:Recovery._resume_streams": "d986a6710c1aca98",
    "faust.assignor.partition_assignor:PartitionAssignor._perform_assignment": "1e0bf2c5c8f42574",
    "aiokafka.producer.message_accumulator:BatchBuilder": "8050802ca7514186",
    "aiokafka.producer.message_accumulator:MessageAccumulator.add_batch": "5ed1c5b1367ad854",
    "aiokafka.producer.producer:AIOKafkaProducer.send_batch": "bf42b0f0c5c0646d",
    "aiokafka.consumer.consumer:AIOKafkaConsumer.seek": "a9430f1f3b9ac419",
    "aiokafka.consumer.fetcher:Fetcher.fetched_records": "be4348896b9b66af",
    "aiokafka.consumer.fetcher:Fetcher._proc_fetch_request": "59bf948fff47eed5",
    "aiokafka.consumer.fetcher:PartitionRecords": "94aa0da0dbec8d1b",
    "aiokafka.producer.message_accumulator:MessageBatch": "36a7b1dac89d2910",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread.on_start": "38b4e8bd1e10723a",
    "aiokafka.producer.sender:SendProduceReqHandler.create_request": "807639a952058369",
    "aiokafka.producer.sender:Sender._send_produce_req": "aea01ae4b6c794cc",
    "aiokafka.conn:AIOKafkaConnection.send": "5909ea32f4efca49",
    "aiokafka.consumer.fetcher:Fetcher._get_actions_per_node": "1dab2cf937d165d0",
    "aiokafka.protocol.fetch:FetchRequest": "ef21d383f1372a25",
    "aiokafka.conn:AIOKafkaConnection._handle_frame": "46a7d9b8cf7ca222",
    "aiokafka.consumer.fetcher:FetchResult": "d7db13f06de8248c",
    "faust.transport.consumer:Fetcher": "c922e4ab78d9e296",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread.on_thread_stop": "8dfc004e258b6c25",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread.getmany": "26fc5fc9f3b667e1",
    "mode.threads:ServiceThread.start": "f11841038a033a05",
    "mode.threads:ServiceThread.stop": "32d026539c3665b2",
    "mode.threads:ServiceThread._shutdown_thread": "d7377862e73421a2",
    "mode.threads:QueueServiceThread.call_thread": "479edda75b54734b",
    "aiokafka.producer.message_accumulator:MessageAccumulator._append_batch": "4762abfc42cbaa15",
    "aiokafka.consumer.fetcher:Fetcher._fetch_requests_routine": "2a8ec5932644c9b0",
}


def source_hash(path: str) -> str:
    module, _, names = path.partition(":")
    found = import_module(module)
    for name in names.split("."):
        found = getattr(found, name)
    found = getattr(found, "fun", found)  # mode wraps background tasks
    return hashlib.sha256(inspect.getsource(found).encode()).hexdigest()[:16]


@pytest.mark.parametrize("path", sorted(RELIED_UPON))
def test_what_we_rely_on_is_as_we_know_it(path):
    """The source of a private method is the one that was read when the runtime was written."""
    assert source_hash(path) == RELIED_UPON[path], f"{path} has changed: see the comment on RELIED_UPON"
