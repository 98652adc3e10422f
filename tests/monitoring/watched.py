"""A real Prometheus on a real deployment, and which alerts it has seen."""

import asyncio
import contextlib
import functools
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from infra.connection import HOME_VARIABLE, VARIABLE
from infra.kafka.ports import free_port
from infra.monitoring.alert import Profile
from infra.monitoring.programs import program
from infra.monitoring.rules import rules, written
from infra.monitoring.scraping import scraping
from infra.supervisor import die_with

#: The rules of production with short windows; limits of what is counted, so that little is enough.
REHEARSAL = Profile(
    evaluate=1.0,
    window=10.0,
    hold=2.0,
    limits={
        "ProcessRestarting": 1.5, "Rebalancing": 0.5, "LagHigh": 50, "CheckpointOld": 5, "SpoolFilling": 2_000,
        "GatewayFlapping": 1.5, "FeedbackOrphaned": 5, "FeedbackStopped": 5, "ErrorBudgetBurnsFast": 5,
        "ErrorBudgetBurns": 5, "ErrorBudgetBurnsSlowly": 5,
        **dict.fromkeys(
            ("SampleRatioMismatch", "PropensityFloorViolated", "ArmStarving", "FeedbackDryingUp", "RewardFell",
             "PredictionsOff", "FeaturesMoved", "ChoicesMoved", "CalibrationOff", "ArmThin"), 15),
    },
)  # fmt: skip


class Own:
    """A process of ours: with its log, ended with us."""

    def __init__(self, name: str, command: Sequence[str], home: Path, environment: Mapping[str, str] = {}) -> None:
        self.name, self._command, self._environment = name, command, environment
        self.log = home / "logs" / f"{name}.log"
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **self._environment}, preexec_fn=functools.partial(die_with, os.getpid()),
            )  # fmt: skip

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    async def stop(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), 15)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()


class Watch:
    """What Prometheus says fires, looked at all the time; when each alert was first seen, and seen to have ended."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.fired: dict[str, float] = {}
        self.cleared: dict[str, float] = {}
        self.firing: set[str] = set()
        self.looked = 0

    async def look(self, session: aiohttp.ClientSession) -> None:
        async with session.get(f"{self._address}/api/v1/alerts") as answer:
            found = await answer.json()
        now = time.monotonic()
        firing = {each["labels"]["alertname"] for each in found["data"]["alerts"] if each["state"] == "firing"}
        for name in firing - self.firing:
            self.fired.setdefault(name, now)
        for name in self.firing - firing:
            self.cleared[name] = now
        self.firing = firing
        self.looked += 1

    async def keep(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            while True:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    await self.look(session)
                await asyncio.sleep(0.25)

    async def until_fired(self, names: Sequence[str], seconds: float) -> set[str]:
        """Wait until all of them have been seen; those that were not."""
        deadline = time.monotonic() + seconds
        while (missing := set(names) - self.fired.keys()) and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
        return missing

    async def until_cleared(self, names: Sequence[str], seconds: float) -> set[str]:
        """Wait until none of them fires; those that still do."""
        deadline = time.monotonic() + seconds
        while (still := set(names) & self.firing) and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
        return still


def monitor_process(servers: str, home: Path, port: int, targets: Path) -> Own:
    """`croupier monitoring serve`."""
    command = [
        sys.executable, "-m", "infra.cli", "monitoring", "serve", "--port", str(port), "--interval", "0.5",
        "--targets", str(targets),
    ]  # fmt: skip
    return Own("monitor", command, home, {VARIABLE: servers, HOME_VARIABLE: str(home)})


@asynccontextmanager
async def prometheus(
    home: Path, monitor_port: int, alertmanager: str | None = None
) -> AsyncIterator[tuple[Own, Watch]]:
    """Prometheus with the rules of the rehearsal; the watch of its alerts runs, too."""
    directory, port = home / "prometheus", free_port()
    directory.mkdir(parents=True)
    (directory / "rules.yml").write_text(written(rules(REHEARSAL)))
    config = scraping("rules.yml", monitor=f"127.0.0.1:{monitor_port}", alertmanager=alertmanager, profile=REHEARSAL)
    (directory / "prometheus.yml").write_text(written(config))
    command = [
        str(program("prometheus")), f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'data'}", f"--web.listen-address=127.0.0.1:{port}",
        "--query.lookback-delta=5s", "--rules.alert.resend-delay=1s",
    ]  # fmt: skip
    own = Own("prometheus", command, home)
    await own.start()
    watch = Watch(f"http://127.0.0.1:{port}")
    keeping = asyncio.create_task(watch.keep())
    try:
        yield own, watch
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await own.stop()
        shutil.rmtree(directory / "data", ignore_errors=True)
