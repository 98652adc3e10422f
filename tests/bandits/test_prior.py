"""What policies begin with: another's state, its shrunk form, or scores; on recorded data better from the start."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.replay.bundled import load
from schemas.errors import SpecificationError
from stream_workers.bandits import prior
from stream_workers.bandits.linear import Linear
from stream_workers.bandits.policy import Batch, Setting
from stream_workers.bandits.registry import KINDS, make

ARMS = ("a", "b", "c")
LEARNERS = sorted(KINDS.keys() - {"fixed", "uniform"})
LINEAR = sorted(name for name, kind in KINDS.items() if issubclass(kind.policy, Linear))


def setting_of(kind, arms=ARMS, features=4, **params):
    return Setting(arms, features, 0.1, 1.0, {**({"arm": arms[0]} if kind == "fixed" else {}), **params})


def batch_of(rng, n, K, d):
    eligible = np.ones((n, K), np.bool_)
    x = rng.normal(size=(n, d)).astype(np.float32)
    chosen = rng.integers(K, size=n)
    reward = 1 / (1 + np.exp(-x[:, 0] * (chosen - 1)))
    return Batch(x, eligible, chosen, np.full(n, 1.0 / K), reward, np.zeros((n, K)), np.zeros(n))


def taught(kind, n=300, **given):
    setting = setting_of(kind, **given)
    policy = make(kind, setting)
    policy.update(batch_of(np.random.default_rng(1), n, len(setting.arms), setting.features))
    return policy


def thought(policy, x):
    K = len(policy.setting.arms)
    return policy.distribution(x, np.ones((len(x), K), np.bool_), np.zeros((len(x), K)), 0.0)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_with_all_its_weight_a_prior_is_the_policy(kind):
    """What counts as many outcomes as it learned is the state it was made of, to the bit, and learns on like it."""
    policy = taught(kind)
    again = prior.begin(kind, policy.setting, prior.learned(policy, 300, 300))
    assert again.to_bytes() == policy.to_bytes()
    more = batch_of(np.random.default_rng(2), 50, 3, 4)
    again.update(more)
    policy.update(more)
    assert again.to_bytes() == policy.to_bytes()


@pytest.mark.parametrize("kind", LINEAR)
@pytest.mark.parametrize("map_", ["small", "standard"])
def test_with_less_weight_it_thinks_the_same_and_is_less_sure(kind, map_):
    """Estimates are about those of the source; the variance of each coordinate is larger, and an outcome moves more."""
    policy = taught(kind, map=map_)
    weak = prior.begin(kind, policy.setting, prior.learned(policy, 300, 30))
    x = np.random.default_rng(3).normal(size=(40, 4)).astype(np.float32)
    (_, before), (_, after) = thought(policy, x), thought(weak, x)
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.9
    wide, narrow = (each.placed().arrays["covariance"] for each in (weak, policy))
    assert (np.diagonal(wide, axis1=1, axis2=2) > np.diagonal(narrow, axis1=1, axis2=2)).all()
    assert weak.placed().arrays["counters"][1] == pytest.approx(30)


@pytest.mark.parametrize("kind", LEARNERS)
def test_arms_are_matched_by_name(kind):
    """Arms in another order, with one more and one less: what was learned about each is where it belongs."""
    policy = taught(kind)
    other = setting_of(kind, arms=("c", "new", "a"))
    begun = prior.begin(kind, other, prior.learned(policy, 300, 300))
    policy.rearrange(other)
    assert begun.to_bytes() == policy.to_bytes()


@pytest.mark.parametrize("kind", LINEAR)
@pytest.mark.parametrize("map_", ["small", "standard"])
def test_too_large_a_state_is_shrunk(kind, map_, monkeypatch):
    """Above the limit only estimates and variances travel: estimates are the same to the bit, variances those of the
    state, and nothing else is known; where even that is too large, it is said."""
    policy = taught(kind, map=map_, features=24)
    whole = prior.learned(policy, 300, 300)
    monkeypatch.setattr(prior, "LARGEST", len(whole) // 2)
    shrunk = prior.learned(policy, 300, 300)
    assert len(shrunk) < len(whole) // 2
    begun = prior.begin(kind, policy.setting, shrunk)
    x = np.random.default_rng(3).normal(size=(40, 24)).astype(np.float32)
    np.testing.assert_array_equal(thought(begun, x)[1], thought(policy, x)[1])
    own, other = begun.placed().arrays, policy.placed().arrays
    for mine, theirs in zip(own["covariance"], other["covariance"], strict=True):
        np.testing.assert_array_equal(mine, np.diag(np.diagonal(theirs)))
    begun.update(batch_of(np.random.default_rng(2), 300, 3, 24))
    assert np.isfinite(thought(begun, x)[1]).all()
    monkeypatch.setattr(prior, "LARGEST", 100)
    with pytest.raises(SpecificationError, match="MiB"):
        prior.learned(policy, 300, 300)


def test_the_panels_of_a_shrunk_state_are_its_diagonal():
    """What waits for the next pass over a packed triangle is part of the variances that travel."""
    policy = taught("squarecb", map="standard")
    dense = [
        _dense(P, s) for P, s in zip(*(policy.placed().arrays[each] for each in ("panels", "waiting")), strict=True)
    ]
    stored = prior._compact(policy)["panels"]
    np.testing.assert_allclose(stored, [np.diagonal(each) for each in dense], rtol=1e-12, atol=1e-15)


def _dense(P, waiting):
    """A packed triangle as the square that it means."""
    n = len(waiting) // 8
    full, at = np.zeros((8 * n, 8 * n)), 0
    for p in range(n):
        for q in range(p, n):
            block = P[at : at + 64].reshape(8, 8)
            full[8 * p : 8 * p + 8, 8 * q : 8 * q + 8] = block
            full[8 * q : 8 * q + 8, 8 * p : 8 * p + 8] = block.T
            at += 64
    return full - np.outer(waiting, waiting)


@pytest.mark.parametrize("kind", LINEAR)
def test_scores_are_what_is_expected_of_a_request(kind):
    """Each arm's estimate is near its score, the nearer the more observations; an arm without one lies in between."""
    setting, x = setting_of(kind, arms=("a", "b", "c", "unknown")), np.zeros((1, 4), np.float32)
    told = {"a": 0.2, "b": 0.9, "c": 0.5, "gone": 1.0}
    far = [np.abs(thought(_scored(kind, setting, told, n), x)[1][0, :3] - (0.2, 0.9, 0.5)).max() for n in (2, 20, 200)]
    assert far[0] > far[1] > far[2]
    assert far[2] < 0.02


def _scored(kind, setting, rewards, observations, features=None):
    return prior.begin(kind, setting, prior.scores([prior.Score(features or {}, rewards, observations)]))


@pytest.mark.parametrize("kind", LINEAR)
def test_scores_by_sort_of_request(kind):
    """Where scores depend on a feature, so do the estimates: the better arm of each sort is the preferred one."""
    entries = [
        prior.Score({1: 1.0}, {"a": 0.9, "b": 0.2}, 20),
        prior.Score({2: 1.0}, {"a": 0.2, "b": 0.9}, 20),
    ]
    policy = prior.begin(kind, setting_of(kind, arms=("a", "b")), prior.scores(entries))
    _, estimates = thought(policy, np.array([[0, 1, 0, 0], [0, 0, 1, 0]], np.float32))
    assert estimates[0, 0] > estimates[0, 1] + 0.3
    assert estimates[1, 1] > estimates[1, 0] + 0.3


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_scores_are_for_every_kind(kind):
    """Whatever the policy, it begins with scores and goes on to learn."""
    policy = _scored(kind, setting_of(kind), {"a": 0.2, "b": 0.9}, 5)
    policy.update(batch_of(np.random.default_rng(2), 50, 3, 4))
    probabilities, _ = thought(policy, np.zeros((1, 4), np.float32))
    assert probabilities.sum() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("make_prior", "says"),
    [
        (lambda: prior.learned(taught("linucb"), 300, 30), "learned"),
        (lambda: prior.learned(taught("squarecb", features=5), 300, 30), "5 features"),
        (lambda: prior.learned(taught("squarecb", map="standard"), 300, 30), "map and width"),
        (lambda: prior.learned(taught("squarecb"), 300, 30)[:-9], "no prior"),
        (lambda: prior.scores([prior.Score({9: 1.0}, {"a": 0.5}, 5)]), "feature 9"),
        (lambda: prior.scores([prior.Score({}, {"a": 1.5}, 5)]), "from 0 to 1"),
        (lambda: prior.scores([prior.Score({}, {"a": 0.5}, 10**6)]), "at most"),
        (lambda: b"", "no prior"),
    ],
)
def test_what_does_not_fit_is_refused(make_prior, says):
    """A prior of another kind, shape or map, a damaged one, and scores of nothing: each with its reason."""
    with pytest.raises(SpecificationError, match=says):
        prior.begin("squarecb", setting_of("squarecb"), make_prior())


@pytest.mark.parametrize(
    ("kind", "theirs"), [("offset_tree", {"map": "standard"}), ("corral", {"bases": "linucb:small,offset_tree:small"})]
)
def test_other_shapes_of_other_kinds_are_refused(kind, theirs):
    """Nothing that was learned would be left under the setting: said, not begun with nothing."""
    with pytest.raises(SpecificationError, match="map and width"):
        prior.begin(kind, setting_of(kind), prior.learned(taught(kind, **theirs), 300, 30))


@given(st.binary(max_size=60), st.integers(0, 2000), st.binary(min_size=1, max_size=4))
def test_damaged_priors_are_refused(noise, place, piece):
    """Any bytes, and any bytes put into a good prior: a policy or a SpecificationError, nothing else."""
    good = bytearray(GOOD)
    at = place % len(good)
    good[at : at + len(piece)] = piece
    for data in (noise, bytes(good)):
        try:
            prior.begin("squarecb", setting_of("squarecb"), data)
        except SpecificationError:
            continue


GOOD = prior.learned(taught("squarecb", n=5), 5, 5)


def test_a_bomb_is_not_inflated(monkeypatch):
    """A few bytes that inflate to very many are refused before they do."""
    monkeypatch.setattr(prior, "_LARGEST_STATE", 100)
    with pytest.raises(SpecificationError, match="more than"):
        prior.begin("squarecb", setting_of("squarecb"), GOOD)


def test_it_says_whether_it_replaces():
    """Asked for or not, in both forms."""
    for replace in (False, True):
        assert prior.replaces(prior.learned(taught("squarecb"), 300, 30, replace=replace)) is replace
        assert prior.replaces(prior.scores([], replace=replace)) is replace
    assert msgspec.msgpack.decode(GOOD)[0][0] == "learned.1"


class Played:
    """A recording, played to a policy."""

    def __init__(self, tenant, seed):
        recording = load(tenant, content=False)
        rng = np.random.default_rng(seed)
        rows = rng.permutation(recording.rows)[:6000]
        self.arms, self.size = recording.arms, recording.size
        self.features = np.stack([recording.features(int(row)) for row in rows]).astype(np.float32)
        self.rewards = recording.observed["success"][rows]
        self.draws = rng.random(len(rows))

    def play(self, policy, begin, end, rewards=None):
        """Reward of each request; the policy learns from its own choices only."""
        rewards, earned = self.rewards if rewards is None else rewards, []
        K = len(self.arms)
        eligible, costs, none = np.ones((1, K), np.bool_), np.zeros((1, K)), np.zeros(1)
        for i in range(begin, end):
            x = self.features[i : i + 1]
            p, _ = policy.distribution(x, eligible, costs, 0.0)
            arm = min(int(np.searchsorted(np.cumsum(p[0]), self.draws[i])), K - 1)
            reward = rewards[i, arm : arm + 1].copy()
            policy.update(Batch(x, eligible, np.array([arm]), p[0, arm : arm + 1].copy(), reward, costs, none))
            earned.append(reward[0])
        return np.array(earned)


@pytest.fixture(scope="module", params=["stand-in-engagement", "stand-in-analysis"])
def played(request):
    return Played(request.param, 7)


@pytest.mark.parametrize("kind", ["doubly_robust", "squarecb"])
def test_recorded_data_a_warm_start_is_better_and_a_wrong_one_washes_out(played, kind):
    """In its first 200 events a policy that begins with what another learned earns at least a tenth more than one that
    begins with nothing.  One that begins with what is wrong on every request earns less at first, and as much in the
    end."""
    setting = Setting(played.arms, played.size, 0.02, 1.0, {})
    right, wrong = make(kind, setting), make(kind, setting)
    played.play(right, 0, 2000)
    played.play(wrong, 0, 2000, np.roll(played.rewards, 1, axis=1))
    cold = played.play(make(kind, setting), 2000, 6000)
    warm = played.play(prior.begin(kind, setting, prior.learned(right, 2000, 500)), 2000, 6000)
    misled = played.play(prior.begin(kind, setting, prior.learned(wrong, 2000, 100)), 2000, 6000)
    assert warm[:200].mean() > cold[:200].mean() + 0.1
    assert misled[:100].mean() < cold[:100].mean()
    assert misled[-1000:].mean() > cold[-1000:].mean() - 0.03
    assert warm[-1000:].mean() > cold[-1000:].mean() - 0.01
