"""The stateful runtime: Faust moves record batches, processors apply them, a checkpoint makes it last.

The way in: `stage` (what a processor is), `app` (how Faust is built), `partitions` (who owns what, what was applied),
`checkpoint` (how it is made durable), `changelog` (what a checkpoint is in Kafka and how it is read back), `store`
(RocksDB).  docs/decisions/0001-checkpoints.md says why it is so.
"""
