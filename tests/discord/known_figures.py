"""`Figures` of decisions made in memory: by the code that reads a log, given what a log would have."""

import msgspec

from infra.bot.summing import summed
from infra.explain.evidence import Evidence, Placed
from infra.explain.explanation import explain
from schemas.domains import Arm, Component, DomainSpec, LearnerSpec
from schemas.errors import BrokerUnavailableError
from schemas.events import Outcome, Reward
from stream_workers.joining.rules import Spans

DECIDED = 1_760_000_000_000


class KnownFigures:
    """`there`: whether Kafka is.  ended: decisions have their outcomes."""

    def __init__(self, deciding, *, ended=True):
        self.deciding = deciding
        self.there = True
        self.ended = ended
        self.outcomes = {}  # by tenant

    async def explanation(self, tenant, decision):
        made = self.deciding.decided.get(decision)
        if not self.there or made is None or made.tenant != tenant:
            return None
        observed = self.deciding.rewards.get(decision, {})
        spec = DomainSpec(
            tenant, made.domain, len(made.features) // 4,
            tuple(map(Arm, dict.fromkeys((*made.arms, *(made.restrictions or {}))))),
            {"success": Component()}, LearnerSpec("learned", "uniform"),
        )  # fmt: skip
        reward = Reward(f"{decision}:all", tenant, decision, observed)
        outcome = Outcome(0, "horizon", DECIDED, DECIDED + 1000, observed, 0, made)
        explanation = explain(
            Evidence(
                (Placed(made, 0, 0, DECIDED, DECIDED),), (), None,
                (Placed(reward, 0, 0, DECIDED + 10, DECIDED + 10),) if observed else (),
                Placed(outcome, 0, 0, DECIDED + 1000, DECIDED + 1000) if self.ended else None, spec, None,
            ),
            Spans(),
            DECIDED + 20,
        )  # fmt: skip
        return msgspec.to_builtins(explanation)

    async def guild(self, tenant, domains):
        if not self.there:
            raise BrokerUnavailableError("no broker")
        by_domain = self.outcomes.get(tenant, {})
        found = {
            name: msgspec.to_builtins(summed(name, outcomes, spec))
            for name, (outcomes, spec) in by_domain.items()
            if name in domains
        }
        return {"tenant": tenant, "days": 30, "whole": True, "domains": found}
