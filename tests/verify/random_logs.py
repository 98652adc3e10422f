"""Random logs that keep every promise: what apps might write, and the outcomes it must lead to, found naively."""

import random
from dataclasses import dataclass
from typing import Any, NamedTuple

from hypothesis import strategies as st

from schemas import wire
from schemas.errors import Reason
from schemas.events import Clock, Decision, Outcome, Reward
from stream_workers.runtime.stage import Record

from .logs import EARLY_MS, REMEMBER_MS, Logs, decision

TENANTS = ("acme", "blue")
COMPONENTS = ("success", "cost", "thumbs", "latency_ms", "unfollowed", "answered_by")
IDS = ("a", "b", "c", "d")
LONG_AFTER_MS = 10_000


class Step(NamedTuple):
    """One thing that an app, a router or a clock does."""

    wait_ms: int
    what: str
    tenant: str
    id: str
    horizon_ms: int
    awaited: tuple[str, ...]
    observations: dict[str, float]
    back_ms: int  # the broker's clock went back so far


def steps() -> st.SearchStrategy[list[Step]]:
    """Few ids and coarse times, so that everything meets."""
    step = st.builds(
        Step,
        st.sampled_from((0, 0, 1, 100, 400, 500, 1_000, 2_500)),
        st.sampled_from(("ask", "ask", "ask", "reward", "reward", "reward", "again", "clock", "garbage", "refused")),
        st.sampled_from(TENANTS),
        st.sampled_from(IDS),
        st.sampled_from((0, 500, 1_000)),
        st.sampled_from((("success", "cost"), ("success",), ())),
        st.dictionaries(
            st.sampled_from(COMPONENTS), st.sampled_from((0.0, 0.5, 1.0)), min_size=1
        ),
        st.sampled_from((0, 0, 0, 50)),
    )  # fmt: skip
    return st.lists(step, min_size=1, max_size=40)


def random_script(rng: random.Random) -> list[Step]:
    """As `steps`, without its search for the smallest."""
    return [
        Step(
            rng.choice((0, 0, 1, 100, 400, 500, 1_000, 2_500)),
            rng.choice(("ask", "ask", "ask", "reward", "reward", "reward", "again", "clock", "garbage", "refused")),
            rng.choice(TENANTS),
            rng.choice(IDS),
            rng.choice((0, 500, 1_000)),
            rng.choice((("success", "cost"), ("success",), ())),
            {name: rng.choice((0.0, 0.5, 1.0)) for name in rng.sample(COMPONENTS, rng.randint(1, 3))},
            rng.choice((0, 0, 0, 50)),
        )
        for _ in range(rng.randint(5, 40))
    ]


def causes(script: list[Step], start: int = 1_000) -> Logs:
    """Contexts, decisions, rewards and dead letters of a script; every horizon passes in the end.  start: ms."""
    logs = Logs()
    logs.spec(start, 1)
    now = start
    for number, step in enumerate(script):
        now += step.wait_ms
        time = now - step.back_ms
        if step.what in ("ask", "again"):
            if step.what == "ask" or not any(_is(record, step) for record in logs.topics["contexts"]):
                logs.context(time, step.id, step.tenant)
            event = decision(step.id, tenant=step.tenant, horizon_ms=step.horizon_ms, awaited=step.awaited)
            logs.decision(time, event)
        elif step.what == "reward":
            logs.reward(time, step.id, step.observations, step.tenant)
        elif step.what == "clock":
            logs.clock(time)
        elif step.what == "garbage":
            for topic in ("contexts", "decisions", "rewards"):
                logs.dead_letter(now, topic, logs.raw(topic, time, None, b"\xc1"))
        else:
            logs.dead_letter(now, "contexts", logs.context(time, f"refused-{number}", step.tenant))
    logs.clock(now + LONG_AFTER_MS)
    return logs


def _is(record: Record, step: Step) -> bool:
    if record.value == b"\xc1":
        return False
    context = wire.decode("contexts", record.value)
    return (context.tenant, context.id) == (step.tenant, step.id)


@dataclass
class Timed:
    """A sound record with its effective time."""

    offset: int
    time: int
    event: Any


def timed(logs: Logs, topic: str) -> list[Timed]:
    """The sound records that say something."""
    found = []
    for index, record in enumerate(logs.topics[topic]):
        if record.value != b"\xc1":
            event = wire.decode(topic, record.value)
            if not isinstance(event, Clock):
                time = max(each.timestamp for each in logs.topics[topic][: index + 1])
                found.append(Timed(record.offset, time, event))
    return found


def counted(logs: Logs) -> list[Timed]:
    """The decisions that count, by comparing each with all before."""
    kept: list[Timed] = []
    for each in timed(logs, "decisions"):
        if not any(_same(k.event, each.event) and _taken_until(k) >= each.time for k in kept):
            kept.append(each)
    return kept


def due(logs: Logs) -> list[Outcome]:
    """The outcome of every decision that counts, in order of ordinal; all horizons have passed.  Quadratic."""
    decisions = counted(logs)
    rewards = timed(logs, "rewards")
    outcomes = []
    for ordinal, each in enumerate(decisions):
        event: Decision = each.event
        deadline = each.time + event.horizon_ms
        observed: dict[str, float] = {}
        complete = None
        for reward in rewards:
            if complete is None and _claims(each, reward, decisions):
                observed = {**reward.event.observations, **observed}
                if event.awaited and set(event.awaited) <= set(observed):
                    complete = max(each.time, reward.time)
        ended = "horizon" if complete is None else "complete"
        at = deadline if complete is None else complete
        outcomes.append(Outcome(ordinal, ended, each.time, at, observed, each.offset, event))  # type: ignore[arg-type]
    return outcomes


def orphans(logs: Logs) -> list[int]:
    """Offsets of the rewards that are of no decision, in time or late."""
    decisions = counted(logs)
    return [
        reward.offset
        for reward in timed(logs, "rewards")
        if not any(
            (each.event.tenant, each.event.id) == (reward.event.tenant, reward.event.decision)
            and each.time - EARLY_MS <= reward.time <= _taken_until(each)
            for each in decisions
        )
    ]


def give_up(logs: Logs, time: int = 1_000_000) -> None:
    """Append a dead letter for every orphan, as the joiner does once no decision can claim it any more."""
    for offset in orphans(logs):
        logs.dead_letter(time, "rewards", offset, Reason.ORPHAN)


def _claims(each: Timed, reward: Timed, decisions: list[Timed]) -> bool:
    said: Reward = reward.event
    if (said.tenant, said.decision) != (each.event.tenant, each.event.id):
        return False
    late = any(
        _same(other.event, each.event) and other.time + other.event.horizon_ms < reward.time <= _taken_until(other)
        for other in decisions
    )
    return not late and each.time - EARLY_MS <= reward.time <= each.time + each.event.horizon_ms


def _same(one: Decision, other: Decision) -> bool:
    return (one.tenant, one.id) == (other.tenant, other.id)


def _taken_until(each: Timed) -> int:
    return int(each.time + each.event.horizon_ms + REMEMBER_MS)


def write(logs: Logs, outcomes: list[Outcome], time: int = 1_000_000) -> None:
    """Append outcomes in this order."""
    for outcome in outcomes:
        logs.event("outcomes", time, outcome, outcome.decision.tenant)
