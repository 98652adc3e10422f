"""The ways in which the deployment is broken, each with the alerts that must fire meanwhile and end after it."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

import psutil
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from infra.domains import clients
from infra.monitoring.alerts.data import CHECKS
from infra.standins.models.faults import Fault
from producers.connection import open_producer
from schemas import wire
from schemas.events import Reward
from schemas.topics import DECISIONS
from tests.faults import shifted_clock
from tests.faults.kinds.poison import Poison

from .deciders import WRONG, Behaviour
from .deploying import WORKERS
from .run import Run


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
            run.signal(signal.SIGSTOP, *WORKERS)
        run.signal(signal.SIGCONT, *WORKERS)
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


#: By name, in the order of a whole run.
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
#: Those that need the bot.
WITH_BOT = {"models", "discord", "gateway"}
