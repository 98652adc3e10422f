"""What goes wrong, and when: spread over the trial, so that most of it meets answers that are being given."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from infra.rehearsal.bot_process import BotProcess
from infra.rehearsal.stage import Stage
from infra.standins.models import Fault
from tests.faults.tcp_proxy import TcpProxy

#: Ways to lose the gateway: with a session that can be resumed, and without.
BREAKS = (
    ("drop", {}),
    ("reconnect", {}),
    ("invalidate", {"resumable": True}),
    ("close", {"code": 4000}),
    ("invalidate", {"resumable": False}),
    ("close", {"code": 4009}),
)
#: What Discord's REST API does: 429 of every scope, errors, lost answers, slowness.
STORMS = (
    ("limit", {"scope": "user", "retry_after": 0.5}),
    ("limit", {"scope": "global", "retry_after": 0.5}),
    ("fail", {"status": 503}),
    ("cut", {"after": True, "where": "POST"}),
    ("limit", {"scope": "shared", "retry_after": 0.5}),
    ("fail", {"status": 502, "where": "PATCH"}),
    ("slow", {"delay": 1.0}),
)
#: What all models do at once.
OUTAGES = (
    Fault("fail", status=503),
    Fault("cut", after_pieces=2),
    Fault("hang", after_pieces=1),
    Fault("rate-limit", retry_after=1.0),
    Fault("end-early", after_pieces=1),
)


@dataclass(frozen=True)
class Plan:
    """How often what.  away_s: how long Kafka is not there; storm_s, outage_s: how long each lasts."""

    reconnects: int
    storms: int
    outages: int
    restarts: int
    away_s: float
    storm_s: float
    outage_s: float
    between_s: float  # between two breaks of the gateway


@dataclass
class Faults:
    """Carries a plan out; `done` counts."""

    stage: Stage
    bot: BotProcess
    kafka: TcpProxy
    plan: Plan
    done: dict[str, int] = field(default_factory=dict)

    async def run(self) -> None:
        """All of it, each kind beside the others, and nothing wrong at the end."""
        await asyncio.gather(
            self._breaks(), self._spread(self.plan.storms, self._storm), self._spread(self.plan.outages, self._outage),
            self._spread(self.plan.restarts, self._restart), self._away(),
        )  # fmt: skip
        await self.stage.discord.ask("fault", on="rest", name="clear")
        await self.stage.models.set_faults(Fault("pause", seconds=0.01))

    @property
    def _seconds(self) -> float:
        return self.plan.reconnects * self.plan.between_s

    def _count(self, what: str, number: int = 1) -> None:
        self.done[what] = self.done.get(what, 0) + number

    async def _spread(self, times: int, fault: Callable[[int], Awaitable[None]]) -> None:
        for number in range(times):
            await asyncio.sleep(self._seconds / (times + 1))
            await fault(number)

    async def _breaks(self) -> None:
        number = 0
        while self.done.get("reconnects", 0) < self.plan.reconnects:
            name, arguments = BREAKS[number % len(BREAKS)]
            broken = await self.stage.discord.ask("fault", on="gateway", name=name, **arguments)
            self._count("reconnects", min(broken["done"] or 0, 1))
            number += 1
            await asyncio.sleep(self.plan.between_s)

    async def _storm(self, number: int) -> None:
        name, arguments = STORMS[number % len(STORMS)]
        await self.stage.discord.ask("fault", on="rest", name=name, seconds=self.plan.storm_s, **arguments)
        self._count("storms")
        await asyncio.sleep(self.plan.storm_s)

    async def _outage(self, number: int) -> None:
        await self.stage.models.set_faults(OUTAGES[number % len(OUTAGES)])
        self._count("outages")
        await asyncio.sleep(self.plan.outage_s)
        await self.stage.models.set_faults(Fault("pause", seconds=0.05))

    async def _restart(self, _: int) -> None:
        """SIGKILL while answers are being written: models take their time meanwhile."""
        await self.stage.models.set_faults(Fault("pause", seconds=0.5))
        running = 0
        for _ in range(100):
            running = int((await self.bot.status())["questions_running"])
            if running > 1:
                break
            await asyncio.sleep(0.1)
        await self.bot.kill()
        self._count("restarts")
        self._count("answers_interrupted", running)
        await self.bot.start()
        await self.stage.models.set_faults(Fault("pause", seconds=0.05))
        await self.bot.ready()

    async def _away(self) -> None:
        if not self.plan.away_s:
            return
        await asyncio.sleep(self._seconds * 0.4)
        self.kafka.refuse()
        self.kafka.reset()
        self._count("kafka_away_s", round(self.plan.away_s))
        await asyncio.sleep(self.plan.away_s)
        self.kafka.release()
