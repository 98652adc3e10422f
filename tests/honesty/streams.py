"""Simulated logs of a domain: contexts, propensities, draws, rewards and the times between, with faults put in."""

from dataclasses import dataclass, field

import numpy as np

from stream_workers.bandits.address import address_of
from stream_workers.honesty import checks
from stream_workers.honesty.checks import Subject
from stream_workers.honesty.gathering import gather

HORIZON_MS = 1_000


@dataclass
class Log:
    """n outcomes in the order in which they ended, and what each of P policies predicted."""

    predicted: np.ndarray  # (P, n)
    x: np.ndarray  # (n, d) float32
    eligible: np.ndarray  # (n, K)
    chosen: np.ndarray
    propensities: np.ndarray  # (n, K) float32
    reward: np.ndarray
    complete: np.ndarray
    decided: np.ndarray
    ended: np.ndarray
    lapsed: np.ndarray

    def rows(self, where):
        return Log(
            np.ascontiguousarray(self.predicted[:, where]), *(each[where] for each in list(vars(self).values())[1:])
        )

    def in_order(self):
        return self.rows(np.lexsort((self.decided, self.ended)))

    def arguments(self):
        return list(vars(self).values())


@dataclass
class Plan:
    """What a stream is like; each fault is a function of what it concerns and the outcomes' numbers, or None."""

    n: int = 20_000
    K: int = 4
    d: int = 8
    P: int = 2
    draw: object = None  # (propensities, number) -> what arms are really drawn from
    shown: object = None  # (propensities, number) -> what is logged
    means: object = None  # (means, number) -> true mean rewards
    features: object = None  # (x, number) -> x
    feedback: object = None  # (probability of feedback (n, K), number) -> the same
    quick: object = None  # (reward, chosen) -> share of the horizon after which it ends, in [0, 1]
    concentration: float = 1.0
    floor: float = 0.05
    gap_ms: float = 10.0  # between decisions
    subject: Subject = field(init=False)

    def __post_init__(self):
        self.subject = Subject(
            tuple(f"p{i}" for i in range(self.P)),
            tuple(f"a{i}" for i in range(self.K)),
            (True,) * self.K,
            self.d,
            HORIZON_MS,
            self.floor,
        )


def simulate(plan, seed):
    """A log under a plan: predictions are right but for a small error, unless a fault changes the means."""
    rng = np.random.default_rng(seed)
    n, K, d, P = plan.n, plan.K, plan.d, plan.P
    number = np.arange(n)
    x = rng.standard_normal((n, d))
    x[:, 1::3] = np.exp(0.5 * x[:, 1::3])  # some are skewed,
    x[:, 2::3] = x[:, 2::3] > 1.5  # and some are flags
    p = rng.dirichlet(np.full(K, plan.concentration), n) * (1 - plan.floor) + plan.floor / K
    p = p.astype(np.float32)
    p64 = p.astype(float) / p.astype(float).sum(1, keepdims=True)
    real = plan.draw(p64, number) if plan.draw else p64
    chosen = np.minimum((real.cumsum(1) < rng.random((n, 1))).sum(1), K - 1)
    hidden = x[:, :1] if d else rng.standard_normal((n, 1))
    expected = np.clip(np.linspace(0.3, 0.7, K) + 0.15 * np.tanh(hidden), 0, 1)
    means = plan.means(expected, number) if plan.means else expected
    rows = np.arange(n)
    came = rng.random(n) < (plan.feedback(np.full((n, K), 0.9), number)[rows, chosen] if plan.feedback else 0.9)
    # Without feedback the reward is what was expected of it: these streams keep the two apart.
    reward = np.where(came, rng.random(n) < means[rows, chosen], expected[rows, chosen]).astype(float)
    predicted = np.clip(expected[rows, chosen] + rng.normal(0, 0.03, (P, n)), 0, 1)
    shown = plan.shown(p, number).astype(np.float32) if plan.shown else p
    logged = plan.features(x, number) if plan.features else x
    decided = 1e6 + plan.gap_ms * number
    wait = plan.quick(reward, chosen) if plan.quick else rng.random(n)
    return Log(
        predicted, logged.astype(np.float32), np.full((n, K), fill_value=True), chosen, shown, reward, came, decided,
        decided + np.round(HORIZON_MS * np.where(came, wait, 1.0)), ~came,
    ).in_order()  # fmt: skip


def fresh(subject):
    vector = np.zeros(subject.size)
    checks.prepare(vector)
    return vector


def look(vector, log, limits, has_model=True):
    """Look at all of a log; how many alarms."""
    predicted, *rest = log.arguments()
    return gather(address_of(vector), address_of(limits), has_model, predicted, *rest)


def kinds(vector):
    """Names of the kinds of alarms that were ever raised."""
    from stream_workers.honesty.layout import ALARM_FIELDS, AT, KINDS

    alarms = vector[-len(KINDS) * ALARM_FIELDS :].reshape(len(KINDS), ALARM_FIELDS)
    return {name for name, at in zip(KINDS, alarms[:, AT], strict=True) if at > 0}
