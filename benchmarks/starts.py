"""What a policy earns first, by what it begins with: nothing, another's outcomes, right and wrong, or a fleet's prior.

    python -m benchmarks.starts [--json] [--quick]

On the recordings of the demo.  One policy, SquareCB with the small map; features without message content.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from infra.commands.printing import print_json
from producers.replay.bundled import load
from stream_workers.bandits import fleet, prior
from stream_workers.bandits.policy import Batch, Policy, Setting
from stream_workers.bandits.privacy import mu_of
from stream_workers.bandits.registry import make

KIND: Final = "squarecb"
DELTA: Final = 1e-6
#: Tenant of the demo, and what is rewarded.
RECORDINGS: Final = {
    "stand-in-engagement": "success",
    "stand-in-analysis": "success",
    "llmrouter": "quality",
    "mmlu": "success",
}
#: Those on which a policy needs hundreds of requests.
SLOW: Final = ("stand-in-engagement", "stand-in-analysis")
#: Tenants and epsilon; without noise: infinite.
FLEETS: Final = ((20, 1.0), (50, 3.0), (200, 1.0), (200, float("inf")))
EACH: Final = 500  # outcomes of a fleet's tenant
_FLOOR: Final = 0.02
_COUNTED: Final = 20  # `infra.fleet.take.OBSERVATIONS`


class Traffic:
    """A recording in a random order."""

    def __init__(self, tenant: str, seed: int) -> None:
        recording = load(tenant, content=False)
        self.random = np.random.default_rng(seed)
        order = self.random.permutation(recording.rows)
        self.features = np.stack([recording.features(int(row)) for row in order]).astype(np.float32)
        self.rewards = np.nan_to_num(recording.observed[RECORDINGS[tenant]][order])
        self.setting = Setting(recording.arms, recording.size, _FLOOR)
        self.draws = self.random.random(len(order))

    def play(self, policy: Policy, rows: range, rewards: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """What a policy earns that learns from each of its choices at once."""
        worth = self.rewards if rewards is None else rewards
        K = worth.shape[1]
        eligible, costs, none = np.ones((1, K), np.bool_), np.zeros((1, K)), np.zeros(1)
        earned = np.empty(len(rows))
        for place, row in enumerate(rows):
            x = self.features[row : row + 1]
            p, _ = policy.distribution(x, eligible, costs, 0.0)
            arm = min(int(np.searchsorted(np.cumsum(p[0]), self.draws[row])), K - 1)
            reward = worth[row, arm : arm + 1].copy()
            policy.update(Batch(x, eligible, np.array([arm]), p[0, arm : arm + 1].copy(), reward, costs, none))
            earned[place] = reward[0]
        return earned


def priors(tenant: str, seed: int, length: int) -> dict[str, list[float]]:
    """Mean reward of the first 200, the 401st to 600th and the last quarter of the requests, by the beginning."""
    traffic = Traffic(tenant, seed)
    right, wrong = make(KIND, traffic.setting), make(KIND, traffic.setting)
    traffic.play(right, range(2000))
    traffic.play(wrong, range(2000), np.roll(traffic.rewards, 1, axis=1))
    begins = {
        "nothing": make(KIND, traffic.setting),
        "2,000 outcomes, counted as 500": _begun(traffic, prior.learned(right, 2000, 500)),
        "2,000 wrong ones, counted as 100": _begun(traffic, prior.learned(wrong, 2000, 100)),
        "2,000 wrong ones, counted as 500": _begun(traffic, prior.learned(wrong, 2000, 500)),
    }
    found = {}
    for name, policy in begins.items():
        earned = traffic.play(policy, range(2000, 2000 + length))
        found[name] = [float(part.mean()) for part in (earned[:200], earned[400:600], earned[-length // 4 :])]
    return found


def fleets(tenant: str, seed: int) -> dict[str, list[float]]:
    """Mean reward of the first 50 and the first 200 requests of a new tenant, by tenants and epsilon."""
    traffic = Traffic(tenant, seed)
    theirs, K = int(0.7 * len(traffic.features)), len(traffic.setting.arms)
    rows = range(theirs, theirs + 200)
    found = {"nothing": _first(traffic.play(make(KIND, traffic.setting), rows))}
    shares = []
    for _ in range(max(tenants for tenants, _ in FLEETS)):
        drawn, chosen = traffic.random.integers(theirs, size=EACH), traffic.random.integers(K, size=EACH)
        shares.append(fleet.contribution(K, traffic.features[drawn], chosen, traffic.rewards[drawn, chosen]))
    for tenants, epsilon in FLEETS:
        mu = mu_of(epsilon, DELTA) if np.isfinite(epsilon) else 1e6
        parts = fleet.shares_for(mu, tenants)
        blocks = fleet.published(fleet.total(shares[:tenants]), mu, parts, traffic.random)
        known = fleet.common(blocks, tenants, [tenants] * K, fleet.deviations(mu, parts))
        policy = _begun(traffic, prior.shared(traffic.setting.arms, known, _COUNTED))
        found[f"{tenants} tenants, epsilon {epsilon:g}"] = _first(traffic.play(policy, rows))
    return found


def _begun(traffic: Traffic, data: bytes) -> Policy:
    return prior.begin(KIND, traffic.setting, data)


def _first(earned: NDArray[np.float64]) -> list[float]:
    return [float(earned[:50].mean()), float(earned[:200].mean())]


def _means(runs: Sequence[dict[str, list[float]]]) -> dict[str, list[float]]:
    return {name: np.mean([run[name] for run in runs], axis=0).round(3).tolist() for name in runs[0]}


def measure(seeds: int, length: int) -> dict[str, Any]:
    """Means over seeds."""
    return {
        "priors": {tenant: _means([priors(tenant, seed, length) for seed in range(seeds)]) for tenant in SLOW},
        "fleets": {tenant: _means([fleets(tenant, seed) for seed in range(4 * seeds)]) for tenant in RECORDINGS},
        "seeds": {"priors": seeds, "fleets": 4 * seeds},
        "requests": length,
    }


def show(console: Console, report: dict[str, Any]) -> None:
    """Both tables."""
    last = report["requests"] // 4
    for what, columns in (
        ("priors", ("first 200", "401 to 600", f"last {last:,}")),
        ("fleets", ("first 50", "first 200")),
    ):
        for tenant, rows in report[what].items():
            table = Table(title=f"{tenant}: mean reward, {report['seeds'][what]} seeds")
            table.add_column("begins with")
            for column in columns:
                table.add_column(column, justify="right")
            for name, means in rows.items():
                table.add_row(name, *(f"{mean:.2f}" for mean in means))
            console.print(table)


def main(
    as_json: Annotated[bool, typer.Option("--json")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="One seed, a quarter of the requests.")] = False,
) -> None:
    """Measure and print."""
    report = measure(1, 1000) if quick else measure(4, 4000)
    if as_json:
        print_json(report)
    else:
        show(Console(), report)


if __name__ == "__main__":
    typer.run(main)
