"""The health check of a container, with a real process that serves."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from infra.deploy import healthcheck

ROOT = Path(__file__).parents[2]
NOW = 1_000.0


class Container:
    """One process, its announcement, and what the check remembers."""

    def __init__(self, directory):
        self.health, self.memory = directory / "health.json", directory / "since"
        self.answer(True)
        run = directory / "home" / "run"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.supervising.serving", run, self.health],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        told = run / f"worker-{self.process.pid}.json"
        deadline = time.monotonic() + 30
        while not told.exists():
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        port = json.loads(told.read_text())["address"].rpartition(":")[2]
        self.environment = {"CROUPIER_HTTP_PORT": port, "CROUPIER_HOME": str(directory / "home")}

    def answer(self, healthy):
        self.health.write_text(json.dumps({"healthy": healthy, "reason": None if healthy else "it stands still"}))

    def check(self, now):
        return healthcheck.check(self.environment, self.memory, now)


@pytest.fixture
def container(tmp_path):
    made = Container(tmp_path)
    yield made
    made.process.kill()
    made.process.wait()


def test_a_process_that_is_not_well_for_too_long_is_ended(container):
    """Healthy, or not for long, or well again in between: it lives.  Longer than the limit: SIGTERM."""
    assert container.check(NOW) is None
    container.answer(False)
    assert "it stands still" in container.check(NOW)
    container.answer(True)
    assert container.check(NOW + 100) is None
    container.answer(False)
    for after in (200, 230, 259):
        assert "it stands still" in container.check(NOW + after)
    assert container.process.poll() is None
    assert "ended after 61 s" in container.check(NOW + 261)
    assert container.process.wait(10) == -signal.SIGTERM


def test_one_that_does_not_react_is_killed(container, monkeypatch):
    """SIGSTOP: no answer and no SIGTERM; the check after it kills and forgets, so that the next process has time."""
    monkeypatch.setattr(healthcheck, "ASK_SECONDS", 0.2)
    os.kill(container.process.pid, signal.SIGSTOP)
    assert "does not answer" in container.check(NOW)
    container.check(NOW + 61)
    assert container.process.poll() is None
    container.check(NOW + 71)
    assert container.process.wait(10) == -signal.SIGKILL
    assert not container.memory.exists()
