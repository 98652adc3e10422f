"""The tables that documents hold say what the reports say, and call met what keeps its bound."""

import pytest

from benchmarks.aims import AIMS, rows
from benchmarks.programs import RATIOS
from benchmarks.tables import REPORTS, markdown

MACHINE = {
    "started": "2026-01-01T00:00:00+00:00", "cpus": 2, "load_average": [0.5], "python": "3", "kafka": "k",
    "aiokafka": "a", "confluent-kafka": "c",
}  # fmt: skip


@pytest.mark.parametrize("aim", AIMS, ids=lambda aim: aim.name)
def test_the_bound_itself_is_met_and_what_is_beyond_it_is_not(aim):
    """On either side of the bound the verdict differs, in the direction that the aim says."""
    worse = aim.bound * (0.99 if aim.at_least else 1.01)
    for value, verdict in ((aim.bound, "met"), (worse, "not met")):
        ((name, *_, told),) = rows({aim.report: {aim.name: value}})
        assert (name, told) == (f"`{aim.name}`", verdict)


def test_aims_of_throughput_are_those_of_its_own_report():
    """A ratio's aim stands in two places, which agree."""
    for aim in AIMS:
        assert aim.report in REPORTS
        if aim.report == "throughput":
            assert RATIOS[aim.name][2] == aim.bound


def test_every_row_of_a_report_is_a_row_of_its_table():
    """Tables have as many cells in each row as in the head, and the figures of the report."""
    found = {"p50": 1.5, "p95": 2.5, "p99": 3.5, "max": 4.5, "sent_late_p99": 0.1, "samples": 12_345}
    text = markdown(
        {
            "latency": {
                "p50_over_raw": 1.25,
                "rates": {"1000": {"raw": found, "router": {**found, "p50_over_raw": 1.25, "p99_over_raw": 1.0}}},
                "settings": {"acks": "all"},
                "machine": MACHINE,
            }
        }
    )
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    for block in text.split("\n\n"):
        if block.startswith("| "):
            assert len({line.count("|") for line in block.splitlines()}) == 1
    assert any("12,345" in line and "1.25" in line for line in lines)
    assert "| `p50_over_raw` |" in text
