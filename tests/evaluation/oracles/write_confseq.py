"""Writes confseq.json: bounds and confidence sequences of the package confseq.  Run by hand; the tests read the file.

confseq 0.0.11 is C++ on Boost and has no wheels, too much for a test's set-up:

    apt-get install libboost-dev g++ && python -m venv /tmp/confseq
    /tmp/confseq/bin/pip install "numpy<2" scipy "pandas<2.3" matplotlib multiprocess pytest
    /tmp/confseq/bin/pip install scikit-build cmake ninja "pybind11<3" "setuptools<80" wheel
    /tmp/confseq/bin/pip install --no-build-isolation --no-deps confseq==0.0.11
    /tmp/confseq/bin/python tests/evaluation/oracles/write_confseq.py

(scipy, on which it depends, gives the incomplete gamma function.)
"""

import json
from pathlib import Path

import numpy as np
from confseq.betting_strategies import lambda_predmix_eb
from confseq.boundaries import gamma_exponential_log_mixture, gamma_exponential_mixture_bound
from confseq.predmix import predmix_empbern_lower_cs
from scipy.special import gammainc

V = [0.5, 3.0, 40.0, 900.0, 50_000.0]
S = [0.5, 5.0, 30.0, 200.0]
ALPHAS = [0.1, 0.025, 0.001]
TIGHTEST = [10.0, 60.0]


def main():
    x = np.random.default_rng(3).beta(0.4, 0.8, 500)
    spread = np.cumsum((x - np.append(0, np.minimum(np.cumsum(x) / np.arange(1, 501), 1)[:-1])) ** 2)
    mean = np.cumsum(x) / np.arange(1, 501)
    conjugate = mean - gamma_exponential_mixture_bound(spread, 0.025, 60.0, 1.0, 0.025) / np.arange(1, 501)
    written = {
        "confseq": "0.0.11",
        "v": V, "s": S, "alphas": ALPHAS, "tightest_at": TIGHTEST,
        "log_mixture": [
            [[float(gamma_exponential_log_mixture(s, v, at, 1.0, 0.025)) for s in S] for v in V] for at in TIGHTEST
        ],
        "boundary": [
            [[float(gamma_exponential_mixture_bound(v, a, at, 1.0, 0.025)) for a in ALPHAS] for v in V]
            for at in TIGHTEST
        ],
        "terms": x.tolist(),
        "predictable": predmix_empbern_lower_cs(x, alpha=0.025, truncate_mean=True).tolist(),
        "bets": lambda_predmix_eb(x, truncation=0.5, alpha=0.025).tolist(),
        "conjugate": conjugate.tolist(),
        "gamma": [
            [a, y, float(gammainc(a, y))]
            for a in (0.3, 2.0, 30.0, 5_000.0)
            for y in (0.1, 1.0, 25.0, 4_900.0, 5_200.0)
        ],
    }  # fmt: skip
    (Path(__file__).parent / "confseq.json").write_text(json.dumps(written) + "\n")


main()
