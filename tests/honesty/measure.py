"""What the checks cost and how soon they find faults: `python -m tests.honesty.measure`."""

from collections import defaultdict
from time import perf_counter

import numpy as np

from stream_workers.honesty.checks import limits_of

from .streams import Plan, fresh, kinds, look, simulate
from .test_faults import FAULTS, START

STREAMS = 20
EVERY = 50


def microseconds(plan, size):
    """An outcome's, the quickest of several passes over a log in batches of a size."""
    log, limits = simulate(plan, 0), limits_of(plan.subject)
    batches = [log.rows(slice(at, at + size)) for at in range(0, plan.n, size)]
    times = []
    for _ in range(7):
        vector = fresh(plan.subject)
        begin = perf_counter()
        for batch in batches:
            look(vector, batch, limits)
        times.append(perf_counter() - begin)
    return min(times) / plan.n * 1e6


def delays(fault):
    """By kind of alarm: outcomes from the fault's begin to the alarm, of each stream in which it came."""
    plan = Plan(n=START + 12_000, gap_ms=20.0, **fault)
    limits, found = limits_of(plan.subject), defaultdict(list)
    for seed in range(STREAMS):
        log, vector, seen = simulate(plan, seed), fresh(plan.subject), set()
        for at in range(0, plan.n, EVERY):
            look(vector, log.rows(slice(at, at + EVERY)), limits)
            for kind in kinds(vector) - seen:
                found[kind].append(at + EVERY - START)
            seen = kinds(vector)
    return found


def main():
    for K, d in ((4, 8), (10, 32), (64, 512)):
        plan = Plan(n=10_000, K=K, d=d)
        print(
            f"{K} arms, {d} features: {microseconds(plan, 10_000):.3f} us an outcome, {8 * plan.subject.size:,} bytes"
        )
    print(f"\noutcomes until the alarm, median (latest) of {STREAMS} streams, from outcome {START:,} on")
    for name, (fault, *_) in FAULTS.items():
        told = (
            f"{kind} {np.median(after):,.0f} ({max(after):,}){'' if len(after) == STREAMS else f' in {len(after)}'}"
            for kind, after in sorted(delays(fault).items(), key=lambda each: np.median(each[1]))
        )
        print(f"{name}: {', '.join(told)}")


if __name__ == "__main__":
    main()
