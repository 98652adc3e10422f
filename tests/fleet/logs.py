"""Outcomes of many tenants, as records of a partition."""

import numpy as np

from schemas import wire
from schemas.domains import Arm, Component, DomainSpec, LearnerSpec
from schemas.events import Decision, Outcome, SpecChange

ARMS = ("a", "b", "c")
#: What each arm earns where the first feature is above its mean, and below.
QUALITY = {"a": (0.9, 0.1), "b": (0.2, 0.8), "c": (0.3, 0.3)}


class Record:
    def __init__(self, offset, key, event):
        self.offset, self.timestamp, self.key = offset, 1000 + offset, key
        self.value = event if isinstance(event, bytes) else wire.encode(event)


def spec_of(tenant, *, fleet=True, arms=ARMS, features=2, **fields):
    return DomainSpec(
        tenant, "routing", features, tuple(map(Arm, arms)), {"quality": Component(required=True)},
        LearnerSpec("learned", "squarecb"), fleet=fleet, **fields,
    )  # fmt: skip


class Log:
    """One partition's outcomes, written in order."""

    def __init__(self, seed=0):
        self.records, self._rng, self._ordinal = [], np.random.default_rng(seed), 0

    def declare(self, spec, version=0, removed=False):
        change = SpecChange(version, spec.tenant, spec.domain, None if removed else spec)
        self.records.append(Record(len(self.records), spec.tenant.encode(), change))
        return self

    def outcomes(self, spec, n, twice=False, shift=0.0):
        p = np.full(len(spec.arms), 1 / len(spec.arms), "<f4").tobytes()
        names = tuple(arm.name for arm in spec.arms)
        for _ in range(n):
            x = self._rng.normal(shift, 0.5, spec.width).astype("<f4")
            arm = int(self._rng.integers(len(names)))
            good = QUALITY.get(names[arm], (0.5, 0.5))[int(x[0] < shift)]
            decision = Decision(
                f"d{self._ordinal}", spec.tenant, spec.domain, names, arm, p, p, x.tobytes(), "learned", 0, 0, 1000, (),
                self._ordinal,
            )  # fmt: skip
            event = Outcome(
                self._ordinal, "complete", 0, 1, {"quality": float(self._rng.random() < good)}, self._ordinal, decision
            )
            for _ in range(2 if twice else 1):
                self.records.append(Record(len(self.records), spec.tenant.encode(), event))
            self._ordinal += 1
        return self


def of_tenants(names, n=60, seed=0, **fields):
    """Tenants that each declare the domain and have outcomes."""
    log = Log(seed)
    for name in names:
        log.declare(spec_of(name, **fields)).outcomes(spec_of(name, **fields), n)
    return log
