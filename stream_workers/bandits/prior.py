"""What a policy begins with: what another one learned, or scores of the arms.  As bytes, so that it travels in the log.

`learned`: the state of a policy of the same kind on the same features, with its evidence scaled down to a number of
outcomes.  What is wrong in it is outweighed after about as many of its own.  `compact` is the same for states too large
to travel: estimates and the variance of each coordinate alone, without correlations.  `scores`: rewards that each arm
had elsewhere (a benchmark's, a survey's), learned as so many requests on which every arm was tried.  `shared`: what the
tenants of a fleet have in common (`fleet`).
"""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.errors import SpecificationError

from . import packing
from .corral import Corral
from .feature_map import FREEZE_AFTER
from .fleet import Common
from .linear import Linear
from .offset_tree import OffsetTree
from .panels import diagonal, set_diagonal
from .policy import Batch, Policy, Setting, matches
from .registry import KINDS, make

#: Of one prior.  All of a change must fit a record of 4 MiB, and its specification needs some, too.
LARGEST: Final = 3 * 2**20
_LARGEST_STATE: Final = 64 * 2**20
#: Rows that scores may be learned as.
_MOST_ROWS: Final = 100_000
#: Events that the guess at means and deviations of features counts as, where only scores are known.
_GUESSED: Final = 5

#: The events that a fleet's means and deviations of features count as.
_SHARED_EVENTS: Final = 50

#: Which arrays of a linear learner are there as they are, and of which only the diagonals.
_WHOLE: Final = ("counters", "mean", "m2", "scale", "seen", "theta", "correction", "age")
_SQUARES: Final = ("covariance", "panels", "shared")


class Learned(msgspec.Struct, array_like=True, frozen=True, tag="learned.1"):
    """What a policy had learned."""

    kind: str
    arms: tuple[str, ...]
    features: int
    params: dict[str, float | str]
    weight: float  # share of its evidence that counts
    state: bytes  # deflated


class Compact(Learned, array_like=True, frozen=True, tag="compact.1"):
    """The same without correlations."""


class Score(msgspec.Struct, array_like=True, frozen=True):
    """What arms earned on requests of one sort."""

    features: dict[int, float]  # of these requests, by index; those not named are 0
    rewards: dict[str, float]  # by arm, in [0, 1]; those not named have no prior
    observations: int  # requests it counts as, for each arm


class Scores(msgspec.Struct, array_like=True, frozen=True, tag="scores.1"):
    """What arms earned elsewhere."""

    scores: tuple[Score, ...]


class Shared(msgspec.Struct, array_like=True, frozen=True, tag="shared.1"):
    """What a fleet's tenants have in common."""

    arms: tuple[str, ...]
    levels: bytes  # float64, of each arm: reward
    slopes: bytes  # float64, of each arm and feature, per deviation of the feature; empty: not known
    means: bytes  # float64, of each feature; empty: not known
    deviations: bytes
    observations: int  # outcomes it counts as, for each arm


Form = Learned | Compact | Scores | Shared


class _Prior(msgspec.Struct, array_like=True, frozen=True):
    form: Form
    replace: bool = False  # also in place of what a policy has learned by itself


_decode: Final = msgspec.msgpack.Decoder(_Prior).decode


def learned(policy: Policy, outcomes: float, observations: float, *, replace: bool = False) -> bytes:
    """What a policy learned from so many outcomes, to count as so many observations at most.

    SpecificationError: it is too large.
    """
    setting, weight = policy.setting, min(1.0, observations / max(outcomes, 1.0))
    state = zlib.compress(policy.to_bytes(), 9)
    kind: type[Learned] = Learned
    if len(state) > LARGEST and isinstance(policy, Linear):
        kind, state = Compact, zlib.compress(packing.pack(_compact(policy)), 9)
    if len(state) > LARGEST:
        raise SpecificationError(
            f"what {policy.kind} has learned about {len(setting.arms)} arms and {setting.features} features takes "
            f"{len(state) / 2**20:.1f} MiB; a prior may take {LARGEST / 2**20:g}: begin with scores, or fewer features"
        )
    return msgspec.msgpack.encode(
        _Prior(kind(policy.kind, setting.arms, setting.features, dict(setting.params), weight, state), replace)
    )


def scores(entries: Sequence[Score], *, replace: bool = False) -> bytes:
    """Scores of arms as a prior."""
    return msgspec.msgpack.encode(_Prior(Scores(tuple(entries)), replace))


def shared(arms: Sequence[str], known: Common, observations: int, *, replace: bool = False) -> bytes:
    """What a fleet's tenants have in common as a prior: of so many outcomes of each arm, as far as it is no noise."""
    levels, slopes, means, deviations = (np.ascontiguousarray(each, "<f8").tobytes() for each in known[:4])
    form = Shared(tuple(arms), levels, slopes, means, deviations, max(1, round(known.worth * observations)))
    return msgspec.msgpack.encode(_Prior(form, replace))


def replaces(data: bytes) -> bool:
    """Whether the prior is also for a policy that has learned by itself.  SpecificationError: it is none."""
    return _read(data).replace


def begin(kind: str, setting: Setting, data: bytes) -> Policy:
    """A policy that begins with a prior.  SpecificationError: the prior is for another sort of policy, or damaged."""
    form = _read(data).form
    if isinstance(form, Scores):
        return _from_scores(kind, setting, form)
    if isinstance(form, Shared):
        return _from_shared(kind, setting, form)
    return _from_learned(kind, setting, form)


def _read(data: bytes) -> _Prior:
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SpecificationError(f"{len(data)} bytes are no prior of a policy: {error}") from None


def _from_learned(kind: str, setting: Setting, form: Learned) -> Policy:
    if form.kind != kind or form.features != setting.features:
        raise SpecificationError(
            f"a prior that {form.kind} learned from {form.features} features is none for {kind} with "
            f"{setting.features}: both must be the same"
        )
    if not 0.0 < form.weight <= 1.0:
        raise SpecificationError(f"a prior's weight is {form.weight}; a number above 0 and at most 1 is expected")
    theirs = Setting(form.arms, form.features, setting.exploration_minimum, setting.forgetting, form.params)
    state = _inflated(form.state)
    try:
        if isinstance(form, Compact):
            policy = _from_compact(kind, theirs, state)
        else:
            policy = KINDS[kind].policy.from_bytes(state, theirs)
    except (ValueError, KeyError, TypeError, OverflowError, msgspec.DecodeError) as error:
        raise SpecificationError(f"a prior for {kind} cannot be read: {error}") from None
    same = _shape(policy)
    policy.rearrange(setting, form.weight)
    if same != _shape(policy):
        raise SpecificationError(
            f"a prior that {kind} learned with {_words(form.params)} is none under {_words(setting.params)}: "
            "map and width must be the same"
        )
    for each in policy.bases.values() if isinstance(policy, Corral) else (policy,):
        if isinstance(each, Linear | OffsetTree):
            each._arrays["counters"][:] *= form.weight  # how sharply it exploits is evidence, too
    return policy


def _shape(policy: Policy) -> tuple[Any, ...]:
    """What must be the same before and after another setting, or all was lost."""
    if isinstance(policy, Corral):
        return tuple(policy.bases)
    return policy._constants[:2] if isinstance(policy, Linear | OffsetTree) else ()


def _words(params: Mapping[str, float | str]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in sorted(params.items())) or "default parameters"


def _inflated(data: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        state = inflater.decompress(data, _LARGEST_STATE)
    except zlib.error as error:
        raise SpecificationError(f"a prior is damaged: {error}") from None
    if not inflater.eof:
        raise SpecificationError(f"a prior is damaged, or holds more than {_LARGEST_STATE // 2**20} MiB")
    return state


def _compact(policy: Linear) -> dict[str, NDArray[Any]]:
    """Estimates, and of each inverse the diagonal."""
    arrays, m = policy.placed().arrays, policy._model.m
    found = {name: arrays[name] for name in _WHOLE}
    for name in _SQUARES:
        waiting = {"panels": "waiting", "shared": "shared_waiting"}.get(name)
        rows = []
        for k, P in enumerate(arrays[name]):
            if P.ndim == 2:
                rows.append(np.diagonal(P).copy())
                continue
            if P.size:
                row = np.empty(m)
                diagonal(P, row)
                rows.append(row - arrays[str(waiting)][k] ** 2)
        found[name] = np.array(rows).reshape(len(rows), len(rows[0]) if rows else 0)
    return found


def _from_compact(kind: str, setting: Setting, state: bytes) -> Policy:
    policy = make(kind, setting)
    if not isinstance(policy, Linear):
        raise TypeError(f"{kind} has no compact form")
    arrays, stored = policy.placed().arrays, packing.unpack(state)
    for name in _WHOLE:
        _same_shape(name, arrays[name], stored[name])
        arrays[name][:] = stored[name]
    for name in _SQUARES:
        own = arrays[name] if arrays[name].size else ()
        for P, row in zip(own, stored[name], strict=True):
            if P.ndim == 2:
                _same_shape(name, P[0], row)
                P[:] = np.diag(row)
            else:
                _same_shape(name, np.empty(policy._model.m), row)
                set_diagonal(P, np.ascontiguousarray(row))
    return policy


def _same_shape(name: str, own: NDArray[Any], other: NDArray[Any]) -> None:
    if own.shape != other.shape or own.dtype != other.dtype:
        raise ValueError(f"{name} is of shape {other.shape}; {own.shape} is expected")


def _from_scores(kind: str, setting: Setting, form: Scores) -> Policy:
    policy, K, d = make(kind, setting), len(setting.arms), setting.features
    rows, chosen, rewards = [], [], []
    for score in form.scores:
        _check_score(score, setting)
        x = np.zeros(d, np.float32)
        x[list(score.features)] = list(score.features.values())
        known = [(setting.arms.index(arm), reward) for arm, reward in score.rewards.items() if arm in setting.arms]
        rows += [x] * (score.observations * len(known))
        for _ in range(score.observations):
            chosen += [arm for arm, _ in known]
            rewards += [reward for _, reward in known]
    if not rows:
        return policy
    if len(rows) > _MOST_ROWS:
        raise SpecificationError(f"scores that count as {len(rows):,} outcomes; at most {_MOST_ROWS:,} are learned")
    n, features = len(rows), np.array(rows, np.float32).reshape(len(rows), d)
    mask = np.zeros((n, K), np.bool_)
    mask[:, sorted(set(chosen))] = True
    propensity = np.full(n, 1.0 / mask[0].sum())
    standardiser = _guess(policy, features)
    policy.update(
        Batch(
            features, mask, np.array(chosen, np.int64), propensity, np.array(rewards, np.float64), np.zeros((n, K)),
            np.zeros(n),
        )
    )  # fmt: skip
    if standardiser is not None:
        standardiser[:] = _GUESSED
    return policy


def _from_shared(kind: str, setting: Setting, form: Shared) -> Policy:
    K, d = len(form.arms), setting.features
    known = [np.frombuffer(each, "<f8") for each in (form.levels, form.slopes, form.means, form.deviations)]
    levels, slopes, means, deviations = known
    lengths = [len(each) for each in known]
    if lengths not in ([K, 0, 0, 0], [K, K * d, d, d]) or not all(np.isfinite(each).all() for each in known):
        raise SpecificationError(f"a fleet's prior with {lengths} numbers is none for {K} arms and {d} features")
    if not 1 <= form.observations <= _MOST_ROWS or not (deviations > 0.0).all():
        raise SpecificationError("a fleet's prior counts as one outcome or more, and deviations are above 0")
    policy = make(kind, setting)
    if not isinstance(policy, Linear):
        rewards = dict(zip(form.arms, np.clip(levels, 0.0, 1.0).tolist(), strict=True))
        return _from_scores(kind, setting, Scores((Score({}, rewards, form.observations),)))
    arrays, model, ridge = policy.placed().arrays, policy._model, policy._constants.ridge
    w = float(form.observations)
    evidence = np.zeros(model.m)  # of each coordinate of phi, in outcomes
    evidence[0] = w
    straight = len(slopes) > 0 and model.raw == 1 + d
    if straight:
        evidence[1 : model.raw] = w * model.factor**2
        arrays["mean"][:], arrays["scale"][:] = means, 1.0 / deviations
        arrays["m2"][:], arrays["seen"][:] = deviations**2 * _SHARED_EVENTS, _SHARED_EVENTS
    variance = np.zeros(model.m)
    variance[: model.real_size] = 1.0 / (ridge + evidence[: model.real_size])
    arrays["theta"][:, 0] = levels.mean() * w / (ridge + w)
    for a, place in enumerate(matches(form.arms, setting.arms)):
        if place < 0:
            continue
        theta = np.zeros(model.m)
        theta[0] = levels[place]
        if straight:
            theta[1 : model.raw] = slopes.reshape(K, d)[place] / model.factor
        arrays["theta"][a] = theta * evidence / (ridge + evidence)
        arrays["covariance"][a] = np.diag(variance[: model.raw])
        if model.fourier:
            set_diagonal(arrays["panels"][a], variance)
        arrays["counters"][:] += w
    return policy


def _check_score(score: Score, setting: Setting) -> None:
    wrong = [index for index in score.features if not 0 <= index < setting.features]
    if wrong:
        raise SpecificationError(f"a score is about feature {wrong[0]}; there are {setting.features}, from 0 on")
    outside = {arm: reward for arm, reward in score.rewards.items() if not 0.0 <= reward <= 1.0}
    if outside or score.observations < 0:
        raise SpecificationError(
            f"scores {outside or score.observations}: rewards are from 0 to 1, observations 0 or more"
        )


def _guess(policy: Policy, features: NDArray[np.float32]) -> NDArray[np.int64] | None:
    """Means and deviations of features where nothing was seen: those of the scores' requests, else 0 and 1.

    How many events that counts as, to be set when the scores were learned; None: the policy has no such numbers.
    """
    if not isinstance(policy, Linear):
        return None
    arrays = policy.placed().arrays
    deviation = features.astype(np.float64).std(axis=0)
    deviation[deviation == 0.0] = 1.0
    arrays["mean"][:] = features.astype(np.float64).mean(axis=0)
    arrays["scale"][:] = 1.0 / deviation
    arrays["m2"][:] = deviation**2 * _GUESSED
    seen: NDArray[np.int64] = arrays["seen"]
    seen[:] = FREEZE_AFTER
    return seen
