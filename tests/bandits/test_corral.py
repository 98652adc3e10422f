"""Several learners sharing the choice: the arithmetic, that the better ones win, and what is kept when bases change."""

import numpy as np
import pytest

from schemas.errors import SpecificationError
from stream_workers.bandits import corral
from stream_workers.bandits.corral import Corral
from stream_workers.bandits.policy import Batch, Setting
from stream_workers.bandits.registry import check_params

BASES = "squarecb:small,squarecb:standard,offset_tree:small"


def setting(K, d, forgetting=1.0, minimum=0.02, **params):
    return Setting(tuple(f"a{i}" for i in range(K)), d, minimum, forgetting, params)


def logged(K, d, n, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n, d)).astype(np.float32)
    p = rng.dirichlet(np.ones(K), n) * 0.9 + 0.1 / K
    chosen = np.array([rng.choice(K, p=row) for row in p])
    reward = (rng.random(n) < 0.5 + 0.3 * np.sin(chosen + 2 * features[:, 0])).astype(float)
    full = np.ones((n, K), np.bool_)
    return Batch(features, full, chosen, p[np.arange(n), chosen], reward, rng.random((n, K)), 0.1 * rng.random(n), p)


@pytest.mark.parametrize("interpreted", [False, True])
@pytest.mark.parametrize("forgetting", [1.0, 0.95])
def test_naive(interpreted, forgetting, monkeypatch):
    """Weights and mixtures are those of the definition, over the very learners that it is made of."""
    if interpreted:
        monkeypatch.setattr(corral, "learn_values", corral.learn_values.py_func)
        monkeypatch.setattr(corral, "blend", corral.blend.py_func)
    rate, least, clip = 0.7, 0.1, 3.0
    policy = Corral(setting(3, 2, forgetting, bases=BASES, rate=rate, least=least, clip=clip))
    alone = Corral(setting(3, 2, forgetting, bases=BASES)).bases.values()
    batch = logged(3, 2, 80)
    p, q = policy.update(batch)
    ps, qs = (np.array(each) for each in zip(*(base.update(batch) for base in alone), strict=True))
    values = np.zeros(3)
    for i in range(80):
        weights = np.exp(rate * (values - values.max()))
        weights = (1 - least) * weights / weights.sum() + least / 3
        assert p[i] == pytest.approx(weights @ ps[:, i], rel=1e-12)
        assert q[i] == pytest.approx(weights @ qs[:, i], rel=1e-12)
        c, estimate = batch.chosen[i], np.clip(q[i], 0, 1)
        gained = ps[:, i] @ (estimate - batch.lambdas[i] * batch.costs[i])
        gained += np.minimum(ps[:, i, c] / batch.propensity[i], clip) * (batch.reward[i] - estimate[c])
        values = forgetting * values + gained
        values = np.maximum(values - values.max(), -12 / rate)
    said, _ = policy.distribution(batch.features[:1], batch.eligible[:1], batch.costs[:1], 0.0)
    assert said[0].sum() == pytest.approx(1)


@pytest.mark.parametrize("best", ["small", "standard"])
def test_the_better_one_gets_the_choice(best):
    """Where Fourier features are needed the learner that has them ends with most of the weight; where a line does, the
    one without, or nobody: none is worse off."""
    n, K = 4000, 2
    rng = np.random.default_rng(1)
    features = rng.uniform(-1, 1, (n, 1)).astype(np.float32)
    x = features[:, 0].astype(float)
    lead = np.sin(6 * x) if best == "standard" else x
    chosen = rng.integers(K, size=n)
    reward = (rng.random(n) < 0.5 + 0.45 * np.where(chosen == 1, lead, -lead)).astype(float)
    full, half = np.ones((n, K), np.bool_), np.full(n, 0.5)
    batch = Batch(features, full, chosen, half, reward, np.zeros((n, K)), np.zeros(n))
    policy = Corral(setting(K, 1, bases="squarecb:small,squarecb:standard"))
    policy.update(batch)
    behind = dict(zip(policy.bases, policy._behind, strict=True))
    assert behind[f"squarecb:{best}"] > -1 if best == "small" else behind["squarecb:small"] < -100


def test_bases_come_and_go():
    """Those that stay keep what they know and their place, by name; a new one begins in the middle."""
    policy = Corral(setting(3, 2, bases=BASES))
    policy.update(logged(3, 2, 300))
    before = {name: base.to_bytes() for name, base in policy.bases.items()}
    behind = dict(zip(policy.bases, policy._behind.tolist(), strict=True))
    policy.rearrange(setting(3, 2, bases="offset_tree:small, linucb:small, squarecb:standard"))
    now = dict(zip(policy.bases, policy._behind.tolist(), strict=True))
    for name in ("offset_tree:small", "squarecb:standard"):
        assert policy.bases[name].to_bytes() == before[name]
    differences = [each["squarecb:standard"] - each["offset_tree:small"] for each in (now, behind)]
    assert differences[0] == pytest.approx(differences[1])
    assert now["linucb:small"] - now["offset_tree:small"] == pytest.approx(
        sum(behind.values()) / 3 - behind["offset_tree:small"]
    )
    assert max(now.values()) == 0


def test_other_bytes_are_refused():
    """Bytes of other bases, of another policy or of nothing are refused with what was found and what is read."""
    policy = Corral(setting(3, 2, bases=BASES))
    other = setting(3, 2, bases="squarecb:small")
    for data, said in ((policy.to_bytes(), "squarecb:standard"), (b"", "unknown"), (b"\x91\xa5other", "unknown")):
        with pytest.raises(ValueError, match=said):
            Corral.from_bytes(data, other)


@pytest.mark.parametrize(
    "bases", ["", "squarecb", "squarecb:huge", "squarecb:small,squarecb:small", "corral:small", 3.0]
)
def test_wrong_bases(bases):
    """What is no list of bases is refused, with the choices."""
    with pytest.raises(SpecificationError, match="squarecb:small") as error:
        check_params("corral", {"bases": bases})
    assert "one or more" in str(error.value)
