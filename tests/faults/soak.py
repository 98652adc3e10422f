"""Faults by a seeded schedule on a live deployment, and the proof that nothing came of them.

    python -m tests.faults.soak --seconds 600 --seed 1

Prints each fault as it happens and the verdict, and ends with one line of JSON.  Exit code 1 when anything was lost,
doubled or mismatched, or did not come to rest in time: then broker data, logs and schedule stay in the directory named.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.verify.verdict import Verdict

from . import liveness, volume
from .fault import NotInjectedError
from .kinds import KINDS
from .kinds.membership import GUEST
from .schedule import Injection, plan
from .traffic import Traffic
from .under_test import NEIGHBOUR, UnderTest, broker_with_proxies, declare, running
from .verdict import judge

_TENANTS = 5
_NEIGHBOUR_TENANTS = 1
_NEIGHBOUR_RATE = 10.0


@dataclass
class Soak:
    """One run."""

    seconds: float
    seed: int
    workers: int
    rate: float
    home: Path
    mount: bool
    faults: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    _begun: float = field(default_factory=time.monotonic)
    _healed_at: float = 0.0
    _locks: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    def say(self, text: str) -> None:
        """A line with the seconds since the begin."""
        print(f"{time.monotonic() - self._begun:7.1f} s  {text}", flush=True)

    async def run(self) -> dict[str, Any]:
        """Everything; the last line."""
        processes = [*(f"worker-{number}" for number in range(1, self.workers + 1)), "analytics-1"]
        schedule = plan(self.seed, self.seconds, processes)
        (self.home / "schedule.txt").write_text(
            "".join(f"{each.at:8.2f} s  {_told(each)}\n" for each in schedule), encoding="utf-8"
        )
        neighbours = ["worker-1", "analytics-1"]
        async with AsyncExitStack() as stack:
            broker, proxies = stack.enter_context(
                broker_with_proxies(self.home, [*processes, GUEST], lambda text: self.say(text))
            )
            under = UnderTest(broker, self.home / "deployment", "", self.say)
            under.proxies = proxies
            neighbour = UnderTest(
                broker, self.home / "neighbour", NEIGHBOUR, lambda text: self.say(f"neighbour: {text}")
            )
            for each, names in ((under, processes), (neighbour, neighbours)):
                each.home.mkdir()
                await stack.enter_async_context(running(each, names, mount=self.mount and each is under))
            recordings = await declare(under, _TENANTS)
            traffic = Traffic(broker.bootstrap_servers, under.prefix, recordings, self.rate, self.seed)
            its = Traffic(
                broker.bootstrap_servers, neighbour.prefix, await declare(neighbour, _NEIGHBOUR_TENANTS),
                _NEIGHBOUR_RATE, self.seed + 1,
            )  # fmt: skip
            for each in (under, neighbour):
                await liveness.serving(each)
            self.say(f"{len(processes)} processes and a neighbour serve; {len(schedule)} faults in {self.seconds:g} s")
            self.faults["shared-broker"] = 1
            begun = time.monotonic()
            await asyncio.gather(
                traffic.run(self.seconds), its.run(self.seconds),
                *(self._inject(each, under, begun) for each in schedule),
            )  # fmt: skip
            settled = await asyncio.gather(self._settle(under, traffic), self._settle(neighbour, its))
            found = [await self._judge(each) for each in (under, neighbour)]
            restarts = [each.supervisor.restarts for each in (under, neighbour)]
        if restarts[1]:
            self.findings.append(f"the neighbour's processes ended {restarts[1]} times")
        return self._line(found, settled, restarts, traffic.broken)

    async def _inject(self, injection: Injection, under: UnderTest, begun: float) -> None:
        fault = injection.fault
        await asyncio.sleep(max(0.0, begun + injection.at - time.monotonic()))
        async with self._locks[fault.target]:
            self.say(_told(injection))
            try:
                await fault.inject(under)
            except NotInjectedError as error:
                self.say(f"not injected: {fault.kind} {fault.target}: {error}")
                return
            self.faults[fault.kind] += 1
            await asyncio.sleep(fault.seconds)
            await fault.heal(under)
            self._healed_at = max(self._healed_at, time.monotonic())
            self.say(f"healed: {fault.kind} {fault.target}")
            if fault.target in under.processes:
                await under.pid(fault.target)  # the next fault of this process shall find it

    async def _settle(self, under: UnderTest, traffic: Traffic) -> tuple[float, float]:
        """Seconds until everything was decided, and until rest, from the last fault or the last record."""
        name = under.prefix or "the deployment"
        try:
            decided = await liveness.decided(traffic) - max(self._healed_at, traffic.sent_all_at)
            await traffic.ended()
            fed = time.monotonic()
            rest = await liveness.at_rest(under) - max(self._healed_at, fed)
        except liveness.UnsettledError as error:
            self.findings.append(f"not settled: {error}")
            traffic.cancel()
            return float("inf"), float("inf")
        self.say(f"{name}: decided after {decided:.1f} s, at rest after {rest:.1f} s")
        if decided > liveness.PROMISED_SECONDS:
            self.findings.append(f"{name}: contexts waited {decided:.1f} s after the last fault")
        if rest > liveness.allowed_seconds(under):
            self.findings.append(f"{name}: at rest only {rest:.1f} s after the last fault")
        return max(0.0, decided), max(0.0, rest)

    async def _judge(self, under: UnderTest) -> Verdict:
        found, problems = await judge(under)
        self.say(
            f"verdict on {under.prefix or 'the deployment'}: {found.contexts} contexts, {found.outcomes} outcomes, "
            f"{sum(found.dead_letters.values())} dead letters, {found.state_keys} keys of state, "
            f"{len(problems)} problems"
        )
        for problem in problems:
            self.say(f"  {problem}")
        self.findings += problems
        return found

    def _line(
        self, found: Sequence[Verdict], settled: Sequence[tuple[float, float]], restarts: Sequence[int], broken: int
    ) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "faults": dict(sorted(self.faults.items())),
            "contexts": sum(each.contexts for each in found),
            "decisions_lost": sum(each.decisions_lost for each in found),
            "outcomes_doubled": sum(each.outcomes_doubled for each in found),
            "state_mismatches": sum(each.state_mismatches for each in found),
            "dead_letters": sum(sum(each.dead_letters.values()) for each in found),
            "findings": len(self.findings),
            "decided_seconds": _longest([each[0] for each in settled]),
            "settled_seconds": _longest([each[1] for each in settled]),
            "restarts": restarts[0],
            "plays_broken": broken,
            "seconds": round(time.monotonic() - self._begun, 1),
        }


def _longest(seconds: Sequence[float]) -> float | None:
    """None: it never came."""
    return None if (longest := max(seconds)) == float("inf") else round(longest, 1)


def _told(injection: Injection) -> str:
    fault = injection.fault
    return f"{fault.kind}: {fault.target}" + (f" ({fault.detail})" if fault.detail else "")


def main() -> int:
    """Run; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long there are traffic and faults")
    parser.add_argument("--seed", type=int, default=1, help="the schedule is a function of it")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rate", type=float, default=60.0, help="contexts per second")
    parser.add_argument("--keep", action="store_true", help="keep logs and data though nothing was found")
    given = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that the broker is away is our doing
    mount = volume.own_namespace()
    home = Path(tempfile.mkdtemp(prefix="croupier-soak-"))
    soak = Soak(given.seconds, given.seed, given.workers, given.rate, home, mount)
    if not mount:
        soak.say("this machine lets us mount nothing: disk faults refuse writes by a limit instead")
    kept = True
    try:
        line = asyncio.run(soak.run())
        kept = bool(soak.findings) or given.keep
    except Exception as error:  # whatever it was: who reads the last line must see that nothing is proven
        traceback.print_exc()
        soak.findings.append(f"the run broke off: {error!r}")
        line = {"seed": given.seed, "faults": dict(soak.faults), "findings": len(soak.findings), "broke_off": True}
    finally:
        if kept:
            with contextlib.suppress(OSError):
                (home / "findings.txt").write_text("\n".join(soak.findings) + "\n", encoding="utf-8")
            soak.say(f"logs, broker data and schedule are in {home}")
        else:
            shutil.rmtree(home, ignore_errors=True)
    for finding in soak.findings:
        soak.say(f"found: {finding}")
    missing = sorted({kind.kind for kind in KINDS} - soak.faults.keys())
    if missing:
        soak.say(f"no time was left for: {', '.join(missing)}")
    print(json.dumps(line), flush=True)
    return 1 if soak.findings else 0


if __name__ == "__main__":
    sys.exit(main())
