"""A process under a shifted clock sees another wall clock, at once, and no other monotonic one."""

import subprocess
import sys
import time

from tests.faults.shifted_clock import shift

PROGRAM = """
import sys, time
from pathlib import Path
from tests.faults.shifted_clock import install, shift
file = Path(sys.argv[1])
real, monotonic = time.time, time.monotonic()
install(file)
for hours in (0.0, 5.0, -30.0, 0.0):
    shift(file, hours * 3600)
    assert abs(time.time() - real() - hours * 3600) < 1, hours
    assert abs(time.time_ns() / 1e9 - time.time()) < 1
assert 0 <= time.monotonic() - monotonic < 5
"""


def test_the_clock_jumps_while_the_process_runs(tmp_path):
    """Forward, back, and right again; this process's own clock is not touched."""
    shift(tmp_path / "shift", 0.0)
    before = time.time()
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path / "shift")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 0 <= time.time() - before < 60
