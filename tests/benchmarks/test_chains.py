"""`python -m benchmarks.chains` decides what it says it does."""

from benchmarks import chains


def test_every_sort_is_decided():
    """None of the contexts is refused (that would end the run), and each sort has its time."""
    found = chains.measure(50)
    assert list(found) == [
        "plain", "with a unit", "plain, where others follow", "follows from another", "with three inputs",
    ]  # fmt: skip
    assert all(microseconds > 0 for microseconds in found.values())
