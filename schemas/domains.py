"""What a tenant's domain is: arms, features, reward, horizon, learner.  A change travels through the outcomes log.

Unknown fields are skipped here, so that a worker can read a specification that a newer version wrote; the reader of
domain files (infra.domains.file) refuses them, because there they are spelling mistakes.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Identifier = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:/@+-]{0,63}$")]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
NotNegative = Annotated[float, Meta(ge=0.0)]


class Arm(Struct, frozen=True):
    """An option: a model, a depth of analysis, a way to engage."""

    name: Identifier
    price: NotNegative = 0.0  # expected USD per request; budgets and the cheapest and strongest baselines use it
    enabled: bool = True
    most: NotNegative | None = None  # USD that one request can cost at most; a hard cap reserves it for what is open


class Component(Struct, frozen=True):
    """One part of the reward: an observation mapped linearly from `worst`..`best` to 0..1 and clipped, times weight."""

    weight: NotNegative = 1.0
    worst: float = 0.0
    best: float = 1.0  # may be below worst: latency, cost
    required: bool = False  # without it (at the horizon) the whole reward is the domain's default_reward


class LearnerSpec(Struct, frozen=True):
    """A policy by kind and parameters; `stream_workers.bandits.registry` knows both."""

    name: Identifier
    kind: Literal[
        "doubly_robust",
        "linucb",
        "thompson",
        "squarecb",
        "fastcb",
        "epsilon_greedy",
        "softmax",
        "offset_tree",
        "corral",
        "fixed",
        "uniform",
    ]
    params: dict[str, float | str] = {}


class Budget(Struct, frozen=True):
    """A target for the mean cost of a request, held by a primal-dual pacer."""

    cost_per_request: Annotated[float, Meta(gt=0.0)]  # USD
    #: USD that the decisions of one period (of broker time, UTC) cost at most, whatever happens.
    hard_cap: Annotated[float, Meta(gt=0.0)] | None = None
    period: Literal["hour", "day", "month"] = "day"


class Quality(Struct, frozen=True):
    """A floor under the value of what is chosen: the cheapest mix that earns this share of what one arm earns."""

    share: Annotated[float, Meta(gt=0.0, le=1.0)]
    of: Identifier | None = None  # the arm; None: the domain's baseline


class Input(Struct, frozen=True):
    """Numbers about what another domain of the tenant decided and earned; the router appends them to the features.

    The last number of each input is 1 when the others are known, and 0 when they are not: then they are 0, too.
    """

    domain: Identifier
    #: choice: one number for each of `arms`, 1 for the one chosen; propensity: of what was chosen; observation: `name`,
    #: as observed by now; reward: of the decision, by now; recent_reward: mean over the last outcomes of the same unit
    #: (without a unit: of the domain).  All but the last are about the decision that the request follows from.
    what: Literal["choice", "propensity", "observation", "reward", "recent_reward"]
    arms: Annotated[tuple[Identifier, ...], Meta(max_length=64)] = ()
    name: Identifier | None = None

    @property
    def width(self) -> int:
        """How many features it appends."""
        return 1 + (len(self.arms) if self.what == "choice" else 1)


class DomainSpec(Struct, frozen=True):
    """A tenant's domain."""

    tenant: Identifier
    domain: Identifier
    features: Annotated[int, Meta(ge=0, le=1024)]
    arms: Annotated[tuple[Arm, ...], Meta(min_length=1, max_length=64)]
    reward: Annotated[dict[Identifier, Component], Meta(min_length=1, max_length=32)]
    champion: LearnerSpec
    challengers: Annotated[tuple[LearnerSpec, ...], Meta(max_length=8)] = ()
    horizon_ms: Annotated[int, Meta(ge=100, le=30 * 24 * 3600 * 1000)] = 60_000
    ends: Literal["all", "required"] = "all"  # an outcome ends early when all / all required components were observed
    default_reward: Share = 0.0
    exploration_minimum: Annotated[float, Meta(gt=0.0, le=1.0)] = (
        0.02  # each of K eligible arms keeps at least this / K
    )
    forgetting: Annotated[float, Meta(gt=0.9, le=1.0)] = 1.0  # geometric weight of older outcomes, per outcome
    budget: Budget | None = None
    content_features: bool = False  # opted in to features made from message content
    baseline: Identifier | None = None  # the arm the champion is compared with; None: the one of the highest price
    inputs: Annotated[tuple[Input, ...], Meta(max_length=32)] = ()
    fleet: bool = False  # opted in to a fleet prior: to give to it, with noise, and to begin with it
    quality: Quality | None = None
    missing: Literal["refuse", "mean"] = "refuse"  # a NaN among a request's features: a dead letter; the feature's mean

    @property
    def width(self) -> int:
        """Features of a decision: those of the request, then those of each input."""
        return self.features + sum(each.width for each in self.inputs)
