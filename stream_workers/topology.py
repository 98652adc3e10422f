"""Who reads and writes what: the stages of each role, and how they are wired.  The composition root.

One worker process runs joiner, learner and router over the same partitions.  The router reads the learner's state in
memory, which is why they must be in one process, and it waits until the learner has seen what its partition's outcomes
held when the partition was assigned; and the joiner what its partition's decisions held, of which it asks it.
"""

from collections.abc import Callable, Sequence
from typing import Literal, cast

from schemas import topics
from schemas.joining import EARLY_MS, REMEMBER_MS

from .joining.processor import JoinerProcessor
from .learning.processor import LearnerProcessor
from .routing.processor import RouterProcessor
from .runtime.stage import Stage, Workspace

Role = Literal["worker", "analytics"]


def worker_stages(*, early_ms: int = EARLY_MS, remember_ms: int = REMEMBER_MS) -> list[Stage]:
    """Contexts to decisions, decisions and rewards to outcomes, outcomes to learned state."""

    def joiner(work: Workspace) -> JoinerProcessor:
        return JoinerProcessor(
            work.partition, work.state, work.emit, work.dead, early_ms=early_ms, remember_ms=remember_ms,
            emit_rows=work.emit_rows,
        )  # fmt: skip

    def learner(work: Workspace) -> LearnerProcessor:
        return LearnerProcessor(work.partition, work.state, work.emit, work.dead)

    def router(work: Workspace) -> RouterProcessor:
        learner = cast("LearnerProcessor", work.peers["learner"])
        joiner = cast("JoinerProcessor | None", work.peers.get("joiner"))  # benchmarks measure the router without it
        return RouterProcessor(work.partition, work.emit, work.dead, learner, work.emit_rows, joiner)

    return [
        Stage("joiner", (topics.DECISIONS.name, topics.REWARDS.name), joiner, changelog=topics.JOINER_STATE.name),
        Stage("learner", (topics.OUTCOMES.name,), learner, topics.LEARNER_STATE.name, state_version=3, rebuilds=True),
        Stage("router", (topics.CONTEXTS.name,), router, urgent=True, waits_for=("learner", "joiner")),
    ]


def analytics_stages() -> list[Stage]:
    """Outcomes to KPIs."""
    from .analytics.processor import AnalyticsProcessor  # what it needs is in no other worker's memory

    def analytics(work: Workspace) -> AnalyticsProcessor:
        return AnalyticsProcessor(work.partition, work.state, work.emit, work.dead)

    return [
        Stage(
            "analytics", (topics.OUTCOMES.name,), analytics, topics.ANALYTICS_STATE.name, state_version=2, rebuilds=True
        )
    ]  # fmt: skip


STAGES: dict[Role, Callable[[], Sequence[Stage]]] = {"worker": worker_stages, "analytics": analytics_stages}
