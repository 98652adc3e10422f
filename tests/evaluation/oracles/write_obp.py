"""Writes obp.json: what Open Bandit Pipeline says of a small log.  Run by hand; the tests read what it wrote.

obp 0.5.7 asks for an older Python and for PyTorch (of which its estimators use nothing), too much for a test's set-up:

    python -m venv /tmp/obp
    /tmp/obp/bin/pip install "numpy<2" "pandas<2.3" scipy scikit-learn pyyaml tqdm matplotlib seaborn
    /tmp/obp/bin/pip install --no-deps --ignore-requires-python obp==0.5.7 pyieoe
    /tmp/obp/bin/python tests/evaluation/oracles/write_obp.py
"""

import json
import sys
import types
from pathlib import Path

import numpy as np


class _Absent(types.ModuleType):
    """Stands where neural policies and slates import PyTorch; nothing of it is called here."""

    def __getattr__(self, name):
        return sys.modules.get(f"{self.__name__}.{name}") or type(name, (), {})


for _name in ("torch", "torch.nn", "torch.nn.functional", "torch.optim", "torch.utils", "torch.utils.data"):
    sys.modules[_name] = _Absent(_name)

from obp import ope  # noqa: E402

K, N = 4, 400
CLIPS = [2.0, 5.0, 20.0]
LAMBDAS = [1.0, 10.0, 100.0]


def main():
    rng = np.random.default_rng(5)
    logged, target = rng.dirichlet(np.full(K, 0.7), N) * 0.9 + 0.1 / K, rng.dirichlet(np.full(K, 0.7), N)
    chosen = (logged.cumsum(axis=1) > rng.random((N, 1))).argmax(axis=1)
    means = rng.random((N, K))
    reward = (rng.random(N) < means[np.arange(N), chosen]).astype(float)
    model = np.clip(means + rng.normal(0, 0.2, (N, K)), 0, 1)
    given = {
        "reward": reward,
        "action": chosen,
        "pscore": logged[np.arange(N), chosen],
        "action_dist": target[:, :, None],
        "estimated_rewards_by_reg_model": model[:, :, None],
        "position": np.zeros(N, int),
    }

    def value(estimator):
        return float(estimator.estimate_policy_value(**given))

    def tuned(kind, lambdas, method):
        estimator = kind(lambdas=list(lambdas), tuning_method=method, use_bias_upper_bound=False)
        estimator.estimate_policy_value_with_tuning(**given)
        return float(estimator.best_hyperparam)

    everything = {
        "ips": value(ope.InverseProbabilityWeighting()),
        "ips_clipped": [value(ope.InverseProbabilityWeighting(lambda_=clip)) for clip in CLIPS],
        "snips": value(ope.SelfNormalizedInverseProbabilityWeighting()),
        "dm": value(ope.DirectMethod()),
        "dr": value(ope.DoublyRobust()),
        "dr_clipped": [value(ope.DoublyRobust(lambda_=clip)) for clip in CLIPS],
        "switch_dr": [value(ope.SwitchDoublyRobust(lambda_=clip)) for clip in CLIPS],
        "dros": [value(ope.DoublyRobustWithShrinkage(lambda_=each)) for each in LAMBDAS],
        "tuned_clip_mse": tuned(ope.InverseProbabilityWeightingTuning, CLIPS, "mse"),
        "tuned_switch_mse": tuned(ope.SwitchDoublyRobustTuning, CLIPS, "mse"),
        "tuned_dros_mse": tuned(ope.DoublyRobustWithShrinkageTuning, LAMBDAS, "mse"),
        "tuned_switch_slope": tuned(ope.SwitchDoublyRobustTuning, CLIPS, "slope"),
        "tuned_dros_slope": tuned(ope.DoublyRobustWithShrinkageTuning, LAMBDAS, "slope"),
        "tuned_clip_slope": tuned(ope.InverseProbabilityWeightingTuning, CLIPS, "slope"),
    }
    log = {"logged": logged, "target": target, "model": model, "reward": reward, "chosen": chosen}
    written = {
        "obp": "0.5.7",
        "clips": CLIPS,
        "lambdas": LAMBDAS,
        "log": {name: array.tolist() for name, array in log.items()},
        "values": everything,
    }
    (Path(__file__).parent / "obp.json").write_text(json.dumps(written) + "\n")


main()
