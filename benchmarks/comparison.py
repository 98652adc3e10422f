"""Programs measured in turn, round by round, so that what else the machine does hits all alike; medians and ratios."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import psutil

from benchmarks.deployment import deployment
from benchmarks.load import Load
from benchmarks.machine import described, now
from benchmarks.measure import measure, prepare
from benchmarks.programs import BY_NAME, RATIOS, Program
from benchmarks.rate import Rate, rate
from infra.kafka import RunningBroker

_WEIGHED = 1_000  # records whose mean size is told

#: Told after each measurement: round (from 1), program, its rate.
Told = Callable[[int, Program, Rate], None]


async def one(broker: RunningBroker, program: Program, load: Load, records: int) -> Rate:
    """Measure a program once, on topics of its own.  records: of which slow programs get a part."""
    async with deployment(broker.bootstrap_servers, load.partitions) as field:
        prepared = await prepare(program, field, load, share_of(program, records))
        before = _broker_seconds(broker)
        samples = await measure(program, field, prepared)
        spent = None if before is None else (_broker_seconds(broker) or 0.0) - before
    steps = program.writes == "state" and program.reads == "outcomes"
    found = rate(samples, prepared.total, stepwise=steps)
    return found if spent is None else found._replace(broker_microseconds=spent / prepared.total * 1e6)


def _broker_seconds(broker: RunningBroker) -> float | None:
    """Processor time of the broker until now, if it is a process of this machine that we know."""
    if broker.pid is None:
        return None
    times = psutil.Process(broker.pid).cpu_times()
    return float(times.user + times.system)


def share_of(program: Program, records: int) -> int:
    """How many of the records asked for the program gets."""
    return max(1, int(records * program.share))


async def compare(
    broker: RunningBroker, programs: Sequence[Program], load: Load, records: int, runs: int, told: Told
) -> dict[str, Any]:
    """Every program `runs` times, in turn; the report that `--json` prints."""
    found: dict[str, list[Rate]] = {program.name: [] for program in programs}
    begun = now()
    for number in range(1, runs + 1):
        for program in programs:
            result = await one(broker, program, load, records)
            found[program.name].append(result)
            told(number, program, result)
    medians = {name: statistics.median(each.per_second for each in rates) for name, rates in found.items()}
    return {
        **{name: round(value) for name, value in medians.items()},
        **ratios(medians),
        "runs": runs,
        "measurements": {name: _detail(BY_NAME[name], load, records, rates) for name, rates in found.items()},
        "load": {
            "partitions": load.partitions,
            "tenants": load.tenants,
            "arms": load.arms,
            "features": load.features,
        },
        "machine": described(broker, begun),
    }


def ratios(medians: Mapping[str, float]) -> dict[str, float]:
    """Those of which both programs were measured."""
    return {
        name: round(medians[over] / medians[under], 2)
        for name, (over, under, _) in RATIOS.items()
        if over in medians and under in medians
    }


def _detail(program: Program, load: Load, records: int, rates: Sequence[Rate]) -> dict[str, Any]:
    make = load.contexts if program.reads == "contexts" else load.outcomes
    return {
        "what": program.what,
        "records": share_of(program, records),
        "record_bytes": round(statistics.mean(len(row.value) for row in make(_WEIGHED))),
        "records_per_second": [round(each.per_second) for each in rates],
        "cpu_microseconds_per_record": round(statistics.median(each.cpu_microseconds for each in rates), 2),
        "broker_microseconds_per_record": _median([each.broker_microseconds for each in rates]),
        "resident_megabytes": round(max(each.resident_bytes for each in rates) / 1e6),
    }


def _median(found: Sequence[float | None]) -> float | None:
    known = [each for each in found if each is not None]
    return round(statistics.median(known), 2) if known else None
