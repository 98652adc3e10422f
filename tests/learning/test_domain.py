"""A domain's state: a function of its log, repeatable decisions, and what survives a change of specification."""

import json
import math

import msgspec
import numpy as np
import pytest

from schemas.domains import Arm, Budget, Component, DomainSpec, LearnerSpec
from schemas.errors import BadRecordError, Reason, SpecificationError
from schemas.events import Decision, Outcome
from stream_workers.bandits.randomness import draws
from stream_workers.learning.domain import DomainState, check

replace = msgspec.structs.replace
D = 3
ARMS = (Arm("a", 0.1), Arm("b", 1.0), Arm("c", 0.4))
LEARNED = LearnerSpec("learned", "doubly_robust")
FIXED = LearnerSpec("always-b", "fixed", {"arm": "b"})
UNIFORM = LearnerSpec("random", "uniform")
SPEC = DomainSpec(
    "t",
    "d",
    D,
    ARMS,
    {"success": Component(weight=3.0, required=True), "cost": Component(worst=2.0, best=0.0)},
    LEARNED,
    (FIXED, UNIFORM),
    budget=Budget(0.5),
)


def features(n, seed=0):
    return np.random.default_rng(seed).standard_normal((n, D)).astype(np.float32)


def traffic(state, n, seed=0, *, batch=20):
    """n outcomes of a state's own decisions; which arm succeeds depends on the features.  The state learns them."""
    x, rng, out = features(n, seed), np.random.default_rng(seed + 1), []
    names = tuple(arm.name for arm in state.spec.arms)
    ids = [f"{seed}-{i}" for i in range(n)]
    for lo in range(0, n, batch):
        rows = slice(lo, min(lo + batch, n))
        eligible = rng.random((rows.stop - lo, len(names))) < 0.8
        eligible[:, rng.integers(len(names))] = True
        choices = state.decide(x[rows], eligible, draws(ids[rows], "t/d"))
        waiting = []
        for i, arm in enumerate(choices.arm):
            if arm < 0:
                continue
            there = np.flatnonzero(choices.propensities[i] > 0)
            good = float(rng.random() < 1 / (1 + math.exp(-3 * x[lo + i, arm % D])))
            observed = {"success": good, "cost": float(state.spec.arms[arm].price * rng.uniform(0.5, 1.5))}
            if rng.random() < 0.1:
                observed = {}
            decision = Decision(
                ids[lo + i],
                "t",
                "d",
                tuple(names[a] for a in there),
                there.tolist().index(arm),
                choices.propensities[i, there].tobytes(),
                choices.scores[i, there].tobytes(),
                x[lo + i].tobytes(),
                state.spec.champion.name,
                state.version,
                0,
                1000,
                ("success",),
                0,
            )
            waiting.append(Outcome(len(out) + len(waiting), "complete", 0, 0, observed, 0, decision))
        for each in waiting:
            check(each, state.spec)
        state.learn(waiting)
        out += waiting
    return out


def policies(state):
    return {each["name"]: each for each in state.report()["policies"]}


@pytest.mark.parametrize("champion", [LEARNED, FIXED, UNIFORM])
def test_function_of_the_log(champion):
    """However the same outcomes are batched, stored and restored in between, the bytes are the same."""
    others = tuple(each for each in (LEARNED, FIXED, UNIFORM) if each is not champion)
    spec = replace(SPEC, champion=champion, challengers=others, forgetting=0.999)
    state = DomainState(spec, 7)
    log = traffic(state, 300)
    whole, single, restored = (DomainState(spec, 7) for _ in range(3))
    whole.learn(log)
    for i, outcome in enumerate(log):
        single.learn([outcome])
        if i % 37 == 0:
            restored = DomainState.from_bytes(restored.to_bytes())
        restored.learn([outcome])
    assert state.to_bytes() == whole.to_bytes() == single.to_bytes() == restored.to_bytes()
    again = DomainState.from_bytes(state.to_bytes())
    assert (again.spec, again.version) == (spec, 7)
    assert again.report() == state.report()


def test_decisions_repeat():
    """The same state, features, mask and draws give the same choice, alone or in a batch, and change nothing."""
    state = DomainState(SPEC, 1)
    traffic(state, 200)
    before, x, u = state.to_bytes(), features(50, 5), draws([str(i) for i in range(50)], "t/d")
    mask = np.random.default_rng(2).random((50, 3)) < 0.6
    mask[:, 1] = True
    first, second = state.decide(x, mask, u), DomainState.from_bytes(before).decide(x, mask, u)
    for one, two in zip(first, second, strict=True):
        assert one.tobytes() == two.tobytes()
    for i in range(50):
        alone = state.decide(x[i : i + 1], mask[i : i + 1], u[i : i + 1])
        assert all(one.tobytes() == two[i].tobytes() for one, two in zip(alone, first, strict=True))
    assert state.to_bytes() == before


def test_logged_propensities():
    """float32, a sum of 1, the floor for each eligible arm, 0 elsewhere; disabled arms are never eligible."""
    spec = replace(SPEC, arms=(*ARMS, Arm("off", enabled=False)), exploration_minimum=0.1)
    state = DomainState(spec, 1)
    traffic(state, 200)
    mask = np.random.default_rng(2).random((100, 4)) < 0.6
    choices = state.decide(features(100, 9), mask, draws([str(i) for i in range(100)], "t/d"))
    allowed = mask & [True, True, True, False]
    p = choices.propensities
    assert p.dtype == choices.scores.dtype == np.float32
    assert (p[~allowed] == 0).all()
    some = allowed.any(1)
    assert p[some].sum(1) == pytest.approx(1, abs=1e-6)
    floor = 0.1 / np.maximum(allowed.sum(1, keepdims=True), 1)
    assert (p >= np.where(allowed, floor * (1 - 1e-6), 0)).all()
    assert (choices.arm[~some] == -1).all()
    assert (p[some, choices.arm[some]] > 0).all()
    assert np.isfinite(choices.scores).all()
    assert (state.decide(features(5), None, np.linspace(0, 0.999, 5)).propensities[:, 3] == 0).all()


def test_no_features_and_one_arm():
    """d = 0 and K = 1 work from first decision to report."""
    spec = DomainSpec("t", "d", 0, (Arm("only"),), {"success": Component()}, LEARNED)
    state = DomainState(spec, 0)
    choices = state.decide(np.empty((2, 0), np.float32), None, np.array([0.0, 0.999]))
    assert choices.arm.tolist() == [0, 0]
    assert choices.propensities.tolist() == [[1], [1]]
    decision = Decision("i", "t", "d", ("only",), 0, choices.propensities[0].tobytes(), b"", b"", "p", 0, 0, 1, (), 0)
    outcome = Outcome(0, "complete", 0, 0, {"success": 1.0}, 0, decision)
    check(outcome, spec)
    state.learn([outcome])
    assert DomainState.from_bytes(state.to_bytes()).report()["arms"][0]["mean_reward"] == 1


def test_learns_from_bandit_feedback():
    """The champion ends above uniform and the best fixed arm, and its report says so with intervals."""
    state = DomainState(replace(SPEC, budget=None, challengers=(FIXED, UNIFORM)), 1)
    traffic(state, 8000, batch=100)
    assert state.report()["champion_less_best_fixed"]["asymptotic_lower"] > 0
    traffic(state, 16000, 2, batch=100)  # an interval that promises more needs more
    report = state.report()
    values = {name: each["value"] for name, each in policies(state).items()}
    assert values["learned"]["lower"] > values["random"]["upper"]
    assert report["champion_less_best_fixed"]["lower"] > 0
    assert policies(state)["random"]["champion_less_this"]["lower"] > 0
    assert policies(state)["learned"]["champion_less_this"] is None
    assert report["design_effect"] == 1.0  # every decision is a unit of its own
    assert policies(state)["learned"]["overlap"]["grade"] == "good"
    best = next(each for each in report["arms"] if each["name"] == report["best_fixed"])
    assert report["champion_less_best_fixed"]["estimate"] > 0.5 * (
        values["learned"]["estimate"] - best["value"]["estimate"]
    )
    assert values["always-b"]["estimate"] == pytest.approx(report["arms"][1]["value"]["estimate"], abs=0.05)
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_order_of_challengers():
    """In what order challengers are declared changes nothing about any of them."""
    one, other = DomainState(SPEC, 1), DomainState(replace(SPEC, challengers=SPEC.challengers[::-1]), 1)
    other.learn(traffic(one, 200))
    assert policies(one) == policies(other)


def test_incomplete_feedback_counts_as_declared():
    """Without a required component the outcome teaches the default reward and is counted as incomplete."""
    state = DomainState(SPEC, 1)
    log = traffic(state, 200)
    missing = sum("success" not in each.observations for each in log)
    assert missing > 0
    counts = state.report()["counts"]
    assert (counts["outcomes"], counts["complete"], counts["costs"]) == (
        len(log),
        len(log) - missing,
        len(log) - missing,
    )
    assert sum(each["decisions"] for each in state.report()["arms"]) == len(log)


def test_budget():
    """Spending above the budget raises lambda, which turns the choice to cheap arms; no budget, no lambda."""
    tight, free = replace(SPEC, budget=Budget(0.15)), replace(SPEC, budget=None)
    states = [DomainState(tight, 1), DomainState(free, 1)]
    x, u = features(300, 8), np.random.default_rng(0).random(300)
    for state in states:
        traffic(state, 1500)
    spent = [np.array([0.1, 1.0, 0.4])[state.decide(x, None, u).arm].mean() for state in states]
    assert states[0].report()["lambda"] > 0 == states[1].report()["lambda"]
    assert spent[0] < 0.6 * spent[1]
    states[0].apply_spec(free, 2)
    assert states[0].report()["lambda"] == 0


def test_arms_change():
    """Adding, removing, repricing and disabling arms keeps what is known about the others."""
    state = DomainState(SPEC, 1)
    log = traffic(state, 300)
    before, x = state.report(), features(20, 4)
    state.apply_spec(replace(SPEC, arms=(Arm("new"), Arm("c", 0.9), Arm("b", enabled=False)), budget=None), 2)
    after = state.report()
    assert after["version"] == 2
    kept = {each["name"]: each for each in before["arms"]}
    for each in after["arms"][1:]:
        for key in ("decisions", "mean_reward", "value"):
            assert each[key] == kept[each["name"]][key]
    assert after["arms"][0]["decisions"] == 0
    choices = state.decide(x, None, np.linspace(0, 0.99, 20))
    assert set(choices.arm) <= {0, 1}
    # Feedback on decisions of before: arm a is gone and teaches nothing, the others teach.
    state.learn(log)
    counts = state.report()["counts"]
    gone = sum(each.decision.arm == "a" for each in log)
    assert counts["removed_arm"] == gone > 0
    assert sum(each["decisions"] for each in state.report()["arms"]) == 2 * len(log) - 2 * gone
    assert DomainState.from_bytes(state.to_bytes()).to_bytes() == state.to_bytes()


def test_only_removed_arms():
    """A batch in which every arm has gone is counted and changes nothing else."""
    state = DomainState(SPEC, 1)
    log = [each for each in traffic(state, 100) if each.decision.arms[each.decision.choice] == "a"]
    state.apply_spec(replace(SPEC, arms=ARMS[1:], budget=None), 2)
    before = state.report()
    state.learn(log)
    after = state.report()
    assert after.pop("counts")["removed_arm"] == len(log) > 0
    before.pop("counts")
    assert after == before


def test_champion_changes():
    """A challenger that becomes champion brings what it learned; what compares with a champion starts over."""
    spec = replace(SPEC, champion=UNIFORM, challengers=(LEARNED,))
    state = DomainState(spec, 1)
    traffic(state, 400)
    before = policies(state)["learned"]["value"]
    as_champion = DomainState(replace(SPEC, challengers=(UNIFORM,)), 1)
    state.apply_spec(replace(SPEC, challengers=(UNIFORM,)), 2)
    assert policies(state)["learned"]["value"] == before
    assert policies(state)["learned"]["role"] == "champion"
    assert state.report()["champion_less_best_fixed"]["n"] == 0
    x, u = features(100, 3), np.random.default_rng(0).random(100)
    scores = state.decide(x, None, u).scores
    assert np.abs(scores).max() > 0.2
    assert not np.array_equal(scores, as_champion.decide(x, None, u).scores)


def test_parameters_change():
    """Other parameters keep what the policy learned, and start the estimate of its value over."""
    state = DomainState(replace(SPEC, budget=None), 1)
    traffic(state, 300)
    x, u = features(10, 3), np.zeros(10)
    scores = state.decide(x, None, u).scores
    sharper = LearnerSpec("learned", "doubly_robust", {"gamma": 5000.0})
    state.apply_spec(replace(SPEC, budget=None, champion=sharper), 2)
    choices = state.decide(x, None, u)
    assert choices.scores == pytest.approx(scores)
    assert policies(state)["learned"]["value"]["n"] == 0
    assert policies(state)["random"]["value"]["n"] > 0


def test_reward_redefined():
    """Another reward starts all estimates over and leaves the learned models as a weak start."""
    state = DomainState(SPEC, 1)
    log = traffic(state, 300)
    state.apply_spec(replace(SPEC, reward={"success": Component(worst=1.0, best=0.0)}), 2)
    report = state.report()
    assert all(each["value"]["n"] == 0 for each in report["policies"] + report["arms"])
    assert report["counts"]["outcomes"] == len(log)
    traffic(state, 300, seed=1)
    assert np.isfinite(state.decide(features(5), None, np.zeros(5)).scores).all()


def test_features_change():
    """Another number of features means other features: policies start over, by the new number."""
    state = DomainState(SPEC, 1)
    log = traffic(state, 100)
    state.apply_spec(replace(SPEC, features=5), 2)
    choices = state.decide(np.zeros((1, 5), np.float32), None, np.zeros(1))
    assert np.isfinite(choices.scores).all()
    with pytest.raises(BadRecordError) as error:
        check(log[0], state.spec)
    assert error.value.reason == Reason.FEATURES_LENGTH


def test_same_specification_changes_nothing():
    """Applying the specification in force moves the version and nothing else."""
    state, twin = DomainState(SPEC, 1), DomainState(SPEC, 2)
    log = traffic(state, 150)
    twin.learn(log)
    state.apply_spec(SPEC, 2)
    assert state.to_bytes() == twin.to_bytes()


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"champion": LearnerSpec("x", "fixed", {"arm": "zz"})}, ["t/d", "policy x", "zz", "a, b, c"]),
        ({"champion": LearnerSpec("x", "doubly_robust", {"gamma": -1.0})}, ["policy x", "gamma", "-1.0"]),
        ({"challengers": (LEARNED,)}, ["policies", "learned"]),
        ({"arms": (Arm("a"), Arm("a"))}, ["arms", "a"]),
    ],
)
def test_bad_specification(change, parts):
    """A specification that cannot run is refused with the place, and changes nothing."""
    state = DomainState(SPEC, 1)
    traffic(state, 50)
    before = state.to_bytes()
    for attempt in (
        lambda: state.apply_spec(replace(SPEC, **change), 2),
        lambda: DomainState(replace(SPEC, **change), 2),
    ):
        with pytest.raises(SpecificationError) as error:
            attempt()
        assert all(part in str(error.value) for part in parts)
    assert state.to_bytes() == before


def pack(*numbers):
    return np.array(numbers, "<f4").tobytes()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"features": pack(1, 2)}, Reason.FEATURES_LENGTH),
        ({"features": b"\0" * 11}, Reason.FEATURES_LENGTH),
        ({"features": pack(1, math.nan, 0)}, Reason.FEATURES_NOT_FINITE),
        ({"features": pack(1, -math.inf, 0)}, Reason.FEATURES_NOT_FINITE),
        ({"choice": 3}, Reason.INVALID),
        ({"propensities": pack(0.5, 0.5)}, Reason.INVALID),
        ({"propensities": b"\0" * 11}, Reason.INVALID),
        ({"propensities": pack(0.0, 0.5, 0.5)}, Reason.INVALID),
        ({"propensities": pack(0.5, -0.5, 1.0)}, Reason.INVALID),
        ({"propensities": pack(0.5, math.nan, 0.5)}, Reason.INVALID),
        ({"propensities": pack(0.5, math.inf, 0.5)}, Reason.INVALID),
        ({"propensities": pack(0.5, 0.5, 0.5)}, Reason.INVALID),
        ({"arms": ("a", "a", "b")}, Reason.INVALID),
    ],
)
def test_malformed_outcomes(change, reason):
    """What nothing can be learned from is refused before learning, with its reason."""
    good = Decision("i", "t", "d", ("a", "b", "c"), 0, pack(0.5, 0.25, 0.25), b"", pack(1, 2, 3), "p", 1, 0, 1, (), 0)
    check(Outcome(0, "complete", 0, 0, {}, 0, good), SPEC)
    check(Outcome(0, "complete", 0, 0, {}, 0, replace(good, features=pack(3e38, 3e38, 0))), SPEC)
    with pytest.raises(BadRecordError) as error:
        check(Outcome(0, "complete", 0, 0, {}, 0, replace(good, **change)), SPEC)
    assert error.value.reason == reason
    assert "'i'" in error.value.detail


def test_observation_not_finite():
    """An observation that is no number is refused too."""
    good = Decision("i", "t", "d", ("a", "b", "c"), 0, pack(0.5, 0.25, 0.25), b"", pack(1, 2, 3), "p", 1, 0, 1, (), 0)
    with pytest.raises(BadRecordError, match="success"):
        check(Outcome(0, "complete", 0, 0, {"success": math.nan}, 0, good), SPEC)


@pytest.mark.parametrize("data", [b"", b"CRPD", b"CRPD\x02\x00", b"something else"])
def test_foreign_bytes(data):
    """Bytes of another format are refused, saying what to do."""
    with pytest.raises(ValueError, match="rebuild it from the outcomes log"):
        DomainState.from_bytes(data)
