"""What is learned is the same bits wherever it is learned: compiled for any processor, interpreted, in any process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from .interpreted import fma
from .states import CASES, digests, domain_digest, log

ROOT = Path(__file__).resolve().parents[2]
OUTCOMES = 12

#: Other ways to run, by environment.  The targets are of 128, 256 and whatever bits the machine's own vectors have; the
#: first has no fused multiply-add and calls one.
WAYS = {
    "interpreted": {"NUMBA_DISABLE_JIT": "1"},
    "plain-x86-64": {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""},
    "avx2": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma"},
    "one-thread": {"OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    "other-hashes": {"PYTHONHASHSEED": "12345"},
}


@pytest.fixture(scope="module")
def here():
    """What this process learns."""
    return {**digests(OUTCOMES), "domain": domain_digest(10 * OUTCOMES)}


@pytest.mark.timeout(900)  # compiling for another target takes as long as the first import does
@pytest.mark.parametrize("way", WAYS)
def test_same_bits(way, here):
    """Every learner, with and without forgetting: the same state, probabilities and estimates, to the bit; and the
    whole state of a domain: values, checks, costs and budget beside the learners."""
    if way in ("plain-x86-64", "avx2") and os.uname().machine not in ("x86_64", "AMD64"):
        pytest.skip("a target of x86-64")
    command = [sys.executable, "-m", "tests.bandits.states", str(OUTCOMES)]
    done = subprocess.run(
        command, env={**os.environ, **WAYS[way]}, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert [name for name in here if found[name] != here[name]] == []
    assert len(here) == 2 * len(CASES) + 1


def test_the_log_is_no_trifle():
    """What is learned from has masks, missing features, every arm and different costs."""
    batch = log(OUTCOMES)
    assert set(batch.chosen) == set(range(4))
    assert 0 < np.isnan(batch.features).sum() < batch.features.size / 4
    assert (~batch.eligible).sum() > 0


@given(*[st.floats(-1e100, 1e100).filter(lambda x: x == 0 or abs(x) > 1e-100)] * 3)
def test_fused(a, b, c):
    """The interpreted multiply-add rounds once: it is that of rational numbers."""
    from fractions import Fraction

    assert float(fma(a, b, c)) == float(Fraction(a) * Fraction(b) + Fraction(c))
