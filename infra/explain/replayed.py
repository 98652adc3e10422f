"""What the policy thought, learned again: its estimates, how sure it was, and whether it gives what was logged."""

from collections.abc import Callable

import numpy as np
from msgspec import Struct

from infra.reading.log import Log
from schemas.errors import CroupierError
from schemas.events import Decision
from schemas.topics import OUTCOMES
from stream_workers.bandits.linear import Linear
from stream_workers.learning.domain import DomainState
from stream_workers.learning.processor import LearnerProcessor
from stream_workers.runtime.stage import MemoryState

from .evidence import Placed

Progress = Callable[[str, int], None]


class Thought(Struct, frozen=True):
    """About one eligible arm."""

    name: str
    probability: float
    score: float  # estimated reward, less what it is expected to cost under the budget
    deviation: float | None  # of the estimate, as the rule of exploration uses it; None: the rule uses none


class Replayed(Struct, frozen=True):
    """A policy as it was before a decision."""

    outcomes: int  # that it had learned from
    version: int  # of the specification in force
    same: bool  # its probabilities are those that were logged, bit for bit
    price_of_cost: float  # lambda: reward that a USD is worth under the budget
    arms: list[Thought]  # the eligible ones, the likeliest first


async def state_before(log: Log, placed: Placed[Decision], progress: Progress) -> DomainState:
    """The domain's state as its policy decided: learned from its outcomes before `learned`.

    CroupierError: the log has lost their beginning, or the domain was not declared then.
    """
    decision, number = placed.event, placed.partition
    begin, _ = (await log.bounds(OUTCOMES.name, [number]))[number]
    if begin:
        raise CroupierError(
            f"outcomes partition {number} begins at offset {begin}: what was learned from the records before cannot be "
            "learned again. Explain without --replay."
        )
    learner = LearnerProcessor(number, MemoryState(), lambda *_: None, lambda *_: None)
    key, read = decision.tenant.encode(), 0
    async for records in log.batches(OUTCOMES.name, {number: (0, decision.learned)}):
        read += len(records)
        progress(OUTCOMES.name, read)
        if own := [record for record in records if record.key == key]:  # others' do not touch it
            learner.apply(OUTCOMES.name, own)
    state = learner.domain(decision.tenant, decision.domain)
    if state is None:
        raise CroupierError(
            f"{decision.tenant}/{decision.domain} is not declared before offset {decision.learned} of outcomes "
            f"partition {number}, which the decision says its policy had learned from: another program wrote it."
        )
    return state


def replayed(state: DomainState, decision: Decision) -> Replayed:
    """What a state thinks of a decision's request.  CroupierError: it cannot have made this decision."""
    names = [arm.name for arm in state.spec.arms]
    if len(decision.features) != 4 * state.spec.width or not set(decision.arms) <= set(names):
        raise CroupierError(
            f"the decision has {len(decision.features) // 4} features and the arms {', '.join(decision.arms)}; version "
            f"{state.version} of its specification, in force by then, has {state.spec.width} and {', '.join(names)}"
        )
    features = np.frombuffer(bytearray(decision.features), "<f4").reshape(1, -1)
    eligible = np.array([[name in decision.arms for name in names]])
    choices = state.decide(features, eligible, np.zeros(1))
    places = [names.index(name) for name in decision.arms]
    champion = state.champion
    deviations = champion.deviations(features) if isinstance(champion, Linear) else None
    report = state.report()
    arms = [
        Thought(
            name,
            float(choices.propensities[0, a]),
            float(choices.scores[0, a]),
            None if deviations is None else float(deviations[0, a]),
        )
        for name, a in zip(decision.arms, places, strict=True)
    ]
    return Replayed(
        report["counts"]["outcomes"] - report["counts"]["unfollowed"],
        state.version,
        choices.propensities[0, places].tobytes() == decision.propensities,
        report["lambda"],
        sorted(arms, key=lambda each: -each.probability),
    )
