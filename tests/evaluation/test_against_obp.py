"""Estimators and tuning against Open Bandit Pipeline 0.5.7, whose values `oracles/write_obp.py` wrote down.

The values are committed and not computed here, because obp needs an older Python and PyTorch (see the script).
"""

import json
from pathlib import Path

import numpy as np
import pytest

from stream_workers.evaluation import tuning
from stream_workers.evaluation.estimators import dm, dr, dros, ips, shrunk, snips, switch_dr

ORACLE = json.loads((Path(__file__).parent / "oracles" / "obp.json").read_text())
VALUES, CLIPS, LAMBDAS = ORACLE["values"], ORACLE["clips"], ORACLE["lambdas"]
LOG = {name: np.array(values) for name, values in ORACLE["log"].items()}
ROWS = np.arange(len(LOG["reward"]))
REWARD, CHOSEN, TARGET, MODEL = LOG["reward"], LOG["chosen"], LOG["target"], LOG["model"]
P, PI = LOG["logged"][ROWS, CHOSEN], LOG["target"][ROWS, CHOSEN]
WEIGHT = PI / P
RESIDUAL = REWARD - MODEL[ROWS, CHOSEN]
GIVEN = (REWARD, P, CHOSEN, TARGET, MODEL)


def test_estimators():
    """Every estimator, with and without clips, thresholds and shrinkage, has obp's value."""
    assert ips(REWARD, P, PI).mean() == pytest.approx(VALUES["ips"], rel=1e-12)
    assert snips(REWARD, P, PI) == pytest.approx(VALUES["snips"], rel=1e-12)
    assert dm(TARGET, MODEL).mean() == pytest.approx(VALUES["dm"], rel=1e-12)
    assert dr(*GIVEN).mean() == pytest.approx(VALUES["dr"], rel=1e-12)
    for i, clip in enumerate(CLIPS):
        assert ips(REWARD, P, PI, clip).mean() == pytest.approx(VALUES["ips_clipped"][i], rel=1e-12)
        assert dr(*GIVEN, clip).mean() == pytest.approx(VALUES["dr_clipped"][i], rel=1e-12)
        assert switch_dr(*GIVEN, clip).mean() == pytest.approx(VALUES["switch_dr"][i], rel=1e-12)
    for i, shrinkage in enumerate(LAMBDAS):
        assert dros(*GIVEN, shrinkage).mean() == pytest.approx(VALUES["dros"][i], rel=1e-12)


def test_least_error():
    """By the direct estimate of the squared error the same clip, threshold and shrinkage are chosen."""

    def clipped(m):
        return np.minimum(WEIGHT, m)

    def switched(m):
        return np.where(m >= WEIGHT, WEIGHT, 0.0)

    chosen = {
        "clip": tuning.least_error(CLIPS, lambda m: clipped(m) * REWARD, WEIGHT, clipped, REWARD, bound=False),
        "switch": tuning.least_error(CLIPS, lambda m: switch_dr(*GIVEN, m), WEIGHT, switched, RESIDUAL, bound=False),
        "dros": tuning.least_error(
            LAMBDAS, lambda m: dros(*GIVEN, m), WEIGHT, lambda m: shrunk(WEIGHT, m), RESIDUAL, bound=False
        ),
    }
    assert chosen == {name: VALUES[f"tuned_{name}_mse"] for name in chosen}


def test_slope():
    """By SLOPE, too."""
    chosen = {
        "clip": tuning.slope(CLIPS, lambda m: np.minimum(WEIGHT, m) * REWARD),
        "switch": tuning.slope(CLIPS, lambda m: switch_dr(*GIVEN, m)),
        "dros": tuning.slope(LAMBDAS, lambda m: dros(*GIVEN, m)),
    }
    assert chosen == {name: VALUES[f"tuned_{name}_slope"] for name in chosen}
