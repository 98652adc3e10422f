"""Progressive estimates against a plain loop, the offline estimators and the truth."""

import numpy as np
import pytest

from stream_workers.evaluation import progressive
from stream_workers.evaluation.confidence import ALPHA, half_width
from stream_workers.evaluation.estimators import dr
from stream_workers.evaluation.progressive import CLIP, PRIOR_MEAN, Progressive

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
    p = logging[np.arange(n), chosen]
    return (np.stack([champion, other]), means**2, eligible, chosen, p, reward), means


def feed(state, data, rows=slice(None), *, model=True):
    probabilities, q, *rest = data
    state.update(
        np.ascontiguousarray(probabilities[:, rows]),
        np.ascontiguousarray(q[rows]) if model else None,
        *(column[rows] for column in rest),
    )


@pytest.mark.parametrize("interpreted", [False, True])
def test_offline_estimator(interpreted, monkeypatch):
    """The running moments are those of the offline doubly robust terms, for policies, arms and differences."""
    if interpreted:
        monkeypatch.setattr(progressive, "evaluate", progressive.evaluate.py_func)
    data, _ = stream(300)
    probabilities, q, eligible, chosen, p, reward = data
    state = Progressive(NAMES, ARMS)
    feed(state, data)
    terms = [dr(reward, p, chosen, each, q, CLIP) for each in probabilities]
    for name, expected in zip(NAMES, terms, strict=True):
        value = state.value(name)
        assert (value.n, value.estimate) == (300, pytest.approx(expected.mean()))
        assert value.upper - value.estimate == pytest.approx(half_width(300, expected.var()))
    for a in range(3):
        rows = eligible[:, a]
        fixed = dr(reward, p, chosen, np.tile(np.eye(3)[a], (300, 1)), q, CLIP)
        assert state.arm_value(a).estimate == pytest.approx(fixed[rows].mean())
        assert state.arm_value(a).n == rows.sum()
        assert state.ahead[a, 1] == pytest.approx((terms[0] - fixed)[rows].mean())
        assert state.ahead[a, 2] == pytest.approx((terms[0] - fixed)[rows].var() * rows.sum())
        assert state.arm_means()[a] == pytest.approx(reward[chosen == a].mean())


def test_without_a_model():
    """A champion without estimates is judged with the arms' means of before each outcome."""
    data, _ = stream(200)
    probabilities, _, _, chosen, p, reward = data
    q = np.full((200, 3), PRIOR_MEAN)
    for i in range(200):
        for a in range(3):
            seen = reward[:i][chosen[:i] == a]
            if len(seen):
                q[i, a] = seen.mean()
    state = Progressive(NAMES, ARMS)
    feed(state, data, model=False)
    assert state.value("other").estimate == pytest.approx(dr(reward, p, chosen, probabilities[1], q, CLIP).mean())


def test_batch_is_its_sequence():
    """However outcomes are batched, the moments are the same to the bit."""
    data, _ = stream(100)
    whole, single = Progressive(NAMES, ARMS), Progressive(NAMES, ARMS)
    feed(whole, data)
    for i in range(100):
        feed(single, data, slice(i, i + 1))
    assert all((a == b).all() for a, b in zip(whole.arrays().values(), single.arrays().values(), strict=True))


def test_truth():
    """Intervals hold the true values of policies and arms, and of the champion's advantage over the best arm."""
    data, means = stream(20_000, masks=False)
    state = Progressive(NAMES, ARMS)
    feed(state, data)
    for i, name in enumerate(NAMES):
        truth = (data[0][i] * means).sum(1).mean()
        value = state.value(name)
        assert value.lower < truth < value.upper
        assert value.upper - value.lower < 0.1
    assert state.best_arm() == int(means.mean(0).argmax())
    advantage = state.advantage()
    truth = (data[0][0] * means).sum(1).mean() - means.mean(0).max()
    assert advantage.lower < truth < advantage.upper < 0
    width = half_width(20_000, state.ahead[2, 2] / 20_000, ALPHA / 3)
    assert advantage.upper - advantage.estimate == pytest.approx(width)


def test_clipped_weights_are_counted():
    """A weight above CLIP is cut and counted; others are not."""
    state = Progressive(("champion",), ("a", "b"))
    state.update(
        np.array([[[1.0, 0.0], [1.0, 0.0]]]),
        np.zeros((2, 2)),
        np.ones((2, 2), np.bool_),
        np.array([0, 0]),
        np.array([0.5, 0.001]),
        np.ones(2),
    )
    assert state.clipped.tolist() == [1]
    assert state.value("champion").estimate == pytest.approx((2 + CLIP) / 2)


def test_nothing_seen():
    """Before any outcome there is no best arm, no advantage and no limit."""
    state = Progressive(NAMES, ARMS)
    assert state.best_arm() is None
    assert state.advantage() is None
    assert state.value("other").n == 0
    assert (state.arm_means() == PRIOR_MEAN).all()


def test_rearranged():
    """Arms and policies keep their estimates by name; another champion compares afresh; a redefined reward restarts."""
    data, _ = stream(100)
    state = Progressive(NAMES, ARMS)
    feed(state, data)
    other = state.rearrange(("champion", "third"), ("c", "new", "a"), frozenset(("champion",)))
    assert (other.policies[0] == state.policies[0]).all()
    assert (other.policies[1] == 0).all()
    assert (other.arms == [state.arms[2], [0, 0, 0], state.arms[0]]).all()
    assert (other.ahead == [state.ahead[2], [0, 0, 0], state.ahead[0]]).all()
    swapped = state.rearrange(("other", "champion"), ARMS, frozenset(NAMES))
    assert (swapped.policies == state.policies[::-1]).all()
    assert (swapped.ahead == 0).all()
    assert (swapped.arms == state.arms).all()
    again = state.rearrange(NAMES, ARMS, frozenset(NAMES), restart=True)
    assert all((each == 0).all() for each in again.arrays().values())
