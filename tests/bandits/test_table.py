"""Decisions of many domains in one call: those of each domain alone, bit for bit."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.domains import Arm, Budget, Component, DomainSpec, LearnerSpec, Quality
from schemas.events import Decision, Outcome
from stream_workers.bandits import deciding, layout, table
from stream_workers.bandits.linear import KINDS, DoublyRobust
from stream_workers.bandits.policy import Batch, Setting
from stream_workers.bandits.table import DecisionTable
from stream_workers.learning.domain import DomainState

WIDTH, ARMS = 40, 12
LINEAR = [kind.kind for kind in KINDS]


def domain(rng, kind=None, version=1, **fields):
    """A domain of any shape."""
    K, d = int(rng.integers(1, ARMS + 1)), int(rng.integers(0, WIDTH + 1))
    kind = kind or str(rng.choice([*LINEAR, "fixed", "uniform"]))
    arms = tuple(Arm(f"a{a}", float(rng.random()), bool(rng.random() < 0.8)) for a in range(K))
    if kind in LINEAR:
        some = str(rng.choice(["small", "small", "standard"]))
        params = {"bonus": float(rng.random() < 0.8), "width": int(rng.integers(1, 48)), "map": some}
    else:
        params = {"arm": f"a{rng.integers(K)}"} if kind == "fixed" else {}
    spec = DomainSpec(
        "t", "d", d, arms, {"quality": Component()}, LearnerSpec("champion", kind, params),
        forgetting=float(rng.choice([1.0, 0.99])), budget=Budget(0.2),
        quality=Quality(0.9) if rng.random() < 0.5 else None, **fields,
    )  # fmt: skip
    return DomainState(spec, version)


def teach(state, rng, n):
    """n outcomes, of any of its arms."""
    spec, names = state.spec, tuple(arm.name for arm in state.spec.arms)
    p = np.full(len(names), 1 / len(names), "<f4").tobytes()
    state.learn(
        [
            Outcome(
                i, "complete", 0, 1, {"quality": float(rng.random()), "cost": float(rng.random())}, i,
                Decision(
                    str(i), "t", "d", names, int(rng.integers(len(names))), p, p,
                    rng.normal(size=spec.features).astype("<f4").tobytes(), "champion", 1, 0, 1000, (), i,
                ),
            )
            for i in range(n)
        ]
    )  # fmt: skip


def decided(decisions, slots, features, draws):
    """What a table says."""
    n = len(slots)
    choice = np.full(n, -7, np.int64)
    propensities, scores = (np.full((n, ARMS + 1), 7.0, np.float32) for _ in range(2))
    decisions.decide(slots, features, draws, choice, propensities, scores)
    return choice, propensities, scores


def alone(state, features, draw):
    """What a domain says of one request, over its enabled arms, widened with zeros."""
    enabled = np.flatnonzero([arm.enabled for arm in state.spec.arms])
    own = np.ascontiguousarray(features[None, : state.spec.features])
    choices = state.decide(own, None, np.array([draw]))
    rows = []
    for each in (choices.propensities, choices.scores):
        row = np.zeros(ARMS + 1, np.float32)
        row[: len(enabled)] = each[0, enabled]
        rows.append(row)
    arm = choices.arm[0]
    return (-1 if arm < 0 else enabled.tolist().index(arm)), *rows


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(1, 150))
def test_as_each_domain_alone(seed, domains, n):
    """Any mixture of domains, rows and learning in between: the bits of `DomainState.decide` for each row alone."""
    rng = np.random.default_rng(seed)
    states, decisions = [domain(rng) for _ in range(domains)], DecisionTable()
    where = rng.permutation(20)[:domains]
    for slot, state in zip(where, states, strict=True):
        assert decisions.put(int(slot), state)
    for _ in range(3):  # learning changes the arrays in place: the table follows without being told
        which = rng.integers(domains, size=n)
        features = rng.normal(size=(n, WIDTH)).astype(np.float32)
        draws = rng.random(n)
        choice, propensities, scores = decided(decisions, where[which], features, draws)
        for i, state in enumerate(states[w] for w in which):
            one, p, s = alone(state, features[i], draws[i])
            assert one == choice[i]
            assert p.tobytes() == propensities[i].tobytes()
            assert s.tobytes() == scores[i].tobytes()
        for state in states:
            teach(state, rng, int(rng.integers(0, 12)))


def test_interpreted(monkeypatch):
    """The kernel as plain Python says what the compiled one says."""
    rng = np.random.default_rng(3)
    states = [domain(rng, kind) for kind in ("doubly_robust", "fixed", "uniform", "doubly_robust")]
    decisions = DecisionTable()
    for slot, state in enumerate(states):
        teach(state, rng, 30)
        decisions.put(slot, state)
    slots, draws = rng.integers(len(states), size=90), rng.random(90)
    features = rng.normal(size=(90, WIDTH)).astype(np.float32)
    compiled = decided(decisions, slots, features, draws)
    monkeypatch.setattr(table, "decide_many", deciding.decide_many.py_func)
    monkeypatch.setattr(deciding, "group", deciding.group.py_func)
    for one, two in zip(compiled, decided(decisions, slots, features, draws), strict=True):
        assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("forgetting", [1.0, 0.99])
def test_naive_judgement(forgetting):
    """Estimates and probabilities are those of the formulas written with numpy, to rounding, after much learning."""
    rng = np.random.default_rng(5)
    K, d, n = 10, 32, 500
    policy = DoublyRobust(Setting(tuple(f"a{a}" for a in range(K)), d, 0.02, forgetting))
    x = rng.normal(size=(n, d)).astype(np.float32)
    every = np.ones((n, K), np.bool_)
    chosen, reward = rng.integers(K, size=n), rng.random(n)
    costs = rng.random((n, K))
    policy.update(Batch(x, every, chosen, np.full(n, 0.1), reward, costs, np.zeros(n)))
    probabilities, estimates = policy.distribution(x, every, costs, 0.3)
    own = policy._arrays
    phi = np.hstack([np.ones((n, 1)), policy._model.factor * np.clip((x - own["mean"]) * own["scale"], -4, 4)])
    naive = phi @ (own["theta"] + own["correction"]).T
    variance = np.einsum("ni,kij,nj->nk", phi, own["covariance"], phi)
    if forgetting < 1.0:
        most = np.maximum(variance, 2.0 * (phi * phi).sum(1)[:, None])
        variance = np.minimum(variance / np.maximum(forgetting ** own["age"], 1e-3), most)
    index = naive + 0.3 * np.sqrt(variance) - 0.3 * costs
    gap = index.max(1, keepdims=True) - index
    p = 1.0 / (K + 50.0 * np.sqrt(own["counters"][1]) * gap)
    best = index.argmax(1)
    p[np.arange(n), best] += 1.0 - p.sum(1)
    assert estimates == pytest.approx(naive, abs=1e-12)
    assert probabilities == pytest.approx(0.98 * p + 0.002, abs=1e-9)


def test_a_changed_domain_has_another_revision():
    """Whoever points into its arrays learns that they were replaced: by a specification, and by being read anew."""
    rng = np.random.default_rng(0)
    state = domain(rng, "doubly_robust")
    first = state.revision
    teach(state, rng, 5)
    assert state.revision == first
    again = DomainState.from_bytes(state.to_bytes())
    state.apply_spec(msgspec.structs.replace(state.spec, exploration_minimum=0.5), 2)
    assert len({first, state.revision, again.revision}) == 3


def test_slots_are_checked():
    """A slot that is empty or not there, and arrays too narrow, are errors and not somebody else's memory."""
    rng = np.random.default_rng(1)
    decisions, state = DecisionTable(), domain(rng, "doubly_robust")
    one, x, draw = np.zeros(1, np.int64), np.zeros((1, WIDTH), np.float32), np.zeros(1)
    with pytest.raises(ValueError, match="empty slot"):
        decided(decisions, one, x, draw)
    decisions.put(0, state)
    decided(decisions, one, x, draw)
    for slot in (-1, 10_000):
        with pytest.raises(ValueError, match="slots from"):
            decided(decisions, one + slot, x, draw)
    if state.spec.features:
        with pytest.raises(ValueError, match="wide"):
            decided(decisions, one, x[:, :0], draw)
    decisions.drop(0)
    with pytest.raises(ValueError, match="empty slot"):
        decided(decisions, one, x, draw)


def test_a_kind_without_compiled_support_is_refused():
    """Of a champion that the table does not know, `put` says no, and the slot is empty."""
    rng = np.random.default_rng(2)
    state = domain(rng, "uniform")

    class Other:
        setting = state.champion.setting

    acting = state.acting()._replace(champion=Other())
    decisions = DecisionTable()
    assert decisions.put(3, state)
    assert not decisions.put(3, type("Odd", (), {"acting": lambda self: acting})())
    assert decisions._integers[3, layout.KIND] == layout.EMPTY
