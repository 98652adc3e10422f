"""A joiner on state in memory, that can be crashed and goes on from its last checkpoint; and records to feed it."""

from collections.abc import Iterable

from schemas.errors import BadRecordError, Reason
from schemas.events import Clock, Decision, Reward
from schemas.wire import encode
from stream_workers.joining.processor import JoinerProcessor
from stream_workers.runtime.stage import MemoryState, Record

from .oracle import LogRecord

CLOCK = encode(Clock())
ARMS = ("large", "small")


class CountingState(MemoryState):
    """Counts what a checkpoint costs."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = self.puts = self.deletes = 0

    def get(self, key: bytes) -> bytes | None:
        self.reads += 1
        return super().get(key)

    def put(self, key: bytes, value: bytes) -> None:
        self.puts += 1
        super().put(key, value)

    def delete(self, key: bytes) -> None:
        self.deletes += 1
        assert key in self.items, "deleted what was never put"
        super().delete(key)


class Joiner:
    """Reads two logs.  What it emitted and dead-lettered stays after a crash, as in Kafka."""

    plain = True  # whether the kernels read plain records

    def __init__(
        self,
        decisions: Iterable[LogRecord] = (),
        rewards: Iterable[LogRecord] = (),
        *,
        early: int = 20,
        remember: int = 50,
        cached_bytes: int = 300,
        plain: bool | None = None,
    ) -> None:
        self.logs = {"decisions": list(decisions), "rewards": list(rewards)}
        self.settings = {
            "early_ms": early,
            "remember_ms": remember,
            "cached_bytes": cached_bytes,
            "plain": plain,
        }
        self.emitted: list[tuple[str, bytes, bytes]] = []
        self.dead: list[tuple[str, Record, BadRecordError]] = []
        self.state = CountingState()
        self.positions = {"decisions": 0, "rewards": 0}
        self._checkpoint = ({}, dict(self.positions))
        self.processor = self._build()

    def _build(self) -> JoinerProcessor:
        return JoinerProcessor(
            3,
            self.state,
            lambda *what: self.emitted.append(what),
            lambda *what: self.dead.append(what),
            **self.settings,
        )

    def read(self, topic: str, count: int) -> None:
        start = self.positions[topic]
        batch = self.logs[topic][start : start + count]
        self.positions[topic] += len(batch)
        self.processor.apply(topic, batch)

    def read_all(self) -> None:
        for topic in self.logs:
            self.read(topic, len(self.logs[topic]))

    def checkpoint(self) -> None:
        self.processor.flush()
        self._checkpoint = (dict(self.state.items), dict(self.positions))

    def crash(self) -> None:
        items, positions = self._checkpoint
        self.state = CountingState()
        self.state.items = dict(items)
        self.positions = dict(positions)
        self.processor = self._build()

    def append(
        self, topic: str, timestamp: int, event: bytes | Decision | Reward | None, key: bytes | None = b""
    ) -> None:
        """Append to the log and read it."""
        value = encode(event) if isinstance(event, Decision | Reward) else event
        if isinstance(event, Decision | Reward):
            key = event.tenant.encode()
        self.logs[topic].append(LogRecord(len(self.logs[topic]), timestamp, key, value))
        self.read(topic, 1)

    def count(self, what: str, tenant: str = "guild") -> int:
        return self.processor.tallies().get(tenant, {}).get(what, 0)

    def kept(self, prefix: bytes) -> int:
        return sum(key.startswith(prefix) for key in self.state.items)

    def reasons(self) -> list[Reason]:
        return [error.reason for _, _, error in self.dead]


def decision(
    id_: str = "one",
    *,
    tenant: str = "guild",
    horizon: int = 10,
    awaited: tuple[str, ...] = ("success",),
    choice: int = 0,
    propensities: bytes = bytes(8),
) -> Decision:
    return Decision(
        id_, tenant, "model_routing", ARMS, choice, propensities, bytes(8), b"", "dr", 1, 2, horizon, awaited, 3
    )


def reward(decision_id: str = "one", *, tenant: str = "guild", **observations: float) -> Reward:
    return Reward("r", tenant, decision_id, observations or {"success": 1.0})
