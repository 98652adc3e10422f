"""Progressive estimates against a plain loop, the offline estimators and the truth."""

import math

import numpy as np
import pytest

from stream_workers.evaluation import progressive
from stream_workers.evaluation.confidence import ALPHA, half_width
from stream_workers.evaluation.estimators import dr
from stream_workers.evaluation.groups import GROUPS
from stream_workers.evaluation.progressive import CLIP, CLIPPED, LOW, MOMENTS, PRIOR_MEAN, Progressive
from stream_workers.evaluation.pseudo_outcomes import AHEAD, BOUNDS, FURTHEST

NAMES, ARMS = ("champion", "other"), ("a", "b", "c")


def stream(n, seed=0, *, masks=True):
    """Logged outcomes, two policies' probabilities, a reward model, and every arm's true mean."""
    rng = np.random.default_rng(seed)
    eligible = np.full((n, 3), fill_value=True)
    if masks:
        eligible[rng.random(n) < 0.3, 2] = False

    def policy(concentration):
        p = rng.dirichlet(np.full(3, concentration), n) * 0.9 + 0.1 / 3
        p = np.where(eligible, p, 0)
        return p / p.sum(1, keepdims=True)

    logging, champion, other = policy(1.0), policy(2.0), policy(0.5)
    chosen = np.array([rng.choice(3, p=row) for row in logging])
    means = np.clip(rng.normal([0.3, 0.5, 0.6], 0.2, (n, 3)), 0, 1)
    reward = (rng.random(n) < means[np.arange(n), chosen]).astype(float)
    group = rng.integers(0, GROUPS, n) + GROUPS  # no outcome names a unit
    return (np.stack([champion, other]), means**2, eligible, chosen, logging.astype(np.float32), reward, group), means


def feed(state, data, rows=slice(None), *, model=True):
    probabilities, q, *rest = data
    state.update(
        np.ascontiguousarray(probabilities[:, rows]),
        np.ascontiguousarray(q[rows]) if model else None,
        *(column[rows] for column in rest),
    )


def plain_low(s, p, q, c, r, k):
    """The term bounded from below, as its definition says: the model bent towards the residual's bound, then added."""
    bent = np.array([
        min(b, k * pa / sa) if sa > 0 else max(b, 1 + k * pa / sa) if sa < 0 else b
        for sa, pa, b in zip(s, p, q, strict=True)
    ])  # fmt: skip
    gain = s[c] / p[c] * (r - bent[c])
    return float(s @ bent) + (gain if gain < 0 else float(np.clip(s[c] / p[c], -FURTHEST, FURTHEST)) * (r - bent[c]))


def plain_moments(rows, lowest, highest):
    """The moments of (term, signed measure, p, q, chosen, reward) by the definitions."""
    terms = [row[0] for row in rows]
    expected = [len(rows), np.mean(terms), np.var(terms) * len(rows)]
    for sign in (1, -1):
        for k in BOUNDS:
            bounded = [sign * plain_low(sign * s, *rest, k) for _, s, *rest in rows]
            spread, total = 0.0, 0.0
            for i, x in enumerate(bounded):
                guess = total / i if i else 0.0
                guess = min(guess, highest) if sign > 0 else max(guess, lowest)
                spread += (x - guess) ** 2
                total += x
            expected += [total / len(rows), spread]
    return expected


def plain(data, q):
    """All moments of a `Progressive` by plain loops; q: (n, K)."""
    probabilities, _, eligible, chosen, p, reward, _ = data
    p = p.astype(np.float64)
    acting = p[np.arange(len(reward)), chosen]
    terms = [dr(reward, acting, chosen, each, q, CLIP) for each in probabilities]
    per_row = list(zip(p, q, chosen, reward, strict=True))
    found = {"policies": [], "arms": [], "ahead": [], "versus": []}
    for term, each in zip(terms, probabilities, strict=True):
        rows = zip(term, each, per_row, strict=True)
        found["policies"].append(plain_moments([(t, s, *row) for t, s, row in rows], 0, 1))
    difference = zip(terms[0] - terms[1], probabilities[0] - probabilities[1], per_row, strict=True)
    found["versus"].append(plain_moments([(t, s, *row) for t, s, row in difference], -AHEAD, AHEAD))
    for a in range(3):
        here = np.flatnonzero(eligible[:, a])
        unit = np.eye(3)[a]
        fixed = dr(reward, acting, chosen, np.tile(unit, (len(reward), 1)), q, CLIP)
        found["arms"].append(plain_moments([(fixed[i], unit, *per_row[i]) for i in here], 0, 1))
        ahead = [(terms[0][i] - fixed[i], probabilities[0][i] - unit, *per_row[i]) for i in here]
        found["ahead"].append(plain_moments(ahead, -AHEAD, AHEAD))
    return found


@pytest.mark.parametrize("interpreted", [False, True])
def test_the_definitions(interpreted, monkeypatch):
    """Moments of policies, arms and differences are those of plain loops over the offline terms and the definitions."""
    if interpreted:
        monkeypatch.setattr(progressive, "evaluate", progressive.evaluate.py_func)
    data, _ = stream(150)
    state = Progressive(NAMES, ARMS)
    feed(state, data)
    for name, expected in plain(data, data[1]).items():
        assert getattr(state, name) == pytest.approx(np.array(expected), rel=1e-9, abs=1e-9), name
    probabilities, _, _, chosen, p, reward, group = data
    rows = np.arange(len(reward))
    for i in range(2):
        w = probabilities[i][rows, chosen] / p[rows, chosen]
        assert state.weights[i] == pytest.approx([w.sum(), (w**2).sum(), w.max(), (w > CLIP).sum()])
        assert state.overlap(NAMES[i]).effective == pytest.approx(w.sum() ** 2 / (w**2).sum())
    terms = dr(reward, p[rows, chosen], chosen, probabilities[0], data[1], CLIP)
    for g in range(GROUPS):
        rows = group == g + GROUPS
        assert state.groups[g] == pytest.approx([rows.sum(), terms[rows].sum()])
    assert (state.groups[GROUPS] == 0).all()
    for a in range(3):
        assert state.arm_means()[a] == pytest.approx(reward[chosen == a].mean())


def test_without_a_model():
    """A champion without estimates is judged with the arms' means of before each outcome."""
    data, _ = stream(150)
    _, _, _, chosen, _, reward, _ = data
    q = np.full((150, 3), PRIOR_MEAN)
    for i in range(150):
        for a in range(3):
            seen = reward[:i][chosen[:i] == a]
            if len(seen):
                q[i, a] = seen.mean()
    state = Progressive(NAMES, ARMS)
    feed(state, data, model=False)
    for name, expected in plain(data, q).items():
        assert getattr(state, name) == pytest.approx(np.array(expected), rel=1e-9, abs=1e-9), name


def test_bounds_hold_for_any_weights():
    """Whatever the propensities, no bounded term is beyond what its scale promises: the limits rest on it."""
    rng = np.random.default_rng(3)
    for _ in range(3000):
        p = rng.dirichlet(np.full(4, 0.05)) + 1e-12
        policy, other = rng.dirichlet(np.full(4, 0.3), 2)
        q, c, r = rng.random(4), int(rng.choice(4, p=p / p.sum())), float(rng.random())
        for k in BOUNDS:
            assert plain_low(policy, p, q, c, r, k) >= -k - 1e-9
            assert plain_low(-policy, p, q, c, r, k) >= -1 - k - 1e-9
            assert plain_low(policy - other, p, q, c, r, k) >= -1 - k - 1e-9


def test_batch_is_its_sequence():
    """However outcomes are batched, the moments are the same to the bit."""
    data, _ = stream(100)
    whole, single = Progressive(NAMES, ARMS), Progressive(NAMES, ARMS)
    feed(whole, data)
    for i in range(100):
        feed(single, data, slice(i, i + 1))
    assert all((a == b).all() for a, b in zip(whole.arrays().values(), single.arrays().values(), strict=True))


def test_truth():
    """Intervals hold the true values of policies, arms, and all differences; the asymptotic ones are within them."""
    data, means = stream(20_000, masks=False)
    state = Progressive(NAMES, ARMS)
    feed(state, data)
    truth = [(each * means).sum(1).mean() for each in data[0]]
    for i, name in enumerate(NAMES):
        value = state.value(name)
        assert value.lower < value.asymptotic_lower < truth[i] < value.asymptotic_upper < value.upper
        assert value.upper - value.lower < 0.12
    for a in range(3):
        assert state.arm_value(a).lower < means[:, a].mean() < state.arm_value(a).upper
        assert state.over_arm(a).lower < truth[0] - means[:, a].mean() < state.over_arm(a).upper
    assert state.over_challenger("other").lower < truth[0] - truth[1] < state.over_challenger("other").upper
    assert state.best_arm() == int(means.mean(0).argmax())
    assert state.advantage().lower < truth[0] - means.mean(0).max() < state.advantage().upper < 0


def test_many_arms_make_the_advantage_wider():
    """Which arm is best is chosen by the data: the interval is at ALPHA / K, and that of an arm named before is not."""
    data, _ = stream(2_000)
    state = Progressive(NAMES, ARMS)
    feed(state, data)
    best = state.best_arm()
    named, chosen = state.over_arm(best), state.advantage()
    assert chosen.lower < named.lower < named.upper < chosen.upper
    assert chosen.estimate == named.estimate
    n, mean, m2 = state.ahead[best, :3]
    assert chosen.asymptotic_upper - mean == pytest.approx(half_width(int(n), m2 / n, ALPHA / 3))


def test_alike_units_widen():
    """Where outcomes name units, limits are wider by the root of the design effect, more where they are alike."""
    data, _ = stream(3_000, masks=False)
    *columns, unnamed_group = data
    group = unnamed_group - GROUPS
    state = Progressive(NAMES, ARMS)
    feed(state, (*columns, group))
    assert state.groups[GROUPS, 0] == 3_000
    assert 1.0 <= state.design_effect() < 4.5
    unnamed = Progressive(NAMES, ARMS)
    feed(unnamed, data)
    assert unnamed.design_effect() == 1.0
    assert (unnamed.groups[:GROUPS] == state.groups[:GROUPS]).all()
    effect = np.random.default_rng(1).normal(0, 0.3, GROUPS)
    columns[5] = np.clip(columns[5] + effect[group], 0, 1)
    alike = Progressive(NAMES, ARMS)
    feed(alike, (*columns, group))
    assert alike.design_effect() > 6
    value = alike.value("champion")
    n, mean, m2 = alike.policies[0, :3]
    wide = math.sqrt(alike.design_effect()) * half_width(int(n), m2 / n)
    assert value.asymptotic_upper == pytest.approx(min(mean + wide, 1.0))
    assert value.upper > value.asymptotic_upper or value.upper == 1.0
    few = Progressive(NAMES, ARMS)
    feed(few, (*columns, np.minimum(group, 3)))
    assert math.isnan(few.design_effect())
    assert few.value("champion").upper - few.value("champion").lower < value.upper - value.lower


def test_clipped_weights_are_counted():
    """A weight above CLIP is cut and counted; others are not.  The bounded terms go further."""
    state = Progressive(("champion",), ("a", "b"))
    state.update(
        np.array([[[1.0, 0.0], [1.0, 0.0]]]),
        np.zeros((2, 2)),
        np.ones((2, 2), np.bool_),
        np.array([0, 0]),
        np.array([[0.5, 0.5], [0.001, 0.999]], np.float32),
        np.ones(2),
        np.zeros(2, np.int64),
    )
    assert state.weights[0, CLIPPED] == 1
    assert state.value("champion").estimate == pytest.approx((2 + CLIP) / 2)
    assert state.policies[0, LOW] == pytest.approx((2 + 1000) / 2)


def test_nothing_seen():
    """Before any outcome there is no best arm, no advantage and no limit."""
    state = Progressive(NAMES, ARMS)
    assert state.best_arm() is None
    assert state.advantage() is None
    assert state.value("other")[:4] == (0, 0.0, 0.0, 1.0)
    assert state.over_challenger("other")[2:4] == (-1.0, 1.0)
    assert state.overlap("other").words == "no outcomes yet"
    assert (state.arm_means() == PRIOR_MEAN).all()


def test_rearranged():
    """Arms and policies keep their estimates by name; another champion compares afresh; a redefined reward restarts."""
    data, _ = stream(100)
    state = Progressive(NAMES, ARMS)
    feed(state, data)
    other = state.rearrange(("champion", "third"), ("c", "new", "a"), frozenset(("champion",)))
    assert (other.policies[0] == state.policies[0]).all()
    assert (other.policies[1] == 0).all()
    assert (other.weights == [state.weights[0], np.zeros(4)]).all()
    assert (other.versus == 0).all()
    assert (other.groups == state.groups).all()
    assert (other.arms == [state.arms[2], np.zeros(MOMENTS), state.arms[0]]).all()
    assert (other.ahead == [state.ahead[2], np.zeros(MOMENTS), state.ahead[0]]).all()
    more = state.rearrange(("champion", "third", "other"), ARMS, frozenset(NAMES))
    assert (more.versus == [np.zeros(MOMENTS), state.versus[0]]).all()
    swapped = state.rearrange(("other", "champion"), ARMS, frozenset(NAMES))
    assert (swapped.policies == state.policies[::-1]).all()
    assert (swapped.ahead == 0).all()
    assert (swapped.versus == 0).all()
    assert (swapped.groups == 0).all()
    assert (swapped.arms == state.arms).all()
    again = state.rearrange(NAMES, ARMS, frozenset(NAMES), restart=True)
    assert all((each == 0).all() for each in again.arrays().values())
