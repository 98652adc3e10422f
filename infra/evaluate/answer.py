"""Estimates, intervals and words about policies on a history, as plain data."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from stream_workers.evaluation import offline
from stream_workers.evaluation.bounded import Bounded, limits_at
from stream_workers.evaluation.clusters import FEWEST
from stream_workers.evaluation.confidence import ALPHA
from stream_workers.evaluation.offline import Logged
from stream_workers.evaluation.reward_model import cross_fitted, folds_of

from .history import EvaluationError, History
from .replay import MODEL, Arrays, along, arrays_of, probabilities
from .wanted import Frozen, Learner, Wanted, wanted

Array = NDArray[np.float64]

#: At how many moments of the log the running interval of a plot is computed.
_MOMENTS: Final = 60


class Value(Struct, frozen=True):
    """lower, upper: a 95% interval that holds at every moment at once, where the estimator has one."""

    estimator: str
    estimate: float | None
    lower: float | None
    upper: float | None
    bootstrap_lower: float | None  # 95%, for one look at the end
    bootstrap_upper: float | None
    parameter: float | None  # clip, threshold or shrinkage that the data chose; None: nothing is cut, or there is none


class Less(Struct, frozen=True):
    """The policy less something else."""

    than: str
    n: int
    estimate: float
    lower: float
    upper: float
    bootstrap_lower: float
    bootstrap_upper: float


class Moment(Struct, frozen=True):
    """DR's running estimate and interval after n outcomes."""

    n: int
    estimate: float
    lower: float
    upper: float


class PolicyAnswer(Struct, frozen=True):
    """About one policy."""

    policy: str
    outcomes: int  # it is evaluated on
    effective: float
    mean_weight: float
    largest_weight: float
    overlap: str  # good, fair, thin, poor, none
    words: str
    design_effect: float | None  # how much more variance there may be for outcomes of one unit are alike; None: unknown
    values: list[Value]
    differences: list[Less]
    running: list[Moment]


class Answer(Struct, frozen=True):
    """About all of them."""

    tenant: str
    domain: str
    outcomes: int
    skipped: int  # outcomes nothing can be said of
    unfollowed: int  # outcomes of decisions that nobody acted on: left out
    units: int  # who the outcomes are about; as many as outcomes where they do not say
    learned_from: int  # outcomes that policies learned from before they were fixed; 0: they learned along
    logged: Less  # the value of what was logged; `than` is empty
    best_fixed: str
    policies: list[PolicyAnswer]
    notes: list[str]


class _Row(NamedTuple):
    wanted: Wanted
    target: Array
    judged: NDArray[np.bool_]


def answer(
    history: History, texts: Sequence[str], *, learn: float = 0.0, seed: int = 0, progress: Callable[[str], None]
) -> Answer:
    """What the policies of these texts (`wanted`) would have earned.

    learn: the share of outcomes that policies learn from before they are fixed and evaluated on the rest; 0: they
    learn along the whole log.  seed: of the bootstrap.
    """
    arrays = arrays_of(history)
    n = len(arrays.rows)
    if not n:
        raise EvaluationError("no outcome has the features that the domain declares now; there is nothing to evaluate")
    learned = int(learn * len(history.outcomes))
    asked = wanted(texts, history.spec, arrays.arms)
    rows = []
    for each in asked:
        progress(f"what {each.text} would have done")
        rows.append(_Row(each, *probabilities(each, history, arrays, learned)))
    progress("models of the rewards")
    logged = logged_of(history, arrays)
    judged = arrays.rows >= learned
    rng = np.random.default_rng(seed)
    progress("values and intervals")
    best = offline.best_arm(logged.where(judged))
    return Answer(
        history.spec.tenant,
        history.spec.domain,
        int(judged.sum()),
        history.skipped + len(history.outcomes) - n,
        history.unfollowed,
        int(logged.where(judged).cluster.max()) + 1,
        learned,
        _of_logged(logged.where(judged), rng),
        arrays.arms[best],
        [_policy(row, logged, arrays, best, rng) for row in rows],
        _notes(rows, arrays, learned),
    )


def logged_of(history: History, arrays: Arrays) -> Logged:
    """For the estimators: with a model of other folds, and one that predicted each outcome before it was seen."""
    data = arrays.columns
    _, _, predicted = along(MODEL, history, arrays)
    fold = folds_of(arrays.cluster)
    fitted = cross_fitted(data.features, data.chosen, data.reward, 1.0 / data.propensity, len(arrays.arms), fold)
    logged = data.propensities.astype(np.float64)
    return Logged(data.chosen, data.eligible, logged, data.reward, fitted, predicted, arrays.cluster)


def _of_logged(logged: Logged, rng: np.random.Generator) -> Less:
    found = offline.evaluate(logged, logged.propensities, rng).values[-1]
    estimate = float(logged.reward.mean())
    return Less(
        "", len(logged.reward), estimate, found.lower, found.upper, found.bootstrap_lower, found.bootstrap_upper
    )


def _policy(row: _Row, logged: Logged, arrays: Arrays, best: int, rng: np.random.Generator) -> PolicyAnswer:
    if not row.judged.any():
        raise EvaluationError(f"{row.wanted.text} could be evaluated on no outcome: its arm was never eligible")
    here, target = logged.where(row.judged), row.target[row.judged]
    found = offline.evaluate(here, target, rng)
    overlap = found.overlap
    return PolicyAnswer(
        row.wanted.text,
        found.n,
        overlap.effective,
        overlap.mean_weight,
        overlap.largest_weight,
        overlap.grade,
        overlap.words,
        None if np.isnan(found.design_effect) else found.design_effect,
        [Value(each.name, *(None if x is None or np.isnan(x) else x for x in each[1:])) for each in found.values],
        _differences(here, target, arrays, best, rng),
        _running(found.terms, here, target),
    )


def _differences(logged: Logged, target: Array, arrays: Arrays, best: int, rng: np.random.Generator) -> list[Less]:
    found = [offline.difference(logged, target, logged.propensities, "what was logged", rng)]
    there = logged.eligible[:, best]
    if there.any():
        K = len(arrays.arms)
        fixed = np.tile(np.eye(K)[best], (int(there.sum()), 1))
        # Which arm is best was chosen by the same data.
        name = f"always {arrays.arms[best]}"
        found.append(offline.difference(logged.where(there), target[there], fixed, name, rng, ALPHA / K))
    return [Less(*each) for each in found]


def _running(terms: Bounded, logged: Logged, target: Array) -> list[Moment]:
    n = len(logged.reward)
    rows = np.arange(n)
    weight = target[rows, logged.chosen] / logged.propensities[rows, logged.chosen]
    doubly = (target * logged.predicted).sum(axis=1) + weight * (logged.reward - logged.predicted[rows, logged.chosen])
    means = np.cumsum(doubly) / np.arange(1, n + 1)
    moments = np.unique(np.geomspace(min(30, n), n, _MOMENTS).astype(np.int64))
    return [Moment(t, float(means[t - 1]), *limits_at(terms, t)) for t in moments.tolist()]


def _notes(rows: Sequence[_Row], arrays: Arrays, learned: int) -> list[str]:
    found = []
    if not arrays.units:
        found.append(
            "The outcomes do not say who they are about (`unit` of contexts), so each counts as independent of the "
            "others; with several by one user, intervals are too narrow for other users."
        )
    elif int(arrays.cluster.max()) + 1 < FEWEST:
        found.append(f"There are fewer than {FEWEST} units: intervals are about these, not about others like them.")
    found += [
        f"{row.wanted.text} is evaluated on all outcomes; where it has learned from them, its value looks too good. "
        "`--learn SHARE` leaves out the first ones."
        for row in rows
        if isinstance(row.wanted, Frozen) and not learned
    ]
    along = [row.wanted.text for row in rows if isinstance(row.wanted, Learner) and row.wanted.learns and not learned]
    if along:
        found.append(
            f"{', '.join(along)} learned along, from these outcomes; with decisions of its own it would have learned "
            "from others."
        )
    return found
