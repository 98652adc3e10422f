"""The measurement of recovery, on a small changelog: it measures what it says."""

import pytest

from benchmarks.changelog import KINDS, entries
from benchmarks.recovery import measure
from stream_workers.joining.entries import Open, decode_entry
from stream_workers.learning.domain import DomainState


def test_entries_have_the_size_and_form_of_real_ones():
    """A domain of some 57 kB and an open decision of some 500 bytes; the latter is what the joiner reads back."""
    key, value = next(entries("domains", 0))
    assert key.startswith(b"domain/")
    assert 50_000 < len(value) < 65_000
    assert value[:4] == DomainState.from_bytes.__globals__["_MAGIC"]
    many = entries("decisions", 1)
    found = [next(many) for _ in range(100)]
    assert len({key for key, _ in found}) == 100
    assert all(400 < len(value) < 600 for _, value in found)
    assert all(isinstance(decode_entry(value), Open) for _, value in found)


@pytest.mark.kafka
@pytest.mark.parametrize("kind", sorted(KINDS))
async def test_all_is_read_from_nothing_and_the_difference_from_a_disk(kind, kafka, tmp_path):
    """The bytes written are the bytes read by a real worker; on its own disk it reads the one per cent that came."""
    found = await measure(kafka, kind, 4.0, 4, tmp_path)
    assert found["megabytes"] == 4
    assert found["recovery_mb_s"] > 0
    assert 0 < found["difference_read_megabytes"] <= found["difference_megabytes"] + 0.1 < 1.0
