"""What is in the log of these tests."""

import msgspec
import numpy as np

from schemas.domains import Arm, Component, DomainSpec, LearnerSpec
from schemas.events import Context, DeadLetter, Decision, Kpi, Outcome, Reward

HOSTILE = "<script>alert(1)</script>\"'\u202e"

SPEC = DomainSpec(
    "acme",
    "routing",
    2,
    (Arm("weak", 0.001), Arm("strong", 0.03), Arm("old", 0.01, enabled=False)),
    {"success": Component(required=True), "cost": Component(0.5, worst=0.05, best=0.0)},
    LearnerSpec("learned", "doubly_robust"),
    (LearnerSpec("always-strong", "fixed", {"arm": "strong"}),),
    horizon_ms=60_000,
)
OTHER = msgspec.structs.replace(SPEC, tenant="globex")
SPECS = (SPEC, OTHER)


def packed(*values):
    return np.array(values, "<f4").tobytes()


def decision(name, tenant="acme", choice=1, **changes):
    fields = {
        "domain": "routing", "arms": ("weak", "strong"), "propensities": packed(0.25, 0.75),
        "scores": packed(0.4, 0.7), "features": packed(0.5, -1.25), "policy": "learned", "spec": 0, "learned": 1,
        "horizon_ms": 60_000, "awaited": ("success", "cost"), "context_offset": 0, **changes,
    }  # fmt: skip
    return Decision(name, tenant, choice=choice, **fields)


def context(name, tenant="acme", domain="routing"):
    return Context(name, tenant, domain, packed(0.5, -1.25))


def letter(reason, detail, event, tenant="acme", topic="contexts", stage="router"):
    value = event if isinstance(event, bytes) else msgspec.msgpack.encode(event)
    return DeadLetter(stage, reason, detail, topic, 1, 7, 1_760_000_000_000, tenant.encode(), value)


def records():
    """(topic, key, event), in order."""
    for tenant in ("acme", "globex"):
        for n in range(3):
            yield "contexts", tenant, context(f"{tenant}-{n}", tenant)
            yield "decisions", tenant, decision(f"{tenant}-{n}", tenant, choice=int(n != 1), context_offset=n)
        made = decision(f"{tenant}-0", tenant)
        yield "rewards", tenant, Reward(f"{tenant}-r", tenant, f"{tenant}-0", {"success": 1.0, "cost": 0.005})
        yield "outcomes", tenant, Outcome(0, "complete", 1, 2, {"success": 1.0, "cost": 0.005}, 0, made)
        yield (
            "dead-letters",
            tenant,
            letter(
                "unknown-domain", f"tenant '{tenant}' has no domain 'x'", context(f"{tenant}-x", tenant, "x"), tenant
            ),
        )
    for n in range(1, 60):
        made = decision(f"acme-past-{n}", choice=n % 2, features=packed(n / 60, -1.0))
        observed = {"success": float(n % 3 > 0), "cost": 0.03 if n % 2 else 0.001}
        yield "outcomes", "acme", Outcome(n, "complete", n, n + 1, observed, n + 10, made)
    yield "decisions", HOSTILE, decision(HOSTILE, HOSTILE, arms=(HOSTILE, "strong"), choice=0, policy=HOSTILE)
    yield "dead-letters", HOSTILE, letter("invalid", HOSTILE, b"\xc1", HOSTILE, "outcomes", HOSTILE[:60])


def kpi(tenant, arm, granularity, start, n=40, **changes):
    """A bucket of decisions that chose an arm."""
    share = {"weak": 0.7, "strong": 0.9}.get(arm, 0.8)
    price = {"weak": 0.001, "strong": 0.03}.get(arm, 0.01)
    fields = {
        "tenant": tenant, "domain": "routing", "arm": arm, "policy": "learned", "spec": 0, "granularity": granularity,
        "start": start, "applied": 10, "interactions": n, "observed": n, "with_feedback": n - 2, "unfollowed": 0,
        "reward_sum": share * n, "cost_sum": price * n, "cost_count": n, "success_sum": share * n, "success_count": n,
        "error_sum": 0.01 * n, "error_count": n, "fallback_sum": 0.0, "answered_sum": float(n),
        "resolved_sum": share * n, "resolved_count": n, "paid_resolved_sum": share * n, "thumbs_sum": 0.5 * share * n,
        "thumbs_count": n // 2, "explored_sum": 0.1 * n, "budget_sum": 0.0, "budgeted_cost_sum": 0.0,
        "eligible": 2 * n, "value_sum": 2 * share * n, "value_squares": 2 * share * n, "regret_sum": 0.02 * n,
        "regret_squares": 0.4 * n, "weight_sum": 2.0 * n, "weight_squares": 5.0 * n, "weighted_cost_sum": 2 * price * n,
        "price": price, "baseline": arm == "strong", "latency_ms": ((300, n // 2), (340, n - n // 2)),
        "feedback_ms": ((400, n - 2),), **changes,
    }  # fmt: skip
    return Kpi(**fields)


def kpis(now, tenants=("acme", "globex"), days=30):
    """A month of days, and two days of hours and minutes, up to now (seconds since 1970)."""
    for tenant in tenants:
        for arm in ("weak", "strong"):
            for granularity, step, back in (("day", 86_400, days), ("hour", 3600, 48), ("minute", 60, 120)):
                last = int(now // step)
                for i in range(back):
                    yield kpi(tenant, arm, granularity, (last - i) * step, 40 + i % 7)
