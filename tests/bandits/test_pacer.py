"""The budget's multiplier: its arithmetic, its laws, and that it holds a budget."""

import numpy as np
import pytest

from stream_workers.bandits import pacer, quality
from stream_workers.bandits.exploration import sample
from stream_workers.bandits.linear import DoublyRobust
from stream_workers.bandits.pacer import NO_BUDGET, Pace, carry, pace_for
from stream_workers.bandits.policy import Batch, Setting
from stream_workers.bandits.quality import NO_FLOOR
from stream_workers.bandits.steering import begin, constants, steer


class Multiplier:
    """A domain's, by itself."""

    def __init__(self, pace, run=steer):
        self.paced, self.held, self.lambda_ = np.empty(pacer.SIZE), np.empty(quality.SIZE), np.empty(1)
        begin(self.lambda_, self.paced, self.held, pace, NO_FLOOR)
        self._constants, self._run = constants(pace, NO_FLOOR), run

    def see(self, costs, decided=None, ended=None):
        """lambda before each outcome."""
        n = len(costs)
        before, nothing = np.empty(n), np.zeros(n)
        self._run(
            self.lambda_,
            self.paced,
            self.held,
            np.asarray(costs, float),
            nothing,
            np.zeros(n, np.int64),
            np.ones(n),
            nothing if decided is None else decided,
            nothing if ended is None else ended,
            self._constants,
            before,
        )
        return before


@pytest.mark.parametrize("run", [steer, steer.py_func])
def test_arithmetic(run):
    """lambda before each outcome follows the documented factor and debt; an unseen cost changes nothing."""
    p = pace_for(2.0, np.array([1.0, 4.0]))
    assert p == Pace(2.0, 0.05 / 3.0, 1e-5 / 4.0, 2.0 / 3.0)
    multiplier = Multiplier(p, run)
    before = multiplier.see([4.0, np.nan, 1.0, 0.0])
    first = 0.05 / 3.0
    x = 0.05 * (1.0 + 0.1 * 0.05 * 1.0)
    second = first * (2.0 + x) / (2.0 - x)
    x = 0.05 * (-0.5 + 0.1 * 0.05 * 0.5)
    third = second * (2.0 + x) / (2.0 - x)
    assert before == pytest.approx([first, second, second, third], rel=1e-14)
    assert multiplier.paced[1] == pytest.approx(1.0 - 0.5 - 1.0)


def test_no_budget():
    """Without a budget, or without prices, lambda stays where it can do nothing."""
    for p in (pace_for(None, np.array([1.0])), pace_for(1.0, np.zeros(3)), pace_for(1.0, np.empty(0))):
        assert p == NO_BUDGET
        multiplier = Multiplier(p)
        multiplier.see([5.0, 5.0])
        assert multiplier.lambda_[0] == 0.0


def test_units():
    """Costs in another currency give the same penalties."""
    costs, prices = np.random.default_rng(0).exponential(size=200), np.array([0.2, 1.0, 3.0])
    penalties = [
        Multiplier(pace_for(0.5 * unit, prices * unit)).see(costs * unit)[:, None] * prices * unit
        for unit in (1.0, 1e-6, 1e4)
    ]
    assert penalties[1] == pytest.approx(penalties[0])
    assert penalties[2] == pytest.approx(penalties[0])


def test_bounded():
    """A budget that cannot be met does not wind lambda up beyond what outweighs every reward, nor debt for ever."""
    p = pace_for(1e-3, np.array([1.0, 1.5]))
    multiplier = Multiplier(p)
    multiplier.see(np.full(100_000, 1.5))
    assert multiplier.lambda_[0] == p.ceiling == 4.0
    assert multiplier.paced[1] == pacer.DEBTS


def test_batches_do_not_matter():
    """However outcomes are cut into calls, the state is the same bits."""
    rng = np.random.default_rng(1)
    costs, ended = rng.exponential(size=300), np.cumsum(rng.integers(0, 5, 300)).astype(float)
    decided = ended - rng.integers(0, 50, 300)
    p = pace_for(0.5, np.array([0.2, 3.0]))
    whole, parts = Multiplier(p), Multiplier(p)
    whole.see(costs, decided, ended)
    for begin_, end in ((0, 1), (1, 120), (120, 300)):
        parts.see(costs[begin_:end], decided[begin_:end], ended[begin_:end])
    assert whole.paced.tobytes() == parts.paced.tobytes()


def test_another_budget():
    """Under another budget lambda goes on, and the debt is the same dollars; a new budget begins."""
    old, new = pace_for(0.5, np.array([0.2, 3.0])), pace_for(1.0, np.array([0.2, 3.0]))
    multiplier, state = Multiplier(old), np.empty(pacer.SIZE)
    multiplier.see([3.0, 3.0, 0.2])
    carry(multiplier.paced, state, old, new)
    assert state[0] == multiplier.paced[0]
    assert state[1] * 1.0 == pytest.approx(multiplier.paced[1] * 0.5)
    carry(multiplier.paced, state, NO_BUDGET, new)
    assert state[0] == new.start


def share(lambda_):
    """Of requests that get the dear arm."""
    return 1.0 / (1.0 + (lambda_ / 0.1) ** 2)


def spend(multiplier, choose, n, delay, rng, costs=(1.0, 0.05)):
    """Two arms taken in proportion to what lambda leaves; outcomes come `delay` requests later.  Costs (n,)."""
    costs, spent, waiting = np.asarray(costs), np.empty(n), []
    for i in range(n):
        spent[i] = costs[int(rng.random() >= choose(multiplier.lambda_[0]))]
        waiting.append((i, spent[i]))
        if len(waiting) > delay:
            at, cost = waiting.pop(0)
            multiplier.see([cost], np.array([10.0 * at]), np.array([10.0 * i]))
    return spent


@pytest.mark.parametrize("delay", [0, 100, 500])
def test_delay_does_not_shake_it(delay):
    """Outcomes that come hundreds of requests later do not set spending swinging: blocks of 1,000 stay near the target,
    where a step of STEP would swing between all and nothing."""
    rng = np.random.default_rng(2)
    multiplier = Multiplier(pace_for(0.3, np.array([1.0, 0.05])))
    spent = spend(multiplier, share, 20_000, delay, rng)
    blocks = spent[8_000:].reshape(-1, 1_000).mean(axis=1)
    assert np.abs(blocks / 0.3 - 1.0).max() < 0.35
    assert spent[4_000:].mean() == pytest.approx(0.3, rel=0.05)


def test_utilisation_and_a_jump_of_prices():
    """Over a run with costs five times as high in its second half, what is spent is the target to 0.4 per cent."""
    used = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        multiplier = Multiplier(pace_for(0.3, np.array([1.0, 0.05])))
        first = spend(multiplier, share, 5_000, 0, rng)
        second = spend(multiplier, share, 5_000, 0, rng, (5.0, 0.05))
        used.append(np.concatenate([first, second]).mean() / 0.3)
        assert second[500:1000].mean() < 2.0 * 0.3
    assert np.mean(used) <= 1.004
    assert np.mean(used) >= 0.97


@pytest.mark.parametrize("share", [0.15, 0.3, 0.6])
def test_holds_a_budget(share):
    """A strong dear arm and a weak cheap one: mean cost comes to the target, and buys reward above the mixture's."""
    n, prices = 8000, np.array([1.0, 0.05])
    budget = share * 1.0
    rng = np.random.default_rng(0)
    features = rng.uniform(-1, 1, (n, 1)).astype(np.float32)
    gap = 0.4 * (features[:, 0] + 1) / 2  # how much better the dear arm is depends on the request
    means = np.stack([0.4 + gap, np.full(n, 0.4)], 1)
    policy = DoublyRobust(Setting(("dear", "cheap"), 1, 0.02))
    multiplier = Multiplier(pace_for(budget, prices))
    full, arm = np.ones((1, 2), np.bool_), np.empty(1, np.int64)
    cost, value = np.empty(n), np.empty(n)
    for i in range(n):
        x = features[i : i + 1]
        logged = policy.distribution(x, full, prices[None], multiplier.lambda_[0])[0].astype(np.float32)
        sample(logged, rng.random(1), arm)
        a = arm[0]
        cost[i], value[i] = prices[a] * rng.uniform(0.5, 1.5), means[i, a]
        reward = np.array([float(rng.random() < means[i, a])])
        before = multiplier.see(cost[i : i + 1])
        policy.update(Batch(x, full, arm.copy(), logged[0, arm].astype(float), reward, prices[None], before))
    assert cost[2000:].mean() == pytest.approx(budget, rel=0.02)
    mixture = 0.4 + (budget - 0.05) / 0.95 * gap[2000:].mean()
    assert value[2000:].mean() > mixture
