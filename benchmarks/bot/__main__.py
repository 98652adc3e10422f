"""The bot under load: messages a second over many guilds, and what it adds to the wait for a model.

    python -m benchmarks.bot [--json] [--seconds 300] [--rate 500] [--guilds 2500]

The real `croupier bot` in a process of its own, a real Kafka, a real worker and analytics; the local Discord and the
local models in processes of their own, all on this machine, none pinned.  docs/benchmarks.md says what is measured.
Progress goes to standard error.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

from benchmarks.bot.figures import of_decisions, of_memory, of_questions
from benchmarks.bot.load import Load, make_guilds
from benchmarks.machine import described, now
from infra.local import Deployment, deployment, local_broker
from infra.rehearsal.bot_process import BotProcess
from infra.rehearsal.stage import staged

WARM_SECONDS = 15.0
SAMPLE_SECONDS = 2.0
DRAIN_SECONDS = 30.0
#: A bot of this size has a limit of its own (Discord: "large bot sharding"), and a shard for a thousand guilds or so.
DISCORD = ("--global-limit", "0", "--shards", "2", "--keep-messages", "20", "--keep-requests", "60000")


def main(
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON instead of lines to read.")] = False,
    seconds: Annotated[float, typer.Option("--seconds", min=1.0, help="Measured; before it 15 s to get warm.")] = 300.0,
    rate: Annotated[float, typer.Option("--rate", min=1.0, help="Messages a second.")] = 500.0,
    guilds: Annotated[int, typer.Option("--guilds", min=1)] = 2_500,
    share: Annotated[float, typer.Option("--asking", min=0.001, max=1.0, help="Share that ask the bot.")] = 1.0,
) -> None:
    """Measure and print."""
    report = uvloop.run(measure(seconds, rate, guilds, share))
    if as_json:
        print(json.dumps(report))
        return
    for name, value in report.items():
        print(f"{name:24} {value}")


async def measure(seconds: float, rate: float, number: int, share: float) -> dict[str, Any]:
    """All of it."""
    begun = now()
    with tempfile.TemporaryDirectory(prefix="croupier-bench-bot-") as directory:
        home = Path(directory)
        with local_broker(home, _say) as broker:
            async with deployment(broker, home, _say, workers=1) as running, staged(home, discord=DISCORD) as stage:
                await running.serving()
                guilds = await make_guilds(stage.discord, number)
                async with BotProcess(stage, broker.bootstrap_servers, home) as bot:
                    await _enrolled(bot, running, number)
                    found = await _measured(bot, Load(stage.discord, stage.models, guilds, share), rate, seconds)
            machine = described(broker, begun)
    return {**found, "rate": rate, "guilds": number, "asking": share, "seconds": seconds, "machine": machine}


async def _enrolled(bot: BotProcess, running: Deployment, number: int) -> None:
    """Until the bot is in every guild, and the worker has everybody's domains."""
    await bot.ready(180.0)
    _say(f"the bot is ready; waiting until the domains of {number} guilds are in force")
    while True:
        status = await bot.status()
        if status["guilds"] == number and not status["domains_waiting_for_kafka"]:
            break
        await asyncio.sleep(0.5)
    await running.settled()


async def _measured(bot: BotProcess, load: Load, rate: float, seconds: float) -> dict[str, Any]:
    await load.models.take_times()
    following = asyncio.create_task(load.follow())
    try:
        await load.run(rate, WARM_SECONDS)
        warm, talked = len(load.asked), load.talked
        _say(f"warm after {warm} questions; measuring for {seconds:g} s")
        before, cpu, own = await bot.metrics(), bot.cpu_s(), time.process_time()
        samples: list[float] = []
        sampling = asyncio.create_task(_sample(bot, load, samples))
        begun = time.monotonic()
        await load.run(rate, seconds)
        spent = time.monotonic() - begun
        sampling.cancel()
        after, used, driver = await bot.metrics(), bot.cpu_s() - cpu, time.process_time() - own
        await load.drained(DRAIN_SECONDS)
    finally:
        following.cancel()
    asked = load.asked[warm:]
    figures = of_questions(asked, spent)
    messages = len(asked) + load.talked - talked
    figures["messages_per_s"] = round(figures["messages_per_s"] + (load.talked - talked) / spent, 1)
    stand_in = await load.discord.ask("figures")
    return {
        **figures,
        **of_memory(samples),
        **of_decisions(before, after),
        "asked_per_s": round(len(asked) / spent, 1),
        "bot_cores": round(used / spent, 2),
        "bot_cpu_ms_per_message": round(1e3 * used / max(messages, 1), 2),
        "driver_cores": round(driver / spent, 2),
        "discord_cpu_s": round(stand_in["cpu_s"], 1),
        "missed": load.missed,
        "cpus": os.cpu_count(),
    }


async def _sample(bot: BotProcess, load: Load, samples: list[float]) -> None:
    while True:
        await asyncio.sleep(SAMPLE_SECONDS)
        samples.append(bot.rss_mb())
        if len(samples) % 15 == 0:
            answered = sum(each.replies > 0 for each in load.asked)
            _say(f"{len(load.asked)} asked, {answered} answered, {samples[-1]:.0f} MB")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    typer.run(main)
