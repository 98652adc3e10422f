"""Events as workers and applications write them."""

import numpy as np

from schemas.domains import Arm, Component, DomainSpec, LearnerSpec
from schemas.events import Context, Decision, Outcome, Reward, SpecChange

SPEC = DomainSpec(
    "acme",
    "routing",
    2,
    (Arm("weak", 0.001), Arm("strong", 0.03), Arm("old", 0.01, enabled=False)),
    {"success": Component(required=True), "cost": Component(0.5, worst=0.05, best=0.0)},
    LearnerSpec("learned", "doubly_robust"),
    horizon_ms=60_000,
)


def packed(*values):
    return np.array(values, "<f4").tobytes()


def spec_change(version, spec=SPEC):
    return SpecChange(version, "acme", "routing", spec)


def context(name, tenant="acme", domain="routing", features=(0.5, -1.25), eligible=None):
    return Context(name, tenant, domain, packed(*features), eligible)


def decision(name, tenant="acme", choice=1, spec=0, context_offset=0, horizon_ms=60_000, **changes):
    fields = {
        "domain": "routing",
        "arms": ("weak", "strong"),
        "propensities": packed(0.25, 0.75),
        "scores": packed(0.4, 0.7),
        "features": packed(0.5, -1.25),
        "policy": "learned",
        "learned": 1,
        "awaited": ("success", "cost"),
        **changes,
    }
    return Decision(
        name, tenant, choice=choice, spec=spec, context_offset=context_offset, horizon_ms=horizon_ms, **fields
    )


def reward(name, about, tenant="acme", **observations):
    return Reward(name, tenant, about, {key: float(value) for key, value in observations.items()})


def outcome(decided, ordinal=0, ended="complete", decided_at=0, ended_at=0, offset=0, **observations):
    return Outcome(ordinal, ended, decided_at, ended_at, observations, offset, decided)
