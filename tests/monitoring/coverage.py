"""Breaks a deployment that runs in every way that can be arranged, and sees each alert firing and ending.

    python -m tests.monitoring.coverage --json [--only processes,broker]

A real Prometheus scrapes supervised workers, analytics, the bot (at a local Discord and models) and the monitor, by the
rules of production with short windows.  Ends with one line of JSON; `alerts_covered` counts the alerts that fired
while their failure lasted and ended after it was mended, of `alerts_total`.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from aiohttp import web
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from infra.domains import clients
from infra.domains.publish import apply_specs
from infra.kafka import start_broker
from infra.kafka.ports import free_port
from infra.monitoring.alerts import ALERTS
from infra.monitoring.failure_modes import failure_modes
from infra.monitoring.notifying import notifying
from infra.monitoring.programs import program
from infra.monitoring.rules import written
from infra.rehearsal.bot_process import BotProcess
from infra.rehearsal.stage import Stage, staged
from infra.standins.models.faults import Fault
from infra.supervising import served
from producers.connection import open_producer
from producers.replay.recording import Recording
from schemas import wire
from schemas.events import Reward
from tests.faults import liveness, shifted_clock, volume
from tests.faults.kinds.poison import Poison
from tests.faults.traffic import Traffic
from tests.faults.under_test import UnderTest, declare, running

from .deciders import WRONG, Behaviour, Decider, Deciders, spec
from .watched import REHEARSAL, Own, Watch, monitor_process, prometheus

_TARGETS = """
windows = ["1h"]
[[target]]
name = "errors"
measure = "errors"
domain = "checked"
at_most = 0.5
"""
_PEOPLE = 60
_FIRE, _CLEAR = 45.0, 60.0
_WORKERS = ("worker-1", "worker-2")
_PROCESSES = (*_WORKERS, "analytics-1")


@dataclass
class Run:
    """A deployment under watch."""

    home: Path
    under: UnderTest
    watch: Watch
    monitor: Own
    prometheus: Own
    stage: Stage | None = None
    bot: BotProcess | None = None
    guild: dict[str, Any] = field(default_factory=dict)
    deciders: dict[str, Decider] = field(default_factory=dict)
    resolved: asyncio.Event = field(default_factory=asyncio.Event)
    recordings: Sequence[Recording] = ()
    silent: bool = False  # nobody asks the bot
    traffic: asyncio.Task[None] | None = None
    plays: Traffic | None = None
    covered: set[str] = field(default_factory=set)
    missing: dict[str, str] = field(default_factory=dict)
    begun: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self.begun:7.1f} s  {text}", file=sys.stderr, flush=True)

    @asynccontextmanager
    async def expecting(self, *names: str, within: float = _FIRE) -> AsyncIterator[None]:
        """What is injected in the block makes these fire, none of which did before; the block's end waits for that."""
        early = await self.watch.until_cleared(names, _CLEAR)
        for name in names:
            self.watch.fired.pop(name, None)
        yield
        for name in early:
            self.missing[name] = "fired before anything was broken"
        for name in await self.watch.until_fired(names, within):
            self.missing[name] = "did not fire"

    async def ends(self, *names: str, within: float = _CLEAR) -> None:
        """They end, now that all is mended."""
        still = await self.watch.until_cleared(names, within)
        for name in names:
            if name in still:
                self.missing[name] = "did not end"
            elif name not in self.missing:
                self.covered.add(name)
        self.say(
            f"{', '.join(sorted(set(names) & self.covered)) or 'nothing'} covered"
            + "".join(f"; {name} {self.missing[name]}" for name in names if name in self.missing)
        )

    async def write(self, turns: int, count: int, behaviours: dict[str, Behaviour], only: Sequence[str]) -> None:
        """Programs of these tenants decide and reward, so many times in so many turns."""
        chosen = [self.deciders[name] for name in only]
        await Deciders(self.under.broker.bootstrap_servers, self.under.prefix, chosen).run(turns, count, behaviours)

    def start_traffic(self) -> None:
        """Recorded traffic with its feedback, until `stop_traffic`."""
        self.plays = Traffic(self.under.broker.bootstrap_servers, self.under.prefix, self.recordings, 20.0, 1)
        self.traffic = asyncio.create_task(self.plays.run(3600.0))

    def stop_traffic(self) -> None:
        """Also of feedback that is on its way."""
        if self.plays is not None and self.traffic is not None:
            self.traffic.cancel()
            self.plays.cancel()

    def signal(self, number: signal.Signals, *names: str) -> None:
        for name in names:
            pid = self.under.supervisor.pid(name)
            if pid is not None:
                os.kill(pid, number)


# --- what is broken ---------------------------------------------------------------------------------------------


async def models(run: Run) -> None:
    """No model answers; then they hang."""
    assert run.stage is not None
    names = ("ModelFails", "ModelSwitchedOff", "NoModelAnswers", "QuestionsRefused")
    async with run.expecting(*names):
        await run.stage.models.set_faults(Fault("fail", status=500))
    await run.stage.models.set_faults()
    await run.ends(*names)
    async with run.expecting("QuestionsStuck", within=60.0):
        await run.stage.models.set_faults(Fault("hang"))
    await run.stage.models.set_faults()
    await run.ends("QuestionsStuck", within=90.0)


async def gateway(run: Run) -> None:
    """Discord drops the connection again and again, and then stands still."""
    assert run.stage is not None
    there = next(each for each in psutil.Process().children() if "infra.standins.discord" in each.cmdline())
    async with run.expecting("GatewayFlapping", "GatewayAway"):
        for _ in range(4):
            await run.stage.discord.ask("fault", on="gateway", name="drop")
            await asyncio.sleep(1.5)
        async with run.expecting("GatewayAway"):
            await _cut_off(run, there)
        there.resume()
    await run.ends("GatewayFlapping", "GatewayAway", within=90.0)


async def _cut_off(run: Run, there: psutil.Process) -> None:
    """Drop the connection and stop Discord's process before the bot has another one, which it needs but moments for."""
    assert run.stage is not None and run.bot is not None
    for _ in range(20):
        await run.stage.discord.ask("fault", on="gateway", name="drop")
        there.suspend()
        await asyncio.sleep(0.3)
        if not any((await run.bot.status())["shards"].values()):
            return
        there.resume()
        await asyncio.sleep(0.5)


async def discord(run: Run) -> None:
    """Discord's API fails, limits, and refuses."""
    assert run.stage is not None
    for names, fault in (
        (("DiscordFails",), {"name": "fail", "status": 503}),
        (("DiscordLimits",), {"name": "limit", "retry_after": 0.3}),
        (("BotFailures",), {"name": "fail", "status": 400}),
    ):
        async with run.expecting(*names, within=30.0):
            await run.stage.discord.ask("fault", on="rest", **fault)
        await run.stage.discord.ask("fault", on="rest", name="clear")
        await run.ends(*names)


async def workers(run: Run) -> None:
    """All workers stand still for longer than their lease; then one is killed again and again."""
    names = ("ProcessDown", "NoWorker", "PartitionsUnserved", "LagStandingStill", "LagHigh",
             *(("FallbackShareHigh", "DecisionsSlow") if run.bot else ()))  # fmt: skip
    async with run.expecting(*names, "LeaseLost"):
        async with run.expecting(*names):
            run.signal(signal.SIGSTOP, *_WORKERS)
        run.signal(signal.SIGCONT, *_WORKERS)
    await run.ends(*names, "LeaseLost", within=90.0)
    names = ("ProcessRestarting", "Rebalancing")
    async with run.expecting(*names):
        for _ in range(4):
            await run.under.kill("worker-1")
            await run.under.pid("worker-1")
            await asyncio.sleep(0.5)
    await run.ends(*names, within=90.0)


async def log(run: Run) -> None:
    """Records that nobody can handle, feedback about nothing, a topic that somebody has altered."""
    names = ("DeadLetters", "FeedbackOrphaned", "TopicsWrong")
    servers, topic = run.under.broker.bootstrap_servers, run.under.prefix + "decisions"

    async def alter(retention_ms: str) -> None:
        async with clients.admin(servers) as admin:
            await admin.alter_configs(
                [ConfigResource(ConfigResourceType.TOPIC, topic, configs={**before, "retention.ms": retention_ms})]
            )

    async with clients.admin(servers) as admin:
        (described,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        before = {each[0]: each[1] for each in described.resources[0][4] if each[3] == 1 and not each[2]}
    before.pop("retention.ms", None)
    from schemas.topics import DECISIONS

    async with run.expecting(*names):
        await Poison(1).inject(run.under)
        producer = await open_producer(servers)
        try:
            for number in range(150):
                event = Reward(f"o-{number}", "acme", f"never-{number}", {"success": 1.0})
                await producer.send_and_wait(run.under.prefix + "rewards", wire.encode(event), key=b"acme")
        finally:
            await producer.stop()
        await alter("1000000")
    await alter(str(DECISIONS.retention_ms))
    await run.ends(*names)


async def machines(run: Run) -> None:
    """A disk fills, and a clock is wrong."""
    under = run.under
    names = ["ClockSkewed"]
    filler = under.state_dir("analytics-1") / "filler"
    if under.volumes["analytics-1"].mounted:
        names.append("DiskFilling")
    else:
        run.missing["DiskFilling"] = "this machine refuses to mount a small disk"
    async with run.expecting(*names):
        shifted_clock.shift(under.shift_file("analytics-1"), 60.0)
        if "DiskFilling" in names:
            filler.write_bytes(bytes(475 * 1024 * 1024))
    shifted_clock.shift(under.shift_file("analytics-1"), 0.0)
    filler.unlink(missing_ok=True)
    await run.ends(*names)


async def monitor(run: Run) -> None:
    """The monitor stands still."""
    async with run.expecting("MonitorDown"):
        run.monitor.send(signal.SIGSTOP)
    run.monitor.send(signal.SIGCONT)
    await run.ends("MonitorDown")


async def broker(run: Run) -> None:
    """The broker stands still, under traffic; the monitor starts meanwhile, and the bot joins a server."""
    assert run.under.broker.pid is not None
    names = ["BrokerUnreachable", "KpisUnread", "CheckpointOld", "ProcessUnhealthy"]
    if run.bot:
        names += ["BotCutOffFromKafka", "SpoolFilling", "FeedbackDropped", "EnrolmentFailing"]
    async with run.expecting(*names, within=75.0):
        os.kill(run.under.broker.pid, signal.SIGSTOP)
        await run.monitor.stop()
        await run.monitor.start()
        if run.stage is not None:
            await run.stage.discord.ask("make", channels=["late"], people=2)
    os.kill(run.under.broker.pid, signal.SIGCONT)
    await run.ends(*names, within=120.0)


async def promises(run: Run) -> None:
    """Interactions that fail and cost too much; afterwards so many that do not that the day is saved."""
    names = ("ErrorBudgetBurnsFast", "ErrorBudgetBurns", "ErrorBudgetBurnsSlowly", "TargetMissed", "BudgetOverrun")
    async with run.expecting(*names):
        await run.write(12, 25, {"errors": Behaviour(error=1.0, cost=0.1)}, only=("errors",))
    await run.write(8, 400, {"errors": Behaviour(cost=0.001)}, only=("errors",))
    await run.ends(*names, within=90.0)


async def honesty(run: Run) -> None:
    """Programs that decide by themselves, each wrong in its own way."""
    from infra.monitoring.alerts.data import CHECKS

    names = [each.name for each in CHECKS]
    async with run.expecting(*names, within=30.0):
        await run.write(35, 70, {}, only=tuple(WRONG))
        await run.write(45, 70, WRONG, only=tuple(WRONG))
    await run.ends(*names)


async def silence(run: Run) -> None:
    """Nobody says anything any more: decisions without any feedback."""
    run.silent = True
    run.stop_traffic()
    await asyncio.sleep(10.0)  # what was decided before ends with its horizon
    async with run.expecting("FeedbackStopped"):
        await run.write(60, 10, {"errors": Behaviour(feedback=0.0)}, only=("errors",))
    run.silent = False
    run.start_traffic()
    await run.ends("FeedbackStopped")


async def watchdog(run: Run) -> None:
    """Prometheus ends; Alertmanager tells whoever listens that the watchdog has stopped."""
    if await run.watch.until_fired(["Watchdog"], 10.0):
        run.missing["Watchdog"] = "did not fire"
        return
    await run.prometheus.stop()
    try:
        await asyncio.wait_for(run.resolved.wait(), 45.0)
    except TimeoutError:
        run.missing["Watchdog"] = "Alertmanager did not say that it stopped"
        return
    run.covered.add("Watchdog")
    run.say("Watchdog covered")


PHASES: dict[str, Callable[[Run], Awaitable[None]]] = {
    each.__name__: each
    for each in (
        silence,  # first: what the bot's outcomes hold ends minutes after it was asked
        log,
        machines,
        workers,
        promises,
        honesty,
        models,
        discord,
        gateway,
        monitor,
        broker,
        watchdog,
    )
}
_WITH_BOT = {"models", "discord", "gateway"}


# --- everything that runs ---------------------------------------------------------------------------------------


@asynccontextmanager
async def alertmanager(home: Path, resolved: asyncio.Event) -> AsyncIterator[str]:
    """Alertmanager, and who listens to its watchdog; where Prometheus finds it."""

    async def heard(request: web.Request) -> web.Response:
        if any(each["status"] == "resolved" for each in (await request.json())["alerts"]):
            resolved.set()
        return web.Response()

    app = web.Application()
    app.router.add_post("/watchdog", heard)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    listening, port = free_port(), free_port()
    await web.TCPSite(runner, "127.0.0.1", listening).start()
    directory = home / "alertmanager"
    directory.mkdir(parents=True)
    here = f"http://127.0.0.1:{listening}"
    config = notifying(f"{here}/nobody", watchdog=f"{here}/watchdog", profile=REHEARSAL)
    (directory / "alertmanager.yml").write_text(written(config))
    own = Own("alertmanager", [
        str(program("alertmanager")), f"--config.file={directory / 'alertmanager.yml'}",
        f"--storage.path={directory / 'data'}", f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
    ], home)  # fmt: skip
    await own.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await own.stop()
        await runner.cleanup()


@asynccontextmanager
async def deployed(home: Path, *, with_bot: bool, mount: bool) -> AsyncIterator[Run]:
    """All of it, at work and without an alert."""
    async with AsyncExitStack() as stack:
        silent = lambda text: None  # noqa: E731
        kafka = stack.enter_context(start_broker(data_dir=home / "kafka", how="local", progress=silent))
        under = UnderTest(kafka, home / "deployment", "", silent)
        under.home.mkdir()
        targets, port = home / "targets.toml", free_port()
        targets.write_text(_TARGETS)
        await stack.enter_async_context(running(under, _PROCESSES, mount=mount))
        await stack.enter_async_context(
            served(under.supervisor.metrics, under.home, "", lambda: under.supervisor.restarts)
        )
        own = monitor_process(kafka.bootstrap_servers, under.home, port, targets)
        await own.start()
        stack.push_async_callback(own.stop)
        recordings = await declare(under, 3)
        tenants = [*WRONG, "errors"]
        published = await apply_specs(kafka.bootstrap_servers, "", [spec(tenant) for tenant in tenants])
        resolved = asyncio.Event()
        manager = await stack.enter_async_context(alertmanager(home, resolved))
        prom, watch = await stack.enter_async_context(prometheus(home, port, manager))
        run = Run(home, under, watch, own, prom, resolved=resolved)
        run.deciders = {each.tenant: Decider(each.tenant, each.version, n) for n, each in enumerate(published)}
        await liveness.serving(under)
        run.recordings = recordings
        run.start_traffic()
        stack.callback(run.stop_traffic)
        if with_bot:
            await _with_bot(run, stack)
        yield run


async def _with_bot(run: Run, stack: AsyncExitStack) -> None:
    run.stage = await stack.enter_async_context(staged(run.home))
    made = await run.stage.discord.ask("make", channels=["one", "two", "three", "four"], people=_PEOPLE)
    (run.guild,) = made["guilds"]
    run.bot = await stack.enter_async_context(
        BotProcess(
            run.stage, run.under.broker.bootstrap_servers, run.under.home, options=("--spool-bytes", "12000")
        )
    )  # fmt: skip
    await run.bot.ready()
    asking = asyncio.create_task(_ask(run))
    stack.callback(asking.cancel)


async def _ask(run: Run) -> None:
    """People ask, three a second."""
    assert run.stage is not None
    discord, number = run.stage.discord, 0
    while True:
        person, channel = (run.guild[name][number % len(run.guild[name])] for name in ("people", "channels"))
        number += 1
        while run.silent:
            await asyncio.sleep(0.1)
        with contextlib.suppress(RuntimeError):
            await discord.act(
                {"do": "post", "person": person, "channel": channel, "content": f"<@{discord.bot}> What is {number}?"}
            )
        await asyncio.sleep(0.33)


async def covered(home: Path, only: Sequence[str], *, mount: bool) -> dict[str, Any]:
    """The last line."""
    begun = time.monotonic()
    with_bot = bool(_WITH_BOT & set(only)) or len(only) == len(PHASES)
    async with deployed(home, with_bot=with_bot, mount=mount) as run:
        run.begun = begun
        await _quiet(run)
        for name in only:
            run.say(f"--- {name}")
            try:
                await PHASES[name](run)
            except Exception as error:  # one that cannot be injected must not hide the others
                run.say(f"{name}: {error!r}")
        names = {each.name for each in ALERTS}
        modes = failure_modes()
        return {
            "alerts_covered": len(run.covered & names),
            "alerts_total": len(names),
            "modes_covered": sum(bool(set(mode.alerts) & run.covered) for mode in modes),
            "modes_total": len(modes),
            "covered": sorted(run.covered),
            "not_covered": {name: run.missing.get(name, "not injected") for name in sorted(names - run.covered)},
            "seconds": round(time.monotonic() - begun, 1),
        }


async def _quiet(run: Run) -> None:
    """Until nothing has fired for some seconds."""
    deadline, since = time.monotonic() + 90.0, time.monotonic()
    while time.monotonic() - since < 4.0:
        if run.watch.firing - {"Watchdog"} or not run.watch.looked:
            since = time.monotonic()
        if time.monotonic() > deadline:
            run.say(f"fires without a failure: {sorted(run.watch.firing)}")
            return
        await asyncio.sleep(0.2)
    run.say("all is well, and nothing fires")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="the last line alone on standard output")
    parser.add_argument("--only", default=",".join(PHASES), help=f"of {', '.join(PHASES)}")
    parser.add_argument("--keep", action="store_true", help="keep the directory with all logs")
    asked = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    mount = volume.own_namespace()
    # Debian's Alertmanager wants its templates where the package would have put them.
    share = program("alertmanager").parents[1] / "share"
    if mount and share != Path("/usr/share"):
        volume.laid_over(share, Path("/usr/share"))
    home = Path(tempfile.mkdtemp(prefix="croupier-coverage-"))
    try:
        found = asyncio.run(covered(home, asked.only.split(","), mount=mount))
    finally:
        if asked.keep:
            print(home, file=sys.stderr)
        else:
            shutil.rmtree(home, ignore_errors=True)
    print(json.dumps(found))
    return 0 if found["alerts_covered"] >= 0.95 * found["alerts_total"] else 1


if __name__ == "__main__":
    sys.exit(main())
