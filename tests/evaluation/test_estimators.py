"""Offline estimators: their formulas term by term, and that they estimate what they say."""

import numpy as np
import pytest

from stream_workers.evaluation.estimators import dm, dr, ips, snips


def logs(n, seed=0, K=4):
    """Logged decisions of an uneven policy, another policy to evaluate, and its true value."""
    rng = np.random.default_rng(seed)
    logging = rng.dirichlet(np.ones(K), n) * 0.9 + 0.1 / K
    target = rng.dirichlet(np.full(K, 0.5), n)
    means = rng.random((n, K))
    chosen = np.array([rng.choice(K, p=row) for row in logging])
    rows = np.arange(n)
    reward = (rng.random(n) < means[rows, chosen]).astype(float)
    return rows, logging[rows, chosen], chosen, target, means, reward, (target * means).sum(1).mean()


def test_naive():
    """Each equals a loop that follows its definition."""
    rows, p, chosen, target, means, reward, _ = logs(50)
    q = np.full_like(means, 0.4)
    for clip in (1.5, np.inf):
        for i in rows:
            w = min(target[i, chosen[i]] / p[i], clip)
            direct = sum(target[i, a] * q[i, a] for a in range(4))
            assert ips(reward, p, target[rows, chosen], clip)[i] == pytest.approx(w * reward[i])
            assert dm(target, q)[i] == pytest.approx(direct)
            expected = direct + w * (reward[i] - q[i, chosen[i]])
            assert dr(reward, p, chosen, target, q, clip)[i] == pytest.approx(expected)
    w = target[rows, chosen] / p
    assert snips(reward, p, target[rows, chosen]) == pytest.approx(sum(w * reward) / sum(w))


def test_snips_without_overlap():
    """A policy that never does what was logged has no such estimate."""
    assert np.isnan(snips(np.ones(3), np.ones(3), np.zeros(3)))


def test_unbiased():
    """Over many logs ips and dr (with a bad model) centre on the true value; dm with a bad model does not."""
    errors = {"ips": [], "dr": [], "dm": [], "snips": []}
    for seed in range(60):
        rows, p, chosen, target, means, reward, truth = logs(400, seed)
        bad = means**3
        errors["ips"].append(ips(reward, p, target[rows, chosen]).mean() - truth)
        errors["dr"].append(dr(reward, p, chosen, target, bad).mean() - truth)
        errors["dm"].append(dm(target, bad).mean() - truth)
        errors["snips"].append(snips(reward, p, target[rows, chosen]) - truth)
    for name in ("ips", "dr", "snips"):
        mean, error = np.mean(errors[name]), np.std(errors[name]) / np.sqrt(60)
        assert abs(mean) < 4 * error + 0.002, name
    assert abs(np.mean(errors["dm"])) > 0.1
    assert np.std(errors["dr"]) < np.std(errors["ips"])


def test_either_suffices():
    """With a right model wrong propensities do no harm, with right propensities a wrong model does none."""
    rows, p, chosen, target, means, reward, truth = logs(40_000)
    assert dr(reward, p * 0.5, chosen, target, means).mean() == pytest.approx(truth, abs=0.02)
    assert dr(reward, p, chosen, target, np.zeros_like(means)).mean() == pytest.approx(truth, abs=0.02)
    assert rows[-1] == 39_999
