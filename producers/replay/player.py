"""Plays recordings on Kafka: contexts at a chosen rate, and for each decision the result of the arm it chose."""

import asyncio
import heapq
import math
import secrets
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from producers.connection import decision_in, open_decisions, open_producer, stop_consumer
from schemas import wire
from schemas.errors import BrokerUnavailableError
from schemas.events import Context, Decision, Reward
from schemas.topics import CONTEXTS, REWARDS, full_name

from .feedback import FeedbackPlan, Planned, plan_feedback
from .recording import Recording
from .report import PlayReport, TenantReport
from .schedule import Interaction, schedule

#: Contexts that may be without a decision at one time; above it the player waits, however slow the router is.
WINDOW = 10_000
#: After a stall the rate is resumed, not caught up with: at most this much time is made good.
_CATCH_UP_S = 0.2
_TICK_S = 0.005
_PROGRESS_S = 0.25
_TURN = 32

Progress = Callable[[PlayReport], None]


async def play(
    bootstrap_servers: str,
    prefix: str,
    recordings: Sequence[Recording],
    *,
    interactions: int,
    rate: float,
    seed: int,
    plan: FeedbackPlan | None = None,
    progress: Progress | None = None,
    patience_s: float = 60.0,
    run: str | None = None,
) -> PlayReport:
    """Send `interactions` contexts, and the planned feedback for the decisions that come; returns what was sent.

    rate: contexts per second, over all recordings (`math.inf`: as fast as the router decides).  seed: rows, order and
    feedback are a function of it.  progress: called about four times a second and at the end with the report so far.
    patience_s: when all contexts were sent, or as many as may wait, and for so long no decision has come, the rest
    counts as undecided.  run: what ids begin with; must be new to the deployment, hence random by default.
    BrokerUnavailableError, TopicsMismatchError: Kafka cannot be used; nothing else ends a play early.
    """
    if not rate > 0:
        raise ValueError(f"the rate is {rate}; contexts per second, above 0, are expected")
    if len({each.tenant for each in recordings}) != len(recordings):
        raise ValueError(f"two recordings have one tenant: {sorted(each.tenant for each in recordings)}")
    todo = schedule([each.rows for each in recordings], interactions, seed)
    consumer = await open_decisions(bootstrap_servers, prefix)
    try:
        producer = await open_producer(bootstrap_servers)
        try:
            player = _Player(producer, consumer, prefix, recordings, seed, plan or FeedbackPlan(), run, patience_s)
            return await player.play(todo, rate, progress or (lambda _: None))
        finally:
            await producer.stop()
    finally:
        await stop_consumer(consumer)


class _Player:
    """One play: three loops on one event loop, sharing what is waiting for a decision and what is due when."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        consumer: AIOKafkaConsumer,
        prefix: str,
        recordings: Sequence[Recording],
        seed: int,
        plan: FeedbackPlan,
        run: str | None,
        patience_s: float,
    ) -> None:
        self._producer = producer
        self._consumer = consumer
        self._contexts = full_name(CONTEXTS, prefix)
        self._rewards = full_name(REWARDS, prefix)
        self._recordings = recordings
        self._keys = [each.tenant.encode() for each in recordings]
        self._seed = seed
        self._plan = plan
        self._patience_s = patience_s
        self._run = secrets.token_hex(4) if run is None else run
        self._report = PlayReport(self._run, {each.tenant: TenantReport() for each in recordings})
        self._tenants = [self._report.tenants[each.tenant] for each in recordings]
        self._waiting: dict[str, tuple[Interaction, float]] = {}  # by id: contexts without a decision, and when sent
        self._due: list[tuple[float, int, bytes, bytes]] = []  # heap: when, order, key, value of a reward
        self._planned = 0
        self._sent = 0
        self._room = asyncio.Event()  # for another context without a decision
        self._sent_all = False
        self._read_all = False
        self._last_decision = 0.0
        self._failure: BaseException | None = None
        self._now = asyncio.get_running_loop().time

    async def play(self, todo: Sequence[Interaction], rate: float, progress: Progress) -> PlayReport:
        """Run the loops until all is sent."""
        self._last_decision = self._now()
        await _together(
            self._send_contexts(todo, rate), self._read_decisions(), self._send_rewards(), self._watch(progress)
        )
        await self._producer.flush()
        self._check()
        progress(self._report)
        return self._report

    async def _send_contexts(self, todo: Sequence[Interaction], rate: float) -> None:
        next_at = self._now()
        for interaction in todo:
            if len(self._waiting) >= WINDOW:
                self._room.clear()
                await self._room.wait()
            if self._read_all:
                break
            if next_at > self._now():
                await asyncio.sleep(max(_TICK_S, next_at - self._now()))
            next_at = max(next_at + 1.0 / rate, self._now() - (0.0 if math.isinf(rate) else _CATCH_UP_S))
            await self._send_context(interaction)
        self._last_decision = max(self._last_decision, self._now())
        self._sent_all = True

    async def _send_context(self, interaction: Interaction) -> None:
        recording = self._recordings[interaction.recording]
        features = recording.features(interaction.row).astype("<f4", copy=False).tobytes()
        identity = f"{self._run}-{interaction.recording}-{interaction.index}"
        context = Context(identity, recording.tenant, recording.domain, features)
        self._waiting[identity] = (interaction, self._now())
        self._tenants[interaction.recording].contexts += 1
        await self._send(self._contexts, self._keys[interaction.recording], wire.encode(context))

    async def _read_decisions(self) -> None:
        while not self._read_all:
            batches = await self._consumer.getmany(timeout_ms=100)
            for records in batches.values():
                for record in records:
                    decision = decision_in(record.value)
                    if decision is not None and decision.id.startswith(f"{self._run}-"):
                        self._take(decision)
                await asyncio.sleep(0)  # the other loops get a turn between batches

    def _take(self, decision: Decision) -> None:
        """Plan the feedback of a decision the first time it is read."""
        waiting = self._waiting.get(decision.id)
        if waiting is None:
            self._repeated(decision)
            return
        interaction, sent_at = waiting
        recording = self._recordings[interaction.recording]
        if decision.tenant != recording.tenant:
            return
        del self._waiting[decision.id]
        self._room.set()
        now = self._last_decision = self._now()
        tenant = self._tenants[interaction.recording]
        tenant.decisions += 1
        tenant.rows.append(interaction.row)
        tenant.latency_ms.append((now - sent_at) * 1000.0)
        if decision.arm not in recording.arms:
            tenant.unrecorded += 1
            return
        feedback = plan_feedback(
            self._plan,
            self._seed,
            recording.tenant,
            interaction.index,
            recording.components,
            decision.horizon_ms / 1000.0,
        )
        tenant.lost += feedback.lost
        result = recording.result(interaction.row, decision.arm)
        for planned in feedback.planned:
            _count(tenant, planned)
            observations = {component: result[component] for component in planned.components}
            about = f"{decision.id}-orphan" if planned.kind == "orphan" else decision.id
            reward = Reward(f"{about}-{planned.part}", recording.tenant, about, observations)
            self._planned += 1
            entry = (now + planned.after_s, self._planned, self._keys[interaction.recording], wire.encode(reward))
            heapq.heappush(self._due, entry)

    def _repeated(self, decision: Decision) -> None:
        tenant = self._report.tenants.get(decision.tenant)
        if tenant is not None:
            tenant.repeated_decisions += 1

    async def _send_rewards(self) -> None:
        while self._due or not self._read_all:
            while self._due and self._due[0][0] <= self._now():
                _, _, key, value = heapq.heappop(self._due)
                await self._send(self._rewards, key, value)
            await asyncio.sleep(_TICK_S)

    async def _watch(self, progress: Progress) -> None:
        """Tell the progress, notice the end, and raise what a send that nobody waited for ran into."""
        told = -math.inf
        while self._due or not self._read_all:
            now = self._now()
            self._check()
            blocked = self._sent_all or len(self._waiting) >= WINDOW
            if (self._sent_all and not self._waiting) or (blocked and now - self._last_decision > self._patience_s):
                self._read_all = True
                self._room.set()
            if now - told >= _PROGRESS_S:
                progress(self._report)
                told = now
            await asyncio.sleep(_TICK_S)

    async def _send(self, topic: str, key: bytes, value: bytes) -> None:
        """Hand over to the producer, which holds us up when its buffer is full; acknowledgements are checked later."""
        acknowledged = await self._producer.send(topic, value, key)
        acknowledged.add_done_callback(self._acknowledged)
        self._sent += 1
        if self._sent % _TURN == 0:
            await asyncio.sleep(0)  # a send that needs not wait gives the other loops no turn

    def _acknowledged(self, future: asyncio.Future[Any]) -> None:
        if not future.cancelled() and future.exception() is not None and self._failure is None:
            self._failure = future.exception()

    def _check(self) -> None:
        if self._failure is not None:
            raise BrokerUnavailableError(
                f"the broker refused or lost a record ({type(self._failure).__name__}: {self._failure})"
            ) from self._failure


def _count(tenant: TenantReport, planned: Planned) -> None:
    match planned.kind:
        case "on_time":
            tenant.on_time += 1
        case "late":
            tenant.late += 1
        case "duplicate":
            tenant.duplicates += 1
        case "orphan":
            tenant.orphans += 1


async def _together(*loops: Coroutine[Any, Any, None]) -> None:
    """Run until all end; the first failure ends the others and is raised."""
    tasks = [asyncio.create_task(each) for each in loops]
    try:
        await asyncio.gather(*tasks)
    except KafkaError as error:
        raise BrokerUnavailableError(f"the connection to the broker broke ({type(error).__name__}: {error})") from error
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
