"""The command that fills numba's cache reaches every kernel."""

import importlib
import subprocess
import sys

from stream_workers.bandits.compile import modules


def test_command():
    """It runs, says how long it took, and after it no kernel with a signature is left to compile."""
    done = subprocess.run(
        [sys.executable, "-m", "stream_workers.bandits.compile"], capture_output=True, text=True, check=True
    )
    assert "kernels ready in" in done.stdout
    compiled = set()
    for name in modules():
        for attribute, value in vars(importlib.import_module(name)).items():
            if getattr(value, "signatures", None) and not value._can_compile:
                compiled.add(attribute)
    assert {
        "distribute",
        "decide_many",
        "forms",
        "learn",
        "sample",
        "blend",
        "learn_values",
        "evaluate",
        "hash_to_unit",
        "constant",
    } <= compiled
