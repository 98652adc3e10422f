"""Runs the kill test many times in a row with other seeds: `python -m tests.faults.repeat 20 [FIRST_SEED]`.

Prints a line a run, with how often a worker noticed that it stood still (and went back), and keeps the logs of a run
that failed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> int:
    """Print a line a run and the sum; the exit code is the number of failed runs."""
    runs = int(sys.argv[1])
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    failed = 0
    for seed in range(first, first + runs):
        begun = time.monotonic()
        kept = Path(tempfile.mkdtemp(prefix=f"croupier-kills-{seed}-"))
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "tests/faults/test_kills.py", "-x", f"--basetemp={kept}/run"],
            env={**os.environ, "CROUPIER_KILL_SEED": str(seed)},
            capture_output=True,
            text=True,
            check=False,
        )
        failed += done.returncode != 0
        still = sum(path.read_text(errors="replace").count("standing still") for path in kept.rglob("*.log"))
        verdict = "FAILED" if done.returncode else "passed"
        print(f"seed {seed}: {verdict} in {time.monotonic() - begun:.0f} s, stood still {still} times", flush=True)
        if done.returncode:
            print(f"{done.stdout[-4000:]}\nlogs are in {kept}", flush=True)
        else:
            shutil.rmtree(kept)
    print(f"{runs - failed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(main())
