"""A tenant's partition is the one Kafka's own partitioner gives its key."""

from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from schemas.partitioning import bucket, partition
from schemas.topics import VIRTUAL_BUCKETS

tenants = st.text(min_size=1, max_size=64)
powers = st.sampled_from([2**n for n in range(11)])


@given(tenants, powers)
def test_kafka_s_default_partitioner_agrees(tenant, partitions):
    """Another program that writes with the tenant as key meets us in the same partition."""
    everything = list(range(partitions))
    assert partition(tenant, partitions) == DefaultPartitioner()(tenant.encode(), everything, everything)


@given(tenants, st.sampled_from([2**n for n in range(10)]))
def test_doubling_splits_every_partition_in_two(tenant, partitions):
    """A tenant stays in its partition or moves to the one `partitions` further, never among the others."""
    before, after = partition(tenant, partitions), partition(tenant, 2 * partitions)
    assert after in {before, before + partitions}


def test_doubling_uses_both_halves():
    """Of many tenants of a partition, about half move."""
    names = [f"tenant-{number}" for number in range(2000)]
    moved = sum(partition(name, 16) != partition(name, 8) for name in names)
    assert 800 < moved < 1200


@given(tenants)
def test_buckets_are_in_range(tenant):
    """A bucket is one of the virtual ones, and with as many partitions it is the partition."""
    assert 0 <= bucket(tenant) < VIRTUAL_BUCKETS
    assert partition(tenant, VIRTUAL_BUCKETS) == bucket(tenant)


def test_buckets_are_fixed_for_ever():
    """Murmur2 of Kafka's own test (UtilsTest): another hash would lose every tenant's state."""
    known = {"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536}
    for tenant, murmur2 in known.items():
        assert bucket(tenant) == (murmur2 & 0x7FFFFFFF) % VIRTUAL_BUCKETS
