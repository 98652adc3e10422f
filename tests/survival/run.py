"""The bot among faults of everything around it, and the account that is given of it.

    python -m tests.survival.run [--reconnects 200] [--storms 14] [--outages 10] [--restarts 2] [--kafka-away 60]

The real `croupier bot` in a process of its own, a local Discord and local models in theirs, a real Kafka and real
workers.  People ask without a break while the gateway breaks, Discord's API limits and fails, all models fail, Kafka is
gone and the bot is killed in mid-answer.  Then everything is well again, and of every question and every press of a
button is said what became of it.  One line of JSON; exit code 1 if a question was lost, answered twice or left half
answered, if feedback that Discord acknowledged is not in Kafka, or if `croupier verify` finds the topics at fault.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import numpy as np

from infra.kafka.topics import create_topics
from infra.local import deployment
from infra.rehearsal.bot_process import BotProcess
from infra.rehearsal.following import Following
from infra.rehearsal.stage import staged
from infra.standins.models import Fault
from infra.verify.verify import verify
from tests.faults.under_test import broker_with_proxies

from .account import Account, account, open_questions, read_rewards
from .faults import Faults, Plan
from .people import People

#: A model that says nothing is left soon: trials are shorter than life.
_LIMITS = """
[limits]
connect_s = 2.0
first_token_s = 5.0
between_tokens_s = 5.0
total_s = 30.0
hedge_after_s = 3.0

[breaker]
failures = 8
open_s = 2.0
longest_open_s = 5.0

"""
_BOT = "bot"
#: Rewards of decisions that never were are given up after this: the bot does not know whether it asked before it died.
_EARLY_MS = 10_000


async def survive(
    home: Path, plan: Plan, *, rate: float, workers: int, guilds: int, patience_s: float, say: Any
) -> dict[str, Any]:
    """The trial; figures by name.  workers: 0: nobody decides, and fallbacks answer."""
    begun = time.monotonic()
    with broker_with_proxies(home, [_BOT], say) as (broker, proxies):
        async with AsyncExitStack() as stack:
            proxy = proxies[_BOT]
            await proxy.start()
            stack.push_async_callback(proxy.stop)
            if workers:
                running = await stack.enter_async_context(
                    deployment(broker, home, say, workers=workers, worker_options=("--early-ms", str(_EARLY_MS)))
                )
                await running.serving()
            else:
                await create_topics(broker.bootstrap_servers, partitions=4)
            stage = await stack.enter_async_context(staged(home, discord=("--global-limit", "0"), more=_LIMITS))
            await stage.models.set_faults(Fault("pause", seconds=0.05))
            made = await stage.discord.ask("make", guilds=guilds, channels=["a", "b", "c", "d"], people=6)
            people = People(stage.discord, Following(stage.discord), np.random.default_rng(7), made["guilds"])
            bot = await stack.enter_async_context(BotProcess(stage, f"127.0.0.1:{proxy.port}", home))
            await bot.ready()
            faults = Faults(stage, bot, proxy, plan)
            await people.ask_first()
            await _ended(people, patience_s)
            await _among_faults(people, faults, rate, say)
            say("nothing is wrong any more; waiting for the last answers")
            replies = await _ended(people, patience_s)
            await people.press_all(replies)
            await asyncio.sleep(2.0)
            await people.look_at_interactions()
            await _delivered(bot, patience_s)
            counts = await stage.discord.ask("figures")
            await bot.stop()
            rewards = await read_rewards(broker.bootstrap_servers, "")
            found: Account = account(people, replies, rewards, home / "state" / "bot-1")
            verdict = None
            if workers:
                verdict = await verify(broker.bootstrap_servers, prefix="", early_ms=_EARLY_MS, wait_s=60.0)
    return {
        **found.as_json(),
        "ok": found.ok and (verdict is None or verdict.ok),
        **faults.done,
        "resumes": counts["gateway"].get("resume", 0),
        "identifies": counts["gateway"].get("identify", 0),
        "limited": counts["statuses"].get("429", 0),
        "decisions_lost": None if verdict is None else verdict.decisions_lost,
        "problems": [] if verdict is None else verdict.problems[:5],
        "seconds": round(time.monotonic() - begun, 1),
    }


async def _among_faults(people: People, faults: Faults, rate: float, say: Any) -> None:
    stop = asyncio.Event()
    asking = asyncio.create_task(people.ask_until(stop, rate))
    watching = asyncio.create_task(_watch(people, faults, say))
    try:
        await asyncio.wait([asking, work := asyncio.create_task(faults.run())], return_when=asyncio.FIRST_COMPLETED)
        if asking.done():
            work.cancel()
        else:
            await work
    finally:
        stop.set()
        watching.cancel()
        await asking


async def _watch(people: People, faults: Faults, say: Any) -> None:
    while True:
        await asyncio.sleep(20.0)
        await people.look_at_interactions()
        say(f"{len(people.asked)} asked, {len(people.following.replies)} with an answer; {faults.done}")


async def _ended(people: People, seconds: float) -> dict:
    """Until nothing is open, for so many seconds; replies as they are now."""
    deadline = time.monotonic() + seconds
    while True:
        now = Following(people.discord)
        while await now.look():
            pass
        await people.look_at_interactions()
        if not open_questions(people, now.replies) or time.monotonic() > deadline:
            return now.replies
        await asyncio.sleep(0.5)


async def _delivered(bot: BotProcess, seconds: float) -> None:
    """Until nothing waits on the bot's disk for Kafka."""
    deadline = time.monotonic() + seconds
    while (await bot.status())["events_waiting_for_kafka"] and time.monotonic() < deadline:
        await asyncio.sleep(0.2)


def main() -> int:
    """Run as the options say."""
    parser = argparse.ArgumentParser(prog="python -m tests.survival.run", description=__doc__.split("\n")[0])
    parser.add_argument("--reconnects", type=int, default=200)
    parser.add_argument("--between", type=float, default=1.5, help="seconds between two of them")
    parser.add_argument("--storms", type=int, default=14, help="429 of all scopes, 5xx, lost answers")
    parser.add_argument("--storm", type=float, default=3.0, help="seconds of each")
    parser.add_argument("--outages", type=int, default=10, help="of all models at once")
    parser.add_argument("--outage", type=float, default=5.0, help="seconds of each")
    parser.add_argument("--restarts", type=int, default=2, help="SIGKILL of the bot in mid-answer")
    parser.add_argument("--kafka-away", type=float, default=60.0, help="seconds")
    parser.add_argument("--patience", type=float, default=180.0, help="seconds at the end, for the last answers")
    parser.add_argument("--keep", type=Path, help="an empty directory, in which logs and state stay")
    parser.add_argument("--rate", type=float, default=8.0, help="questions a second")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--guilds", type=int, default=12)
    options = parser.parse_args()
    plan = Plan(
        options.reconnects, options.storms, options.outages, options.restarts, options.kafka_away, options.storm,
        options.outage, options.between,
    )  # fmt: skip

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="croupier-survival-") as directory:
        found = asyncio.run(
            survive(
                options.keep or Path(directory), plan, rate=options.rate, workers=options.workers,
                guilds=options.guilds, patience_s=options.patience, say=say,
            )
        )  # fmt: skip
    print(json.dumps(found))
    return 0 if found["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
