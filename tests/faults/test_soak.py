"""Every kind of fault once, on a live deployment, and nothing is lost, doubled or learned differently."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.kinds import KINDS

#: A seed whose first turn through all kinds is short.
SEED, SECONDS = 37, 68


@pytest.mark.kafka
@pytest.mark.timeout(600)
def test_nothing_is_lost_doubled_or_learned_differently_whatever_breaks():
    """The soak as people run it: all kinds are injected, the verification finds nothing in both deployments on the
    broker, and after the last fault everything comes to rest in time without new traffic."""
    command = [sys.executable, "-m", "tests.faults.soak", "--seconds", str(SECONDS), "--seed", str(SEED)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert {kind.kind for kind in KINDS} | {"shared-broker"} == found["faults"].keys()
    assert (found["decisions_lost"], found["outcomes_doubled"], found["state_mismatches"]) == (0, 0, 0)
    assert found["findings"] == 0
    assert found["contexts"] > 30 * SECONDS
    assert found["dead_letters"] >= 12
