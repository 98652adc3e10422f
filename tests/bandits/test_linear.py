"""Linear learners against naive ones, and against the problems they are for."""

import numpy as np
import pytest

from stream_workers.bandits import judging, linear, updating
from stream_workers.bandits.exploration import sample
from stream_workers.bandits.feature_map import FREEZE_AFTER
from stream_workers.bandits.linear import DoublyRobust
from stream_workers.bandits.policy import Batch, Setting


def setting(K, d, forgetting=1.0, minimum=0.02, **params):
    return Setting(tuple(f"a{i}" for i in range(K)), d, minimum, forgetting, params)


def batch_of(K, d, n, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n, d)).astype(np.float32)
    p = rng.uniform(0.02, 1, n)
    full = np.full((n, K), fill_value=True)
    return Batch(features, full, rng.integers(K, size=n), p, rng.random(n), np.zeros((n, K)), np.zeros(n))


def naive_estimates(policy, phis, batch, params):
    """Solve the normal equations anew for every outcome; estimates of before each, (n, K)."""
    K, m = batch.eligible.shape[1], phis.shape[1]
    estimates, targets = [], np.zeros((0, K))
    for i in range(len(phis)):
        theta = np.zeros((K, m))
        for a in range(K):
            X, r = phis[:i][batch.chosen[:i] == a], batch.reward[:i][batch.chosen[:i] == a]
            theta[a] = np.linalg.solve(params["ridge"] * np.eye(m) + X.T @ X, X.T @ r)
        shared = params["correction_ridge"] * np.eye(m) + phis[:i].T @ phis[:i]
        correction = np.linalg.solve(shared, phis[:i].T @ targets).T
        estimates.append((theta + correction) @ phis[i])
        c = batch.chosen[i]
        target = np.zeros(K)
        target[c] = min(1 / batch.propensity[i], params["clip"]) * (batch.reward[i] - theta[c] @ phis[i])
        targets = np.vstack([targets, target])
    return np.array(estimates)


def frozen(policy, d):
    """A map that moves no more, so that a naive learner sees the same phi; phi of rows."""
    own, model = policy._arrays, policy._model
    own["mean"][:], own["scale"][:], own["seen"][:] = 0.1, 0.9, FREEZE_AFTER

    def phi(rows):
        z = np.clip((rows.astype(np.float64) - 0.1) * 0.9, -4, 4)
        parts = [np.ones((len(z), 1)), model.factor * z]
        if model.fourier:
            w = model.waves
            turns = (z[:, w.picks.reshape(-1, 3)] * w.weights.reshape(-1, 3)).sum(-1) + w.phases
            parts.append(2 * np.sqrt(2 / model.fourier) * np.cos(2 * np.pi * turns))
        return np.hstack(parts)

    return phi


@pytest.mark.parametrize("interpreted", [False, True])
@pytest.mark.parametrize("map_", ["small", "standard"])
def test_naive(map_, interpreted, monkeypatch):
    """Its estimates are those of two ridge regressions solved anew, compiled and interpreted."""
    if interpreted:
        monkeypatch.setattr(linear, "learn", updating.learn.py_func)
    params = {"ridge": 0.5, "correction_ridge": 3.0, "clip": 10.0, "map": map_}
    K, d, n = 3, 4, 40
    batch = batch_of(K, d, n)
    policy = DoublyRobust(setting(K, d, **params))
    phi = frozen(policy, d)
    _, estimates = policy.update(batch)
    assert estimates == pytest.approx(naive_estimates(policy, phi(batch.features), batch, params), abs=1e-8)
    _, judged = policy.distribution(batch.features[:1], batch.eligible[:1], batch.costs[:1], 0.0)
    theta = policy._arrays["theta"] + policy._arrays["correction"]
    assert judged[0] == pytest.approx(theta[:, : policy._model.real_size] @ phi(batch.features[:1])[0], abs=1e-9)


@pytest.mark.parametrize("forgetting", [1.0, 0.98])
@pytest.mark.parametrize("map_", ["small", "standard"])
@pytest.mark.parametrize("kind", linear.KINDS)
def test_interpreted(kind, map_, forgetting, monkeypatch):
    """Compiled and interpreted kernels agree to the bit, with forgetting and bonus too."""
    batch = batch_of(4, 3, 60)
    compiled = kind(setting(4, 3, forgetting, bonus=0.4, map=map_))
    p, q = compiled.update(batch)
    after = compiled.distribution(batch.features, batch.eligible, batch.costs, 0.1)
    monkeypatch.setattr(linear, "learn", updating.learn.py_func)
    monkeypatch.setattr(linear, "distribute", judging.distribute.py_func)
    plain = kind(setting(4, 3, forgetting, bonus=0.4, map=map_))
    p_plain, q_plain = plain.update(batch)
    assert q_plain.tobytes() == q.tobytes()
    assert p_plain.tobytes() == p.tobytes()
    for a, b in zip(after, plain.distribution(batch.features, batch.eligible, batch.costs, 0.1), strict=True):
        assert a.tobytes() == b.tobytes()
    assert plain.to_bytes() == compiled.to_bytes()


@pytest.mark.parametrize("kind", linear.KINDS)
def test_naive_deviation(kind):
    """What the bonus stands for is the ridge posterior's deviation on the raw features: solved anew, it is the same."""
    K, d, n = 3, 5, 80
    batch = batch_of(K, d, n)
    policy = kind(setting(K, d, ridge=0.7, bonus=1.0, map="standard"))
    raw = frozen(policy, d)(batch.features)[:, : d + 1]
    policy.update(batch)
    for a in range(K):
        X = raw[batch.chosen == a]
        expected = np.linalg.inv(0.7 * np.eye(d + 1) + X.T @ X)
        assert policy._arrays["covariance"][a] == pytest.approx(expected, abs=1e-10)


def play(policy, features, means, delay=0):
    """Mean reward of acting on Bernoulli arms with these means (n, K), feedback `delay` requests late."""
    n, K = means.shape
    rng = np.random.default_rng(7)
    draws, full = rng.random(n), np.full((n, K), fill_value=True)
    chosen, propensity = np.empty(n, np.int64), np.empty(n)
    coin = rng.random(n)
    for i in range(n):
        p, _ = policy.distribution(features[i : i + 1], full[:1], np.zeros((1, K)), 0.0)
        logged = p.astype(np.float32)
        sample(logged, draws[i : i + 1], chosen[i : i + 1])
        propensity[i] = logged[0, chosen[i]]
        j = i - delay
        if j >= 0:
            rows = slice(j, j + 1)
            reward = (coin[rows] < means[j, chosen[j]]).astype(float)
            policy.update(
                Batch(features[rows], full[rows], chosen[rows], propensity[rows], reward, np.zeros((1, K)), np.zeros(1))
            )
    return means[np.arange(n), chosen]


@pytest.mark.parametrize("delay", [0, 100])
def test_learns(delay):
    """On a linear problem it ends near the best policy, far above uniform and above every fixed arm."""
    rng = np.random.default_rng(3)
    features = rng.standard_normal((6000, 5)).astype(np.float32)
    means = np.clip(0.5 + 0.25 * features @ rng.standard_normal((5, 4)), 0, 1)
    reward = play(DoublyRobust(setting(4, 5)), features, means, delay)[-2000:].mean()
    last = means[-2000:]
    best, fixed, uniform = last.max(1).mean(), last.mean(0).max(), last.mean()
    assert reward > fixed + 0.5 * (best - fixed)
    assert (reward - uniform) / (best - uniform) > 0.8


def test_follows_a_change():
    """With forgetting it turns to another arm when the world turns; the same learner without does so later."""
    n = 6000
    means = np.tile([0.7, 0.3], (n, 1))
    means[3000:] = [0.3, 0.7]
    features = np.empty((n, 0), np.float32)
    late = [play(DoublyRobust(setting(2, 0, forgetting)), features, means)[3000:].mean() for forgetting in (0.995, 1.0)]
    assert late[0] > 0.6
    assert late[0] > late[1]


def test_corrects_a_wrong_model():
    """Where logging favours some requests, the correction moves the estimate towards the truth for all of them."""
    rng = np.random.default_rng(0)
    n = 20_000
    x = rng.uniform(-1, 1, n)
    likely = np.where(x > 0, 0.95, 0.05)  # the arm acts mostly where x > 0, where it earns x
    acts = rng.random(n) < likely
    truth = np.where(x > 0, x, 0.0)
    batch = Batch(
        np.empty((n, 0), np.float32),  # the model cannot see x
        np.full((n, 2), fill_value=True),
        np.where(acts, 0, 1),
        np.where(acts, likely, 1 - likely),
        np.where(acts, truth, 0.0),
        np.zeros((n, 2)),
        np.zeros(n),
    )
    estimates = {}
    for ridge in (1.0, 1e12):
        policy = DoublyRobust(setting(2, 0, correction_ridge=ridge))
        policy.update(batch)
        estimates[ridge] = policy.distribution(batch.features[:1], batch.eligible[:1], batch.costs[:1], 0.0)[1][0, 0]
    assert abs(estimates[1.0] - truth.mean()) < 0.03
    assert abs(estimates[1e12] - truth.mean()) > 0.1


def test_new_arm_starts_as_the_average_one():
    """An arm that is added begins with the arms' mean intercept, not with nothing."""
    policy = DoublyRobust(setting(2, 3))
    policy.update(batch_of(2, 3, 500))
    policy.rearrange(Setting(("a0", "a1", "a2"), 3, 0.02))
    _, q = policy.distribution(np.zeros((1, 3), np.float32), np.ones((1, 3), np.bool_), np.zeros((1, 3)), 0.0)
    assert q[0, 2] == pytest.approx(0.5, abs=0.1)


def test_less_weight_learns_faster():
    """Evidence left with a tenth of its weight gives way sooner to what comes after."""
    after = []
    for weight in (1.0, 0.1):
        policy = DoublyRobust(setting(2, 0))
        batch = batch_of(2, 0, 200)._replace(reward=np.ones(200), propensity=np.full(200, 0.5))
        policy.update(batch)
        policy.rearrange(policy.setting, weight)
        policy.update(batch._replace(reward=np.zeros(200)))
        after.append(policy.distribution(batch.features[:1], batch.eligible[:1], batch.costs[:1], 0.0)[1].max())
    assert after[1] < 0.6 * after[0]
