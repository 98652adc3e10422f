"""Where a tenant lives: the same arithmetic as Kafka's default partitioner, so other programs' producers agree."""

from aiokafka.partitioner import murmur2

from .topics import VIRTUAL_BUCKETS


def bucket(tenant: str) -> int:
    """Virtual bucket of a tenant, 0 <= bucket < 1,024, fixed for ever."""
    return (int(murmur2(tenant.encode())) & 0x7FFFFFFF) % VIRTUAL_BUCKETS


def partition(tenant: str, partitions: int) -> int:
    """Partition of a tenant's records in every keyed topic.  partitions: a power of two, at most 1,024."""
    return bucket(tenant) % partitions
