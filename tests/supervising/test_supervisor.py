"""The supervisor with real processes: dead ones come back, and so do those that live and do not work."""

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from infra.liveness import Liveness
from infra.supervisor import Patience, Program, Supervisor

ROOT = Path(__file__).parents[2]
PATIENCE = Patience(look=0.05, unhealthy=0.5, starting=60.0, grace=0.5)


class Supervised:
    def __init__(self, directory):
        self.run, self.health, self.said = directory / "run", directory / "health.json", []
        self.answer(True)
        command = [sys.executable, "-m", "tests.supervising.serving", str(self.run), str(self.health)]
        program = Program("worker-1", command, {"PYTHONPATH": str(ROOT)}, Liveness(self.run, "worker", ask_seconds=0.5))
        self.supervisor = Supervisor([program], directory / "logs", self.said.append, PATIENCE)

    def answer(self, healthy, reason=None):
        written = self.health.with_suffix(".new")
        written.write_text(json.dumps({"healthy": healthy, "reason": reason}))
        written.rename(self.health)

    async def serving(self, other_than=None):
        """The process id, when one serves."""
        async with asyncio.timeout(60):
            while True:
                pid = self.supervisor.pid("worker-1")
                if pid is not None and pid != other_than and (self.run / f"worker-{pid}.json").exists():
                    return pid
                await asyncio.sleep(0.02)


@pytest.fixture
def supervised(tmp_path):
    @asynccontextmanager
    async def running():
        here = Supervised(tmp_path)
        stop = asyncio.Event()
        task = asyncio.create_task(here.supervisor.run(stop))
        try:
            yield here
        finally:
            stop.set()
            await task

    return running


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_a_killed_process_comes_back(supervised):
    """SIGKILL: another process serves, and it was said what happened."""
    async with supervised() as here:
        first = await here.serving()
        os.kill(first, signal.SIGKILL)
        second = await here.serving(first)
    assert any("killed by SIGKILL" in text for text in here.said)
    assert gone(first)
    assert gone(second)  # nothing is left when the supervisor ends


async def test_a_stopped_process_is_ended_and_comes_back(supervised):
    """SIGSTOP: it lives and answers nobody.  SIGTERM does not reach it, SIGKILL does, and the reason is said."""
    async with supervised() as here:
        first = await here.serving()
        os.kill(first, signal.SIGSTOP)
        second = await here.serving(first)
        assert gone(first)
        assert here.supervisor.restarts == 1
        assert not gone(second)
    assert any("worker-1 is ended and started again: not healthy" in text for text in here.said)
    assert any("/health does not answer within 0.5 s" in text for text in here.said)


async def test_a_process_that_says_it_is_not_healthy_is_ended_and_its_reason_told(supervised):
    """503 for longer than the limit; an answer in between that is well lets it live."""
    async with supervised() as here:
        first = await here.serving()
        here.answer(False, "contexts partition 3 stands at offset 7 for 31 s")
        second = await here.serving(first)
        here.answer(True)
        assert not gone(second)
    assert any("contexts partition 3 stands at offset 7" in text for text in here.said)


async def test_who_answers_well_is_left_alone(tmp_path):
    """What is asked is /health of that very process: healthy, unhealthy with its reason, or not there yet."""
    here = Supervised(tmp_path)
    stop = asyncio.Event()
    task = asyncio.create_task(here.supervisor.run(stop))
    pid = await here.serving()
    asked = Liveness(here.run, "worker")
    assert await asked.problem(pid) is None
    assert await asked.serves(pid)
    here.answer(False, "why")
    assert await asked.problem(pid) == "why"
    assert await asked.problem(1) is None
    assert not await asked.serves(1)
    here.answer(True)
    stop.set()
    await task
    assert await asked.problem(pid) == "/health fails: ClientConnectorError"
