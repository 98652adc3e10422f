"""Alerts on a deployment that runs: a part of `python -m tests.monitoring.coverage`, which has them all."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from infra.monitoring.programs import ProgramMissingError, program


@pytest.mark.kafka
@pytest.mark.timeout(400)
def test_what_breaks_is_told_by_a_real_prometheus_and_its_end_too():
    """Records that nobody can handle, feedback about nothing, a topic that somebody altered, a wrong clock, a monitor
    that stands still: each alert fires while that lasts, and ends when it is mended; without a failure none fires."""
    try:
        program("prometheus"), program("alertmanager")
    except ProgramMissingError as missing:
        pytest.skip(str(missing))
    command = [sys.executable, "-m", "tests.monitoring.coverage", "--json", "--only", "log,machines,monitor"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    assert "fires without a failure" not in done.stderr, done.stderr
    refused = {"DiskFilling"} if "refuses to mount" in found["not_covered"].get("DiskFilling", "") else set()
    expected = {"DeadLetters", "FeedbackOrphaned", "TopicsWrong", "ClockSkewed", "DiskFilling", "MonitorDown"} - refused
    assert expected <= set(found["covered"]), done.stderr
