"""Priors come through the log: for a policy that is new or was asked to begin anew, and the same in every replay."""

import msgspec
import numpy as np
import pytest

from schemas import wire
from schemas.domains import Arm, Component, DomainSpec, LearnerSpec
from schemas.events import Decision, Outcome, SpecChange
from stream_workers.bandits import prior
from stream_workers.learning.domain import DomainState
from stream_workers.learning.processor import LearnerProcessor, replay
from stream_workers.runtime.stage import MemoryState

ARMS = ("a", "b")
SPEC = DomainSpec(
    "acme", "routing", 2, tuple(map(Arm, ARMS)), {"quality": Component(required=True)},
    LearnerSpec("learned", "squarecb"),
)  # fmt: skip
TOLD = prior.scores([prior.Score({}, {"a": 0.1, "b": 0.9}, 10)])
AGAIN = prior.scores([prior.Score({}, {"a": 0.9, "b": 0.1}, 10)], replace=True)


class Record:
    def __init__(self, offset, event):
        self.offset, self.timestamp, self.key = offset, 1000 + offset, b"acme"
        self.value = wire.encode(event)


def outcome(ordinal):
    rng = np.random.default_rng(ordinal)
    p = np.array([0.5, 0.5], "<f4").tobytes()
    x = rng.normal(size=2).astype("<f4").tobytes()
    decision = Decision(
        f"d{ordinal}", "acme", "routing", ARMS, int(rng.integers(2)), p, p, x, "learned", 0, 0, 1000, (), ordinal
    )
    return Outcome(ordinal, "complete", 0, 1, {"quality": float(rng.random())}, ordinal, decision)


def change(version, priors=None, **fields):
    return SpecChange(version, "acme", "routing", msgspec.structs.replace(SPEC, **fields), priors or {})


def estimates(state):
    x = np.zeros((1, 2), np.float32)
    return state.champion.distribution(x, np.ones((1, 2), np.bool_), np.zeros((1, 2)), 0.0)[1][0]


def run(*events):
    dead = []
    learner = LearnerProcessor(
        0, MemoryState(), lambda *_: None, lambda _topic, record, error: dead.append((record.offset, str(error)))
    )
    learner.apply("outcomes", [Record(offset, event) for offset, event in enumerate(events)])
    return learner.domain("acme", "routing"), dead


def test_a_new_domain_begins_with_its_prior():
    """Before the first outcome it prefers what the prior says, and without one it has no preference."""
    state, dead = run(change(0, {"learned": TOLD}))
    assert estimates(state)[1] > estimates(state)[0] + 0.3
    blank, _ = run(change(0))
    assert estimates(blank)[0] == estimates(blank)[1]
    assert dead == []


def test_a_policy_that_has_learned_keeps_that_unless_asked():
    """A prior for a policy that goes on changes nothing; one that replaces begins anew; a new one has its own."""
    outcomes = [outcome(ordinal) for ordinal in range(30)]
    more = (LearnerSpec("other", "linucb"),)
    expected, _ = run(change(0), *outcomes, change(1, challengers=more))
    kept, _ = run(change(0), *outcomes, change(1, {"learned": TOLD}, challengers=more))
    assert kept.to_bytes() == expected.to_bytes()
    begun, _ = run(change(0), *outcomes, change(1, {"learned": AGAIN}, challengers=more))
    assert estimates(begun)[0] > estimates(begun)[1] + 0.3
    with_other, _ = run(change(0), *outcomes, change(1, {"other": TOLD}, challengers=more))
    own, others = with_other.learning().policies
    assert own.to_bytes() == expected.champion.to_bytes()
    terms = expected.terms
    assert others.to_bytes() == prior.begin("linucb", terms.settings[1], TOLD).to_bytes()


def test_another_kind_under_the_same_name_is_new():
    """A policy whose kind changes has nothing to keep: it begins with its prior."""
    state, _ = run(change(0), outcome(0), change(1, {"learned": TOLD}, champion=LearnerSpec("learned", "linucb")))
    assert estimates(state)[1] > estimates(state)[0] + 0.3


@pytest.mark.parametrize(
    ("priors", "says"),
    [
        ({"nobody": TOLD}, "none of its policies"),
        ({"learned": b"damaged"}, "no prior"),
        ({"learned": prior.scores([prior.Score({7: 1.0}, {"a": 0.5}, 5)], replace=True)}, "feature 7"),
    ],
)
def test_a_wrong_prior_is_a_dead_letter_and_changes_nothing(priors, says):
    """Whoever wrote it, a prior that fits nothing leaves the domain as it was."""
    expected, _ = run(change(0), outcome(0))
    state, dead = run(change(0), outcome(0), change(1, priors))
    assert state.to_bytes() == expected.to_bytes()
    ((offset, reason),) = dead
    assert offset == 2
    assert says in reason


@pytest.mark.parametrize("batch", [1, 7, 100])
def test_the_state_is_a_function_of_the_log(batch):
    """With priors in it, a log leads to the same bytes however it is cut, and a stored state goes on as it was."""
    events = [change(0, {"learned": TOLD}), *(outcome(i) for i in range(40)), change(1, {"learned": AGAIN}),
              *(outcome(i) for i in range(40, 80))]  # fmt: skip
    records = [Record(offset, event) for offset, event in enumerate(events)]
    expected = replay(0, records).items
    assert replay(0, records, batch=batch).items == expected
    state, _ = run(*events)
    assert DomainState.from_bytes(state.to_bytes()).to_bytes() == state.to_bytes()
