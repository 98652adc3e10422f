"""What is aimed at, as data, and whether a report meets it."""

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple


class Aim(NamedTuple):
    """A figure of a report and the bound it is meant to keep."""

    report: Literal["throughput", "latency", "scale"]
    name: str
    what: str
    bound: float
    at_least: bool

    def met(self, value: float) -> bool:
        """Whether the value keeps the bound."""
        return value >= self.bound if self.at_least else value <= self.bound


AIMS: Final = (
    Aim("throughput", "router_over_confluent", "the router over a confluent-kafka copy loop", 1.0, True),
    Aim("throughput", "router_over_quix", "over Quix Streams with state", 2.0, True),
    Aim("throughput", "router_over_faust", "over stock Faust", 40.0, True),
    Aim("throughput", "pipeline_over_confluent", "the whole pipeline over the copy loop", 0.4, True),
    Aim("latency", "p50_over_raw", "decision p50 over the path without a router, 1,000/s", 2.5, False),
    Aim("latency", "p99_over_raw", "decision p99 over the path without a router, 1,000/s", 3.0, False),
    Aim("scale", "tenants_100k_over_10", "router microseconds, 100,000 tenants over 10", 2.0, False),
    Aim("scale", "idle_cpu_percent", "an idle worker, per cent of a core", 2.0, False),
    Aim("scale", "idle_megabytes", "an idle worker, resident MB", 250.0, False),
    Aim("scale", "recovery_mb_s", "recovery of 1 GB of state, MB/s", 100.0, True),
)


def rows(reports: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, str, str, str]]:
    """Name, meaning, aim, what was found, and whether it was met; of figures that a report has."""
    found = []
    for aim in AIMS:
        value = reports.get(aim.report, {}).get(aim.name)
        if value is not None:
            bound = f"{'at least' if aim.at_least else 'at most'} {aim.bound:g}"
            found.append((f"`{aim.name}`", aim.what, bound, f"{value:g}", "met" if aim.met(value) else "not met"))
    return found
