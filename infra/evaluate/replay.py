"""What policies would have done at each outcome of a history: probabilities over all arms that ever were."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.domains import Arm as DomainArm
from schemas.domains import DomainSpec, LearnerSpec
from schemas.events import Outcome
from stream_workers.evaluation.clusters import numbered
from stream_workers.learning.domain import DomainState
from stream_workers.learning.outcomes import Columns, columns

from .history import History
from .wanted import Arm, Even, Frozen, Wanted

Array = NDArray[np.float64]

#: The policy whose estimates of rewards are the model that predicts each outcome before it is seen.
MODEL = LearnerSpec("model", "doubly_robust")
_CHUNK = 4096


class Arrays(NamedTuple):
    """All outcomes of a history that have the features of today; rewards by the specification in force at its end."""

    arms: tuple[str, ...]  # of all eras
    spec: DomainSpec  # the last, with these arms
    rows: NDArray[np.int64]  # their numbers among the history's outcomes
    columns: Columns
    cluster: NDArray[np.int64]
    units: int  # outcomes that name one


def arrays_of(history: History) -> Arrays:
    """Of its outcomes."""
    known: dict[str, DomainArm] = {arm.name: arm for arm in history.spec.arms}
    for era in history.eras:
        for arm in era.spec.arms:
            known.setdefault(arm.name, arm)
    spec = msgspec.structs.replace(history.spec, arms=tuple(known.values()))
    outcomes = history.outcomes
    size = 4 * spec.width
    rows = np.array([i for i, each in enumerate(outcomes) if len(each.decision.features) == size], np.int64)
    usable = [outcomes[i] for i in rows.tolist()]
    found = columns(usable, spec, {name: i for i, name in enumerate(known)})
    there = found.chosen >= 0
    usable = [each for each, here in zip(usable, there.tolist(), strict=True) if here]
    return Arrays(
        tuple(known),
        spec,
        rows[there],
        found.where(there),
        numbered([each.decision.unit or ("", each.decision.id) for each in usable]),
        sum(each.decision.unit is not None for each in usable),
    )


def probabilities(wanted: Wanted, history: History, arrays: Arrays, learned: int) -> tuple[Array, NDArray[np.bool_]]:
    """Of each outcome of `arrays`: (n, K), and whether the policy is evaluated there, (n,).

    learned: policies learn from the first so many outcomes of the history, and are fixed after, and evaluated, there;
    0: they learn along, and are evaluated at every outcome before they learn it.
    """
    eligible = arrays.columns.eligible
    judged = arrays.rows >= learned
    if isinstance(wanted, Arm):
        a = arrays.arms.index(wanted.arm)
        fixed = np.zeros(eligible.shape)
        fixed[:, a] = eligible[:, a]
        return fixed, judged & eligible[:, a]
    if isinstance(wanted, Even):
        return eligible / eligible.sum(axis=1, keepdims=True), judged
    if isinstance(wanted, Frozen):
        return _as_it_is(wanted.state, arrays), judged
    if learned:
        return _as_it_is(state_after(wanted.learner, history, learned), arrays), judged
    found, there, _ = along(wanted.learner, history, arrays)
    return found, there


def along(learner: LearnerSpec, history: History, arrays: Arrays) -> tuple[Array, NDArray[np.bool_], Array]:
    """Probabilities (n, K), where there are any (n,), and estimates (n, K), of before each outcome was learned."""
    n, K = arrays.columns.eligible.shape
    place = {row: i for i, row in enumerate(arrays.rows.tolist())}
    found, there, estimates = np.zeros((n, K)), np.zeros(n, np.bool_), np.full((n, K), 0.5)
    begin = 0
    for state, chunk in _learning(learner, history):
        thought = state.learn(chunk)
        begin, first = begin + len(chunk), begin
        if thought is None:
            continue
        arms = [arrays.arms.index(arm.name) for arm in state.spec.arms]
        kept = [place.get(first + i, -1) for i in np.flatnonzero(thought.there).tolist()]
        for row, i in enumerate(kept):
            if i >= 0:
                found[i, arms] = thought.probabilities[row]
                there[i] = True
                if thought.estimates is not None:
                    estimates[i, arms] = thought.estimates[row]
    return found, there, np.clip(estimates, 0.0, 1.0)


def state_after(learner: LearnerSpec, history: History, learned: int) -> DomainState:
    """The state that has a policy as its champion, after the first outcomes of a history."""
    left = learned
    state: DomainState | None = None
    for state, chunk in _learning(learner, history):  # what is left of it is wanted
        state.learn(chunk[:left])
        left -= len(chunk)
        if left <= 0:
            break
    assert state is not None, "a history has outcomes"
    return state


def _learning(learner: LearnerSpec, history: History) -> Iterator[tuple[DomainState, list[Outcome]]]:
    """A state under each era's specification in turn, and what is to be learned in it."""
    state: DomainState | None = None
    for era in history.eras:
        spec = msgspec.structs.replace(era.spec, champion=_within(learner, era.spec), challengers=())
        own = learner in (era.spec.champion, *era.spec.challengers)  # then what it begins with is in the log
        priors = {name: data for name, data in era.priors.items() if own and name == learner.name}
        if state is None or era.new:
            state = DomainState(spec, era.version, priors)
        else:
            state.apply_spec(spec, era.version, priors)
        for begin in range(0, len(era.outcomes), _CHUNK):
            yield state, era.outcomes[begin : begin + _CHUNK]


def _within(learner: LearnerSpec, spec: DomainSpec) -> LearnerSpec:
    """The learner, or, in an era that does not have the arm it always takes, chance."""
    arm = learner.params.get("arm")
    if arm is None or any(each.name == arm for each in spec.arms):
        return learner
    return LearnerSpec(learner.name, "uniform")


def _as_it_is(state: DomainState, arrays: Arrays) -> Array:
    """Probabilities of a state's champion at every outcome; arms that it does not know get none."""
    at = [arrays.arms.index(arm.name) if arm.name in arrays.arms else -1 for arm in state.spec.arms]
    n = len(arrays.columns.reward)
    eligible = np.zeros((n, len(at)), np.bool_)
    for mine, there in enumerate(at):
        if there >= 0:
            eligible[:, mine] = arrays.columns.eligible[:, there]
    decided = state.decide(arrays.columns.features, eligible, np.zeros(n))
    found = np.zeros(arrays.columns.eligible.shape)
    for mine, there in enumerate(at):
        if there >= 0:
            found[:, there] = decided.propensities[:, mine]
    return found
