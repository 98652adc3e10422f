"""A deployment that is watched while it is broken: which alerts must fire, and end, and which of them did."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.rehearsal.bot_process import BotProcess
from infra.rehearsal.stage import Stage
from producers.replay.recording import Recording
from tests.faults.traffic import Traffic
from tests.faults.under_test import UnderTest

from .deciders import Behaviour, Decider, Deciders
from .watched import Own, Watch

_FIRE, _CLEAR = 45.0, 60.0


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
