"""Everything that runs beside Prometheus: workers, analytics, the bot with its stand-ins, the monitor, Alertmanager."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from aiohttp import web

from infra.domains.publish import apply_specs
from infra.kafka import start_broker
from infra.kafka.ports import free_port
from infra.monitoring.notifying import notifying
from infra.monitoring.programs import program
from infra.monitoring.rules import written
from infra.rehearsal.bot_process import BotProcess
from infra.rehearsal.stage import staged
from infra.supervising import served
from tests.faults import liveness
from tests.faults.under_test import UnderTest, declare, running

from .deciders import WRONG, Decider, spec
from .run import Run
from .watched import REHEARSAL, Own, monitor_process, prometheus

_TARGETS = """
windows = ["1h"]
[[target]]
name = "errors"
measure = "errors"
domain = "checked"
at_most = 0.5
"""
_PEOPLE = 60
WORKERS = ("worker-1", "worker-2")
_PROCESSES = (*WORKERS, "analytics-1")


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
