"""Runs the kill test many times in a row with other seeds: `python -m tests.faults.repeat 20 [FIRST_SEED]`."""

import os
import subprocess
import sys
import time


def main() -> int:
    """Print a line a run and the sum; the exit code is the number of failed runs."""
    runs = int(sys.argv[1])
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    failed = 0
    for seed in range(first, first + runs):
        begun = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "tests/faults/test_kills.py", "-q", "-x"],
            env={**os.environ, "CROUPIER_KILL_SEED": str(seed)},
            capture_output=True,
            text=True,
            check=False,
        )
        failed += done.returncode != 0
        print(
            f"seed {seed}: {'passed' if done.returncode == 0 else 'FAILED'} in {time.monotonic() - begun:.0f} s",
            flush=True,
        )
        if done.returncode:
            print(done.stdout[-4000:], flush=True)
    print(f"{runs - failed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(main())
