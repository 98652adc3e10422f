"""What the evidence means.  A function of it, of the join's intervals and of the time: no Kafka, no clock."""

from typing import Literal

import numpy as np
from msgspec import Struct

from infra.readable.plain import floats
from schemas.domains import DomainSpec
from schemas.events import Decision
from schemas.observations import answered_by, was_followed
from stream_workers.joining.rules import Spans

from .earned import Earned, earned
from .evidence import Evidence
from .feedback import Feedback, feedback
from .origin import Origin, origin_of
from .replayed import Replayed
from .rule import Rule, rule_of

#: "overdue": the horizon has passed, and the log has no outcome yet.
Ended = Literal["complete", "horizon", "open", "overdue"]


class ArmChance(Struct, frozen=True):
    """An eligible arm as the policy saw it."""

    name: str
    probability: float
    score: float | None  # estimated reward, less its price under the budget
    price: float | None  # USD a request, as declared
    chosen: bool


class Explanation(Struct, frozen=True):
    """Why, and what came of it.  Times: milliseconds since 1970, by the broker's clock; intervals: milliseconds."""

    id: str
    tenant: str
    domain: str
    partition: int
    offset: int
    decided_at: int
    latency_ms: int | None  # from the request's append to the decision's; None: the request is no longer in the log
    arm: str
    probability: float
    arms: list[ArmChance]  # the eligible ones, the likeliest first
    not_eligible: dict[str, str]  # other arms of the domain, and why
    first_choice: bool  # no arm was likelier
    best_score: bool | None  # no arm had a better score
    draw: float  # in [0, 1): a function of tenant, domain and id
    repeatable: bool  # the draw leads from these probabilities to this arm
    policy: str
    kind: str | None  # of policy; None: the specification is no longer to be found
    rule: Rule | None  # by which it explores
    replayed: Replayed | None  # what it thought, where that was asked for
    spec: int
    learned: int  # the policy had learned from the outcomes partition up to (not including) this offset
    horizon_ms: int
    deadline: int
    awaited: list[str]
    missing: list[str]  # of the awaited: what was not observed
    repeats: list[int]  # offsets of decision records with this id that do not count
    earlier_uses: int  # the id was used before, and forgotten
    feedback: list[Feedback]
    ended: Ended
    ended_at: int | None
    outcome_offset: int | None
    observations: dict[str, float]  # of the outcome; before there is one, of the feedback that was joined
    followed: bool  # as far as was observed, somebody acted on it; otherwise it is counted, and nothing learns from it
    answered_by: str | None  # the arm that answered instead, if it is known and among the eligible ones
    earned: Earned | None  # under the specification that decided
    origin: Origin
    learned_as: Earned | None  # where another specification was in force by the time of the outcome


def explain(evidence: Evidence, spans: Spans, now_ms: int, thought: Replayed | None = None) -> Explanation:
    """now_ms: the present, milliseconds since 1970, to tell a decision that waits from one that is overdue."""
    placed, outcome, spec = evidence.decision, evidence.outcome, evidence.spec
    decision = placed.event
    rewards = feedback(evidence.uses, evidence.rewards, spans)
    deadline = placed.effective_at + decision.horizon_ms
    ended: Ended = "open" if now_ms <= deadline else "overdue"
    observations = _joined(rewards)
    if outcome is not None:
        ended, observations = outcome.event.ended, dict(outcome.event.observations)
    later = evidence.later_spec
    arms = _arms(decision, spec)
    chosen = next(each for each in arms if each.chosen)
    scores = [each.score for each in arms if each.score is not None]
    draw, drawn = _draw(decision)
    return Explanation(
        id=decision.id,
        tenant=decision.tenant,
        domain=decision.domain,
        partition=placed.partition,
        offset=placed.offset,
        decided_at=placed.appended_at,
        latency_ms=None if evidence.context is None else placed.appended_at - evidence.context.appended_at,
        arm=decision.arm,
        probability=chosen.probability,
        arms=arms,
        not_eligible=_not_eligible(evidence),
        first_choice=chosen.probability >= arms[0].probability,
        best_score=None if chosen.score is None else chosen.score >= max(scores),
        draw=draw,
        repeatable=drawn == decision.choice,
        policy=decision.policy,
        kind=_kind(decision, spec),
        rule=rule_of(spec, decision.policy, {each.name: each.probability for each in arms}),
        replayed=thought,
        spec=decision.spec,
        learned=decision.learned,
        horizon_ms=decision.horizon_ms,
        deadline=deadline,
        awaited=list(decision.awaited),
        missing=[name for name in decision.awaited if name not in observations],
        repeats=[each.offset for each in evidence.repeats],
        earlier_uses=len(evidence.uses) - 1,
        feedback=rewards,
        ended=ended,
        ended_at=None if outcome is None else outcome.event.ended_at_ms,
        outcome_offset=None if outcome is None else outcome.offset,
        observations=observations,
        followed=was_followed(observations),
        answered_by=answered_by(decision, observations),
        earned=None if outcome is None or spec is None else earned(decision.spec, spec, observations),
        origin=origin_of(decision, spec),
        learned_as=None if outcome is None or later is None else earned(*later, observations),
    )


def _arms(decision: Decision, spec: DomainSpec | None) -> list[ArmChance]:
    prices = {} if spec is None else {arm.name: arm.price for arm in spec.arms}
    probabilities, scores = floats(decision.propensities), floats(decision.scores)
    found = []
    for index, name in enumerate(decision.arms):
        probability = probabilities[index] if isinstance(probabilities, list) else None
        score = scores[index] if isinstance(scores, list) and index < len(scores) else None
        found.append(
            ArmChance(
                name, 0.0 if probability is None else probability, score, prices.get(name), index == decision.choice
            )
        )
    return sorted(found, key=lambda each: -each.probability)


def _not_eligible(evidence: Evidence) -> dict[str, str]:
    if evidence.spec is None:
        return {arm: f"restricted: {why}" for arm, why in (evidence.decision.event.restrictions or {}).items()}
    asked = None if evidence.context is None else evidence.context.event.eligible
    decision = evidence.decision.event
    restrictions = decision.restrictions or {}
    why = {}
    for arm in evidence.spec.arms:
        if arm.name in decision.arms:
            continue
        if arm.name in restrictions:
            why[arm.name] = f"restricted: {restrictions[arm.name]}"
        elif not arm.enabled:
            why[arm.name] = "not enabled"
        elif asked is not None and arm.name not in asked:
            why[arm.name] = "not among those the request named"
        else:
            why[arm.name] = "not among the decision's arms"
    return why


def _kind(decision: Decision, spec: DomainSpec | None) -> str | None:
    return spec.champion.kind if spec is not None and spec.champion.name == decision.policy else None


def _draw(decision: Decision) -> tuple[float, int]:
    """The decision's random number, and the arm it leads to: as the router does it."""
    from stream_workers.bandits.exploration import sample
    from stream_workers.bandits.randomness import draws

    drawn = draws([decision.id], f"{decision.tenant}/{decision.domain}")
    arm = np.empty(1, np.int64)
    sample(np.frombuffer(bytearray(decision.propensities), "<f4").reshape(1, -1), drawn, arm)
    return float(drawn[0]), int(arm[0])


def _joined(rewards: list[Feedback]) -> dict[str, float]:
    observations: dict[str, float] = {}
    for each in rewards:
        if each.became in ("joined", "early"):
            observations = {**each.observations, **observations}
    return observations
