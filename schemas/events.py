"""The records that travel, as typed structs; one MessagePack array each, its first element the type and version.

How a record may change (tests/schemas/test_evolution.py holds this):

- A new field is appended at the end and has a default.  Readers older than the field skip it; readers newer than a
  record fill in the default.  The version stays.
- Anything else (another meaning, order, type, or a field removed) is a new version: a new struct with a new tag,
  added to the topic's union in `wire`, so that readers know both until no record of the old one is left.

Numbers in bulk are little-endian float32 in a byte string (`features`, `propensities`, `scores`): a batch of records
becomes a matrix without touching single numbers, and every language can write them.

The four that come in bulk are `gc=False`: they hold no cycles, and need not be looked at by the garbage collector.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from .domains import DomainSpec

MAX_ARMS = 64
MAX_FEATURES = 1024
MAX_OBSERVATIONS = 32
#: A context, reward or decision above this is refused by our readers (the topics let 4 MiB in, to refuse it whole).
MAX_EVENT_BYTES = 64 * 1024

Id = Annotated[str, Meta(min_length=1, max_length=128)]
Name = Annotated[str, Meta(min_length=1, max_length=64)]
Packed = Annotated[bytes, Meta(max_length=4 * MAX_FEATURES)]
PackedArms = Annotated[bytes, Meta(max_length=4 * MAX_ARMS)]
Arms = Annotated[tuple[Name, ...], Meta(min_length=1, max_length=MAX_ARMS)]
Observations = Annotated[dict[Name, float], Meta(max_length=MAX_OBSERVATIONS)]
#: By arm: why it is not eligible, a short name such as "unhealthy", "budget", "capability".
Restrictions = Annotated[dict[Name, Name], Meta(max_length=MAX_ARMS)]
Count = Annotated[int, Meta(ge=0)]
Propensity = Annotated[float, Meta(gt=0.0, le=1.0)]


class Context(Struct, array_like=True, frozen=True, gc=False, tag="context.1"):
    """One request to decide.  Its id becomes the decision's id and must be unique within the tenant."""

    id: Id
    tenant: Name
    domain: Name
    features: Packed  # float32, as many as the domain declares
    eligible: Arms | None = None  # narrows the domain's enabled arms, e.g. to models that can see images
    unit: Name | None = None  # who the request is about (a pseudonym, e.g. a keyed hash): evaluation clusters by it
    after: Id | None = None  # the tenant's earlier decision, of another domain, that this request follows from
    restrictions: Restrictions | None = None  # why arms are not eligible; kept with the decision, changes nothing


class Decision(Struct, array_like=True, frozen=True, gc=False, tag="decision.1"):
    """The choice.  The first record with an id (of a tenant) wins, for every reader."""

    id: Id
    tenant: Name
    domain: Name
    arms: Arms  # the eligible ones, in the order of propensities and scores
    choice: Count  # index into arms
    propensities: PackedArms  # float32: the probability with which each eligible arm was drawn; sums to 1
    scores: PackedArms  # float32: the policy's estimate of each arm's reward, less its price under the budget
    features: Packed  # as in the context
    policy: Name  # the champion that chose
    spec: Count  # version of the domain's specification
    learned: Count  # the policy had learned from the outcomes partition up to (not including) this offset
    horizon_ms: Count  # feedback counts when appended no later than this after the decision
    awaited: tuple[Name, ...]  # the outcome ends early when all of these were observed
    context_offset: Count
    unit: Name | None = None  # as in the context
    after: Id | None = None  # as in the context
    #: Product of the logged propensities of what was chosen before in its chain, up to and including `after`; None:
    #: there is no `after`, or it was not known when this was decided.
    chain: Propensity | None = None
    restrictions: Restrictions | None = None  # as in the context

    @property
    def arm(self) -> str:
        """The chosen arm."""
        return self.arms[self.choice]


class Clock(Struct, array_like=True, frozen=True, tag="clock.1"):
    """Says nothing but the time the broker gave it, so that horizons pass on partitions where nothing else flows."""


class Reward(Struct, array_like=True, frozen=True, gc=False, tag="reward.1"):
    """What was observed about a decision: one or more components.  The first observation of a component counts."""

    id: Id  # for tracing; sending the same reward again changes nothing
    tenant: Name
    decision: Id
    observations: Observations


class Outcome(Struct, array_like=True, frozen=True, gc=False, tag="outcome.1"):
    """How a decision ended.  The first record with an ordinal (of a partition) counts; ordinals have no holes."""

    ordinal: Count  # the decision's number among the decisions of its partition that count
    ended: Literal["complete", "horizon"]
    decided_at_ms: int  # append time of the decision
    ended_at_ms: int  # append time of the last reward that counted, or the horizon
    observations: Observations
    decision_offset: Count
    decision: Decision


class SpecChange(Struct, array_like=True, frozen=True, tag="spec.1"):
    """A domain's specification from here on.  In `specs` the offset is the version, and `version` is 0."""

    version: Count
    tenant: Name
    domain: Name
    spec: DomainSpec | None  # None: the domain is removed
    #: By policy: what it begins with (`stream_workers.bandits.prior`) when it is new, or was asked to begin anew.
    priors: dict[Name, bytes] = {}


class FleetStatistics(Struct, array_like=True, frozen=True, tag="fleet.1"):
    """What the opted-in tenants of a domain have in common, with noise (`stream_workers.bandits.fleet`).

    Sums over tenants, float64.  The last record of a domain and number of features is the one to use; all of them count
    when it is asked how much was given away.
    """

    domain: Name
    features: Count
    arms: Arms
    tenants: Count  # opted in
    arm_tenants: tuple[Count, ...]  # of these, how many have each arm
    levels: bytes  # (arms + 1,)
    slopes: bytes  # (arms * features,); empty: not published
    scaling: bytes  # (2 * features,); empty: not published
    noise: tuple[float, float, float]  # deviation of each number in these three
    mu: float  # what this record gives away (`stream_workers.bandits.privacy`)
    epsilon: float  # the same, for this delta
    delta: float


class HourlyKpi(Struct, array_like=True, frozen=True, tag="kpi.1"):
    """What `Kpi` was in the first releases: tenant, domain, arm and hour.  Nobody writes it any more."""

    tenant: Name
    domain: Name
    arm: Name
    hour: int  # start, seconds since 1970, by the decision's append time
    interactions: Count
    with_feedback: Count  # outcomes in which every required component was observed
    reward_sum: float
    cost_sum: float  # USD
    cost_count: Count
    success_sum: float
    success_count: Count
    error_sum: float
    error_count: Count
    latency_ms_p50: float | None
    latency_ms_p95: float | None
    latency_sketch: bytes  # DDSketch (protobuf), so that buckets can be merged
    applied: Count  # reflects the outcomes partition up to (not including) this offset
    unfollowed: Count = 0  # of the interactions: nobody acted on the decision, a fallback answered


Granularity = Literal["minute", "hour", "day"]
#: Of a sketch (`stream_workers.analytics.sketch`): bins in order, each with how many values are in it.
Bins = tuple[tuple[int, Count], ...]


class Kpi(Struct, array_like=True, frozen=True, tag="kpi.2"):
    """One bucket's value so far.  The last record with its key is its value; one without a value says it is dropped.

    Sums and counts over outcomes, so that buckets add up (`stream_workers.analytics.summary`); docs/kpis.md says what
    follows from them, and `stream_workers.analytics.measures` what each is.  Arm: the one that was chosen; of decisions
    that nobody followed, the one that answered, or `UNFOLLOWED_ARM` where it is not known.  Policy and spec: who chose,
    by what version of the domain.
    """

    tenant: Name
    domain: Name
    arm: Name
    policy: Name
    spec: Count
    granularity: Granularity
    start: int  # seconds since 1970, by the decision's append time (UTC)
    applied: Count  # reflects the outcomes partition up to (not including) this offset
    interactions: Count
    observed: Count  # of which anything was observed
    with_feedback: Count  # of which every required component was observed
    unfollowed: Count
    reward_sum: float
    cost_sum: float  # USD
    cost_count: Count
    success_sum: float
    success_count: Count
    error_sum: float
    error_count: Count
    fallback_sum: float
    answered_sum: float
    resolved_sum: float
    resolved_count: Count
    paid_resolved_sum: float  # of those whose cost is known
    thumbs_sum: float
    thumbs_count: Count
    explored_sum: float
    budget_sum: float  # USD that those whose cost is known were to cost
    budgeted_cost_sum: float  # USD that they did cost
    #: Of all decisions in which this arm was eligible, whichever was chosen; doubly robust terms of always taking it.
    eligible: Count
    value_sum: float
    value_squares: float
    regret_sum: float  # of the same terms less the reward that was earned
    regret_squares: float
    #: Of this arm's decisions whose cost is known: importance weights, 1 / propensity.
    weight_sum: float
    weight_squares: float
    weighted_cost_sum: float  # USD
    price: float  # that the arm declares, USD
    baseline: bool  # the domain's baseline is this arm
    latency_ms: Bins
    feedback_ms: Bins  # from decision to the last observation, of outcomes that were complete


#: Stands for whatever answered when nobody followed the decision and it was no arm of it; no arm can be named so.
UNFOLLOWED_ARM = "(unfollowed)"


class DeadLetter(Struct, array_like=True, frozen=True, tag="dead_letter.1"):
    """A record nothing could be done with, whole."""

    stage: Name
    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None


class Audit(Struct, array_like=True, frozen=True, tag="audit.1"):
    """Somebody did something at the console, or was refused.  What changes something is written before it is done.

    A record with an id that was there before is a repetition: the console was ended while it waited for the broker.
    """

    id: Id
    at_ms: int  # milliseconds since 1970, by the console's clock: it may have waited for a broker
    who: str  # name of the account, as it was typed where there is none
    role: str  # that the account had; "" where nobody had signed in
    action: Name  # "signed-in", "specification-applied", ...: docs/console.md lists them
    tenant: str = ""  # whose data it is about; "": nobody's alone
    target: str = ""  # what it was done to
    detail: str = ""  # in words
    document: str = ""  # the specification that was applied, as TOML
