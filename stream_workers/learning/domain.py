"""All that is learned for one tenant's domain: champion, challengers, what each is worth, the budget's multiplier.

The state is a function of the specifications and outcomes it was given, in order, bit for bit, however they were
batched.  `decide` only reads it.
"""

import itertools
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.domains import DomainSpec
from schemas.errors import SpecificationError
from schemas.events import Outcome
from schemas.observations import was_followed
from stream_workers.bandits import cost_model, pacer, quality
from stream_workers.bandits.address import address_of
from stream_workers.bandits.arrays import Arrays
from stream_workers.bandits.exploration import sample
from stream_workers.bandits.policy import Batch, Policy, matches
from stream_workers.bandits.prior import begin as begin_with
from stream_workers.bandits.prior import replaces
from stream_workers.bandits.registry import KINDS, check_params, make
from stream_workers.bandits.steering import begin, steer
from stream_workers.bandits.table import Acting
from stream_workers.evaluation.confidence import LEAST, Interval
from stream_workers.evaluation.progressive import CLIPPED, PRIOR_MEAN, Progressive
from stream_workers.honesty import checks
from stream_workers.honesty.gathering import gather

from . import spending
from .outcomes import Columns, check, columns
from .terms import COUNTED, Terms, terms_of

__all__ = ["Choices", "DomainState", "check"]

_HEADER: Final = struct.Struct("<4sH")
_MAGIC: Final = b"CRPD"
_FORMAT: Final = 1

#: What share of its weight the past keeps when the reward is redefined: the learned models are a start, no more.
REDEFINED_WEIGHT: Final = 0.1

#: What a domain takes in memory beside its arrays: objects, rows of tables, and the router's slot (measured).
OBJECT_BYTES: Final = 3_000

#: By policy: what it begins with (`bandits.prior`).
Priors = Mapping[str, bytes]
_NONE: Final[Priors] = {}
_NOBODY: Final[Mapping[str, str]] = {}

_revisions = itertools.count(1)


class Choices(NamedTuple):
    """Decisions of n requests."""

    arm: NDArray[np.int64]  # (n,) index into spec.arms; -1: no arm is eligible
    propensities: NDArray[np.float32]  # (n, K) 0 where not eligible; what the arm was drawn from
    scores: NDArray[np.float32]  # (n, K) estimated reward less lambda * price


class Thought(NamedTuple):
    """What the champion thought of outcomes just before it learned each of them."""

    there: NDArray[np.bool_]  # (n,) of those that were followed, which it learned: the arm that acted is still there
    probabilities: NDArray[np.float64]  # (m, K), of those that are there
    estimates: NDArray[np.float64] | None  # (m, K)


class Learning(NamedTuple):
    """What a domain learns with."""

    policies: list[Policy]  # the champion first
    terms: Terms
    own: Arrays  # "lambda" (1,), "counts" (4,) and the arrays of `Progressive`, in `terms.arrangement`


class _Stored(msgspec.Struct, array_like=True):
    spec: DomainSpec
    version: int
    counts: dict[str, int]
    policies: list[bytes]  # the champion's first, then the challengers' in the specification's order
    evaluation: bytes


class DomainState:
    """What is learned.  Its memory and bytes are those of its policies, of `evaluation` and `honesty` (see each)."""

    __slots__ = ("_evaluation", "_own", "_policies", "_terms", "revision", "spec", "version")

    spec: DomainSpec
    version: int
    #: Another number, of no other state, whenever arrays are replaced: what points into them is then stale.
    revision: int

    def __init__(self, spec: DomainSpec, version: int, priors: Priors = _NONE) -> None:
        """priors: what policies begin with.  SpecificationError: one, or a policy's parameters or names are wrong."""
        _check_policies(spec)
        begun = _begun(spec, priors)
        self._take(spec, version)
        terms = self._terms
        self._own = Arrays(terms.arrangement)
        self._policies: list[Policy] = [
            begun.get(each.name) or make(each.kind, setting)
            for each, setting in zip(terms.learners, terms.settings, strict=True)
        ]
        self._evaluation = Progressive(terms.names, terms.arms, self._own)
        checks.prepare(self._own["checks"])
        self._begin_money()

    def _begin_money(self) -> None:
        own, terms = self._own, self._terms
        begin(own["lambda"], own["paced"], own["held"], terms.pace, terms.floor)
        if terms.outlook is not None:
            cost_model.prepare(own["costs"], terms.outlook)

    def _take(self, spec: DomainSpec, version: int) -> None:
        self.spec, self._terms = terms_of(spec)
        self.version = version
        self.revision = next(_revisions)

    @property
    def champion(self) -> Policy:
        """The policy that acts."""
        return self._policies[0]

    @property
    def terms(self) -> Terms:
        """What it shares with all domains that declare the same."""
        return self._terms

    @property
    def nbytes(self) -> int:
        """About what it takes in memory."""
        return OBJECT_BYTES + self._own.data.nbytes + sum(policy.nbytes for policy in self._policies)

    def charge(self, outcome: Outcome) -> bool:
        """Count what an outcome cost against the hard cap; False: there is none."""
        cap = self._terms.cap
        if cap is None:
            return False
        spending.charge(self._own["charged"], cap, outcome)
        return True

    def charged(self, period: int) -> float:
        """USD charged in a period (`spending.Cap.number`)."""
        return spending.spent(self._own["charged"], period)

    def charged_period(self) -> int:
        """The last period in which something was charged."""
        return int(self._own["charged"][0])

    @property
    def lambda_(self) -> float:
        """The multiplier it decides with: reward per USD."""
        return float(self._own["lambda"][0])

    @property
    def _lambda(self) -> NDArray[np.float64]:
        return self._own["lambda"]

    def acting(self) -> Acting:
        """What it decides with, for tables of many domains.  Not to be changed, and stale under another revision."""
        terms = self._terms
        return Acting(self.champion, self.spec.width, terms.places, terms.prices, self._own, PRIOR_MEAN, terms.outlook)

    def learning(self) -> Learning:
        """What it learns with, for tables of many domains: changed there as `learn` does, stale as `acting` is."""
        return Learning(self._policies, self._terms, self._own)

    def _counted(self) -> dict[str, int]:
        return dict(zip(COUNTED, self._own["counts"].tolist(), strict=True))

    def apply_spec(self, spec: DomainSpec, version: int, priors: Priors = _NONE) -> None:
        """Go on under another specification, keeping what was learned wherever it still means something.

        Arms are matched by name; policies by name, kind and features (a challenger that becomes champion
        brings what it learned).  Estimates of value go on for policies whose parameters are the same and start over
        when the reward is redefined, which also leaves the policies REDEFINED_WEIGHT of their evidence.  priors: what
        policies begin with that are new, and those that were asked to begin anew (`prior.replaces`).
        SpecificationError (nothing changed) if a prior or a policy's parameters or names are wrong.
        """
        _check_policies(spec)
        old, checked, before_terms = self.spec, self._terms.checked, self._terms
        redefined = (spec.reward, spec.default_reward) != (old.reward, old.default_reward)
        renumbered = (spec.features, spec.inputs) != (old.features, old.inputs)
        before = {each.name: (each, policy) for each, policy in zip(self._terms.learners, self._policies, strict=True)}
        going_on = {} if renumbered else {name: each.kind for name, (each, _) in before.items()}
        begun = _begun(spec, priors, going_on)
        learned = self._own
        self._take(spec, version)
        terms = self._terms
        policies, kept = [], set()
        for each, setting in zip(terms.learners, terms.settings, strict=True):
            known, policy = before.get(each.name, (None, None))
            if each.name in begun:
                policies.append(begun[each.name])
                continue
            if known is None or policy is None or known.kind != each.kind or renumbered:
                policies.append(make(each.kind, setting))
                continue
            policy.rearrange(setting, REDEFINED_WEIGHT if redefined else 1.0)
            policies.append(policy)
            if known.params == each.params:
                kept.add(each.name)
        self._policies = policies
        self._own = Arrays(terms.arrangement)
        self._carry_money(before_terms, learned, redefined=redefined, renumbered=renumbered)
        self._own["counts"][:] = learned["counts"]
        self._evaluation = self._evaluation.rearrange(
            terms.names, terms.arms, frozenset(kept), restart=redefined, own=self._own
        )
        checks.rearrange(
            learned["checks"],
            checked,
            self._own["checks"],
            terms.checked,
            redefined=redefined,
            same_champion=old.champion == spec.champion,
        )

    def _carry_money(self, before: Terms, learned: Arrays, *, redefined: bool, renumbered: bool) -> None:
        """The multiplier and the cost model go on.  What is declared about prices holds from this moment on."""
        self._begin_money()
        own, terms = self._own, self._terms
        if before.cap is not None and terms.cap is not None and before.cap.period == terms.cap.period:
            own["charged"][:] = learned["charged"]
        pacer.carry(learned["paced"], own["paced"], before.pace, terms.pace)
        same = not redefined and before.strongest == terms.strongest
        quality.carry(learned["held"], own["held"], before.floor, terms.floor, same=same)
        own["lambda"][0] = max(own["paced"][0], own["held"][0])
        if before.outlook is not None and terms.outlook is not None and not renumbered:
            known = matches(before.arms, terms.arms)
            repriced = [place >= 0 and before.prices[place] != terms.prices[a] for a, place in enumerate(known)]
            cost_model.carry(learned["costs"], before.outlook, known, own["costs"], terms.outlook, repriced)

    def decide(
        self, features: NDArray[np.float32], eligible: NDArray[np.bool_] | None, draws: NDArray[np.float64]
    ) -> Choices:
        """Choose for n requests; changes nothing.

        features: (n, d) finite or missing; eligible: (n, K), narrows the enabled arms, None: all enabled; draws: (n,)
        uniform in [0, 1) (`bandits.randomness`).  The arm is drawn by inverse CDF over exactly the float32 that are
        logged.
        """
        n, K = len(features), len(self.spec.arms)
        allowed = np.empty((n, K), np.bool_)
        allowed[:] = self._terms.enabled
        if eligible is not None:
            allowed &= eligible
        rows = np.require(features, np.float32, ["C", "W"])
        costs, lambda_ = self._costs(rows), self._lambda[0]
        probabilities, estimates = self.champion.distribution(rows, allowed, costs, lambda_)
        if estimates is None:
            estimates = np.broadcast_to(self._evaluation.arm_means(), (n, K))
        propensities = probabilities.astype(np.float32)
        arm = np.empty(n, np.int64)
        sample(propensities, np.require(draws, np.float64, ["C", "W"]), arm)
        return Choices(arm, propensities, (estimates - lambda_ * costs).astype(np.float32))

    def _costs(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """What each arm is expected to cost, for n requests: (n, K) USD.  features: (n, d)."""
        if self._terms.outlook is None:
            return np.tile(self._terms.prices, (len(features), 1))
        return cost_model.expected_costs(self._own["costs"], self._terms.outlook, features)

    def _learn_costs(self, data: Columns) -> NDArray[np.float64]:
        """What each arm was expected to cost just before each outcome: (n, K) USD."""
        if self._terms.outlook is None:
            return np.tile(self._terms.prices, (len(data.features), 1))
        return cost_model.learned_costs(self._own["costs"], self._terms.outlook, data.features, data.chosen, data.costs)

    def learn(self, outcomes: Sequence[Outcome]) -> Thought | None:
        """Learn outcomes in log order; each must have passed `check`.  None: nothing but the budget's was learned.

        An outcome whose arm was removed since teaches only the budget, and is counted.  One whose decision nobody acted
        on (`observations.was_followed`) teaches nothing, not even the budget, and is counted; what is returned is about
        the others.
        """
        followed = [each for each in outcomes if was_followed(each.observations)]
        self.pass_over(len(outcomes) - len(followed))
        outcomes = followed
        if not outcomes:
            return None
        terms = self._terms
        data = columns(outcomes, self.spec, terms.index)
        lambdas = np.empty(len(outcomes))
        steer(
            self._lambda, self._own["paced"], self._own["held"], data.costs, data.reward, data.chosen, data.propensity,
            data.decided, data.ended, terms.steering, lambdas,
        )  # fmt: skip
        there: NDArray[np.bool_] = data.chosen >= 0
        counts = self._own["counts"]
        counts += (len(outcomes), data.complete.sum(), 0, (~np.isnan(data.costs)).sum(), 0)
        if not there.all():
            counts[2] += (~there).sum()
            data = data.where(there)
            lambdas = lambdas[there]
            if not len(lambdas):
                return None
        batch = Batch(
            data.features, data.eligible, data.chosen, data.propensity, data.reward, self._learn_costs(data), lambdas,
            data.propensities.astype(np.float64),
        )  # fmt: skip
        thought = [policy.update(batch) for policy in self._policies]
        probabilities = np.stack([each for each, _ in thought])
        self._evaluation.update(
            probabilities, thought[0][1], data.eligible, data.chosen, data.propensities, data.reward, data.group
        )
        rows = np.arange(len(lambdas))
        predicted = np.full((len(thought), len(lambdas)), np.nan)
        for row, (_, estimates) in zip(predicted, thought, strict=True):
            if estimates is not None:
                row[:] = estimates[rows, data.chosen]
        gather(
            address_of(self._own["checks"]), address_of(terms.limits), thought[0][1] is not None, predicted,
            data.features, data.eligible, data.chosen, data.propensities, data.reward, data.complete, data.decided,
            data.ended, data.lapsed,
        )  # fmt: skip
        return Thought(there, *thought[0])

    def pass_over(self, outcomes: int) -> None:
        """Count so many outcomes that were not followed."""
        counts = self._own["counts"]
        counts += (outcomes, 0, 0, 0, outcomes)

    def report(self) -> dict[str, Any]:
        """Plain data for status and explanations: counts, lambda, and values with 95% time-uniform intervals."""
        evaluation = self._evaluation
        best, advantage, baseline = evaluation.best_arm(), evaluation.advantage(), self._terms.baseline
        effect = evaluation.design_effect()
        return {
            "tenant": self.spec.tenant,
            "domain": self.spec.domain,
            "version": self.version,
            "counts": self._counted(),
            "lambda": float(self._lambda[0]),
            **self._limits(),
            "policies": [
                {
                    "name": each.name,
                    "kind": each.kind,
                    "role": "challenger" if i else "champion",
                    "value": _plain(evaluation.value(each.name)),
                    "clipped": int(evaluation.weights[i, CLIPPED]),
                    "overlap": overlap._asdict(),
                    "champion_less_this": _plain(evaluation.over_challenger(each.name)) if i else None,
                }
                for i, each in enumerate(self._terms.learners)
                for overlap in (evaluation.overlap(each.name),)
            ],
            "arms": [
                {
                    "name": arm.name,
                    "enabled": arm.enabled,
                    "price": arm.price,
                    "decisions": int(evaluation.acted[a, 0]),
                    "mean_reward": float(evaluation.acted[a, 1]) if evaluation.acted[a, 0] else None,
                    "value": _plain(evaluation.arm_value(a)),
                }
                for a, arm in enumerate(self.spec.arms)
            ],
            "best_fixed": None if best is None else self.spec.arms[best].name,
            "champion_less_best_fixed": None if advantage is None else _plain(advantage),
            "baseline": None if baseline is None else self.spec.arms[baseline].name,
            "champion_less_baseline": None if baseline is None else _plain(evaluation.over_arm(baseline)),
            "design_effect": None if math.isnan(effect) else effect,
            "alarms": self.alarms(),
            "checks": checks.findings(self._own["checks"], self._terms.checked),
        }

    def _limits(self) -> dict[str, Any]:
        """What is spent and earned against what is declared; None where nothing is."""
        spec, own, terms = self.spec, self._own, self._terms
        told: dict[str, Any] = {"budget": None, "hard_cap": None, "quality": None}
        if spec.budget is not None and terms.pace.budget:
            told["budget"] = {"cost_per_request": spec.budget.cost_per_request, "above_target": float(own["paced"][1])}
        if terms.cap is not None:
            told["hard_cap"] = {
                "amount": terms.cap.amount,
                "period": terms.cap.period,
                "charged": self.charged(self.charged_period()),
            }
        if terms.floor.share:
            floor = quality.goal(own["held"], terms.floor.share)
            told["quality"] = {
                "share": terms.floor.share,
                "of": terms.strongest,
                "floor": None if np.isnan(floor) else floor,
                "earned": float(own["held"][6]),
            }
        return told

    def alarms(self) -> list[dict[str, Any]]:
        """The alarms that stand (`honesty.checks.alarms_of`)."""
        return checks.alarms_of(self._own["checks"], self._terms.checked)

    def to_bytes(self) -> bytes:
        """A function of the logical state alone."""
        stored = _Stored(
            self.spec,
            self.version,
            self._counted(),
            [policy.to_bytes() for policy in self._policies],
            self._terms.packing.pack(self._own),
        )
        return _HEADER.pack(_MAGIC, _FORMAT) + msgspec.msgpack.encode(stored)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The state that `to_bytes` was called on; ValueError if these bytes are no such state."""
        magic, version = _HEADER.unpack_from(data) if len(data) >= _HEADER.size else (b"", 0)
        if magic != _MAGIC or version != _FORMAT:
            raise ValueError(
                f"a domain's state begins with {_MAGIC!r} and format {_FORMAT}, not with {data[: _HEADER.size]!r}; "
                "it was written by another version or is damaged: rebuild it from the outcomes log"
            )
        stored = msgspec.msgpack.decode(data[_HEADER.size :], type=_Stored)
        state = cls.__new__(cls)  # what is stored was checked when it was declared
        state._take(stored.spec, stored.version)
        terms = state._terms
        state._own = Arrays(terms.arrangement)
        terms.packing.unpack(stored.evaluation, state._own)
        state._own["counts"][:] = [stored.counts[name] for name in COUNTED]
        state._policies = [
            KINDS[each.kind].policy.from_bytes(raw, setting)
            for each, raw, setting in zip(terms.learners, stored.policies, terms.settings, strict=True)
        ]
        state._evaluation = Progressive(terms.names, terms.arms, state._own)
        return state


def _begun(spec: DomainSpec, priors: Priors, going_on: Mapping[str, str] = _NOBODY) -> dict[str, Policy]:
    """The policies that begin with a prior, by name.  going_on: kinds of those that have learned, by name."""
    _, terms = terms_of(spec)
    unknown = sorted(priors.keys() - set(terms.names))
    if unknown:
        raise SpecificationError(
            f"{spec.tenant}/{spec.domain}: a prior for {unknown[0]!r}, which is none of its policies "
            f"({', '.join(terms.names)})"
        )
    begun = {}
    for each, setting in zip(terms.learners, terms.settings, strict=True):
        data = priors.get(each.name)
        if data is not None and (going_on.get(each.name) != each.kind or replaces(data)):
            try:
                begun[each.name] = begin_with(each.kind, setting, data)
            except SpecificationError as error:
                raise SpecificationError(f"{spec.tenant}/{spec.domain}, policy {each.name}: {error}") from None
    return begun


def _check_policies(spec: DomainSpec) -> None:
    where = f"{spec.tenant}/{spec.domain}"
    for what, names in (
        ("arms", [arm.name for arm in spec.arms]),
        ("policies", [e.name for e in (spec.champion, *spec.challengers)]),
    ):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise SpecificationError(f"{where}: {what} must have names of their own; twice there: {', '.join(twice)}")
    for each in (spec.champion, *spec.challengers):
        try:
            check_params(each.kind, each.params, [arm.name for arm in spec.arms])
        except SpecificationError as error:
            raise SpecificationError(f"{where}, policy {each.name}: {error}") from None


def _plain(value: Interval) -> dict[str, float | int | None]:
    """What says nothing yet is None."""
    return {
        "n": value.n,
        "estimate": value.estimate if value.n else None,
        "lower": value.lower if value.n else None,
        "upper": value.upper if value.n else None,
        "asymptotic_lower": value.asymptotic_lower if value.n >= LEAST else None,
        "asymptotic_upper": value.asymptotic_upper if value.n >= LEAST else None,
    }
