"""Programs measured in turn, round by round, so that what else the machine does hits all alike; medians and ratios."""

import datetime as dt
import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from itertools import cycle, islice
from typing import Any

from benchmarks.deployment import deployment
from benchmarks.load import Load, Row
from benchmarks.measure import measure, prepare
from benchmarks.programs import BY_NAME, RATIOS, Program
from benchmarks.rate import Rate, rate
from infra.kafka import RunningBroker

_VERSIONS = ("faust-streaming", "aiokafka", "quixstreams", "confluent-kafka")

#: Told after each measurement: round (from 1), program, its rate.
Told = Callable[[int, Program, Rate], None]


class Inputs:
    """The records of all programs, made once."""

    def __init__(self, load: Load, records: int) -> None:
        self.load = load
        self.records = records
        self._made: dict[str, list[Row]] = {}

    def rows(self, program: Program) -> list[Row]:
        """What the program reads: the first of them, or all of them again and again."""
        if program.reads not in self._made:
            make = self.load.contexts if program.reads == "contexts" else self.load.outcomes
            self._made[program.reads] = make(self.records)
        return list(islice(cycle(self._made[program.reads]), max(1, int(self.records * program.share))))


async def one(broker: RunningBroker, program: Program, inputs: Inputs) -> Rate:
    """Measure a program once, on topics of its own."""
    rows = inputs.rows(program)
    async with deployment(broker.bootstrap_servers, inputs.load.partitions) as field:
        total = await prepare(program, field, inputs.load, rows)
        samples = await measure(program, field, total)
    return rate(samples, total, stepwise=program.writes == "state")


async def compare(
    broker: RunningBroker, programs: Sequence[Program], inputs: Inputs, runs: int, told: Told
) -> dict[str, Any]:
    """Every program `runs` times, in turn; the report that `--json` prints."""
    found: dict[str, list[Rate]] = {program.name: [] for program in programs}
    begun = dt.datetime.now(dt.UTC)
    for number in range(1, runs + 1):
        for program in programs:
            result = await one(broker, program, inputs)
            found[program.name].append(result)
            told(number, program, result)
    medians = {name: statistics.median(each.per_second for each in rates) for name, rates in found.items()}
    return {
        **{name: round(value) for name, value in medians.items()},
        **ratios(medians),
        "runs": runs,
        "measurements": {name: _detail(BY_NAME[name], inputs, rates) for name, rates in found.items()},
        "load": {
            "partitions": inputs.load.partitions,
            "tenants": inputs.load.tenants,
            "arms": inputs.load.arms,
            "features": inputs.load.features,
        },
        "machine": {
            "started": begun.isoformat(timespec="seconds"),
            "cpus": os.cpu_count(),
            "load_average": [round(each, 1) for each in os.getloadavg()],
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            "kafka": broker.how,
            **{name: version(name) for name in _VERSIONS},
        },
    }


def ratios(medians: Mapping[str, float]) -> dict[str, float]:
    """Those of which both programs were measured."""
    return {
        name: round(medians[over] / medians[under], 2)
        for name, (over, under, _) in RATIOS.items()
        if over in medians and under in medians
    }


def _detail(program: Program, inputs: Inputs, rates: Sequence[Rate]) -> dict[str, Any]:
    rows = inputs.rows(program)
    return {
        "what": program.what,
        "records": len(rows),
        "record_bytes": round(sum(len(row.value) for row in rows) / len(rows)),
        "records_per_second": [round(each.per_second) for each in rates],
        "cpu_microseconds_per_record": round(statistics.median(each.cpu_microseconds for each in rates), 2),
        "resident_megabytes": round(max(each.resident_bytes for each in rates) / 1e6),
    }
