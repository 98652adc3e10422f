"""A hard cap is never passed: whatever is lost, late, repeated or killed."""

import itertools
from collections import defaultdict

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.domains import Arm, Budget, Component, DomainSpec, LearnerSpec
from schemas.errors import Reason, SpecificationError
from schemas.events import Outcome
from stream_workers.learning.domain import DomainState
from stream_workers.learning.processor import replay
from stream_workers.learning.spending import cap_of

from .chains import TENANT, Chains

HOUR = 3_600_000
MOST = {"small": 0.1, "large": 1.0, "huge": 3.0}
SPEC = DomainSpec(
    TENANT, "routing", 1, tuple(Arm(name, most / 3, most=most) for name, most in MOST.items()),
    {"success": Component(required=True), "cost": Component(weight=0.0)}, LearnerSpec("even", "uniform"),
    horizon_ms=500, budget=Budget(100.0, 10.0, "hour"),
)  # fmt: skip
FREE = msgspec.structs.replace(SPEC, arms=(*SPEC.arms, Arm("free", most=0.0)))


class Till(Chains):
    """A partition, and what its decisions really cost: the first record of an id is carried out, and paid."""

    def crash(self):
        """The router waits for what was in the logs at the crash, and not for what comes of it."""
        until = len(self.logs["outcomes"])
        self._start()
        self.join()
        records = self.logs["outcomes"][self._learned["outcomes"] : until]
        self._learned["outcomes"] = max(until, self._learned["outcomes"])
        if records:
            self.learner.apply("outcomes", records)
        if again := self.logs["contexts"][self._contexts :]:
            self.router.apply("contexts", again)

    def paid(self):
        """USD by hour, of the decisions that count, by their append times."""
        found, seen = defaultdict(float), set()
        for record in self.logs["decisions"]:
            decision = msgspec.msgpack.decode(record.value)
            id_, arms, choice = decision[1], decision[4], decision[5]
            if id_ not in seen:
                seen.add(id_)
                found[record.timestamp // HOUR] += cost_of(id_, arms[choice])
        return found


def cost_of(id_, arm):
    """What a decision costs: up to the most of its arm, and often exactly that."""
    share = np.random.default_rng(abs(hash_of(id_))).random()
    return MOST.get(arm, 0.0) * min(1.0, 2.0 * share)


def hash_of(id_):
    return sum((i + 1) * byte for i, byte in enumerate(id_.encode()))


OTHERS = ["again", "pay", "pay", "nonsense", "join", "learn", "checkpoint", "crash", "later"]
ACTIONS = [*["ask"] * 4, *OTHERS]


@pytest.mark.parametrize(
    ("observed", "charged"),
    [
        ({"cost": 0.25}, 0.25),
        ({}, MOST["large"]),
        ({"unfollowed": 1.0, "cost": 2.5}, 2.5),
        ({"unfollowed": 1.0}, MOST["huge"]),
        ({"unfollowed": 1.0, "answered_by": -1.0}, MOST["huge"]),
        ({"unfollowed": 1.0, "answered_by": 0.0}, MOST["large"]),
        ({"unfollowed": 1.0, "answered_by": 2.0}, MOST["huge"]),
        ({"answered_by": 2.0}, MOST["huge"]),
    ],
)
def test_whoever_answers_is_paid(observed, charged):
    """The cost that was observed is charged, whether or not the decision was followed; one that was lost is charged
    the most that whoever may have answered can cost."""
    till = Till(SPEC)
    till.ask("d", "routing", (0.0,), eligible=("small", "large", "huge"))
    decision = till.decisions()["d"]
    made = msgspec.structs.replace(decision, choice=decision.arms.index("large"))
    till._append("outcomes", msgspec.msgpack.encode(Outcome(0, "horizon", till.now, till.now, observed, 0, made)))
    till.learn()
    state = till.learner.domain(TENANT, "routing")
    assert state.charged(state.charged_period()) == charged
    assert state.report()["counts"] == {
        "outcomes": 1,
        "complete": 0,
        "removed_arm": 0,
        "costs": 1 if observed == {"cost": 0.25} else 0,
        "unfollowed": int("unfollowed" in observed),
    }
    assert replay(0, till.logs["outcomes"]).items.keys() == till_state(till).keys()


def till_state(till):
    till.learner.flush()
    return till.learner_state.items


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(ACTIONS), min_size=30, max_size=120), st.integers(0, 2**32), st.booleans())
def test_never_passed(actions, seed, free):
    """However requests, repetitions, feedback, reading, crashes and hours interleave, what the decisions of an hour
    really cost is at most the cap; and the learner's state is the replay of its log."""
    till, rng, asked = Till(FREE if free else SPEC), np.random.default_rng(seed), []
    for number, action in enumerate(actions):
        if action == "ask":
            only = None if rng.random() < 0.7 else ("huge",)
            made = till.ask(f"d{number}", "routing", (rng.normal(),), eligible=only)
            if made is not None:
                asked.append(made)
        elif action == "again" and asked:
            till.ask(asked[rng.integers(len(asked))].id, "routing", (0.0,))
        elif action == "pay" and asked:
            counted = till.decisions()[asked[rng.integers(len(asked))].id]
            till.reward(counted.id, success=1.0, cost=cost_of(counted.id, counted.arm))
        elif action == "nonsense" and asked:
            till.reward(asked[rng.integers(len(asked))].id, success=float("nan"), cost=float("nan"))
        elif action == "later":
            till.now += int(rng.choice([400, HOUR // 3]))
        elif action in ("join", "learn", "checkpoint", "crash"):
            getattr(till, action)()
    assert max(till.paid().values(), default=0.0) <= 10.0 + 1e-9
    till.settle()
    till.checkpoint()
    assert till.learner_state.items == replay(0, till.logs["outcomes"], batch=3).items


def test_spent_to_the_last_arm_that_fits():
    """Requests one after another: dear arms drop out of the record first, the cap is used up to what the cheapest may
    cost, then requests are refused with a reason, and the next hour begins anew."""
    till = Till(SPEC)
    made = [till.ask(f"d{i}", "routing", (0.0,)) for i in range(200)]
    decided = [each for each in made if each is not None]
    arms = [each.arms for each in decided]
    assert arms[0] == ("small", "large", "huge")
    assert all(set(after) <= set(before) for before, after in itertools.pairwise(arms))
    assert arms[-1] == ("small",)
    for each in decided:
        assert np.frombuffer(each.propensities, "<f4").sum() == pytest.approx(1.0)
    reserved = sum(MOST[each.arm] for each in decided)
    assert 10.0 - MOST["small"] - 1e-9 < reserved <= 10.0 + 1e-9
    assert len(till.dead) == 200 - len(decided)
    assert all(Reason.BUDGET_SPENT in error and "raise the cap" in error for _, _, error in till.dead)
    till.join()
    till.now += HOUR
    assert till.ask("next", "routing", (0.0,)) is not None


def test_what_was_paid_frees_the_rest():
    """An outcome with its cost gives back what was reserved above it; one without keeps the most for the whole hour."""
    till = Till(SPEC)
    first, second = (till.ask(name, "routing", (0.0,), eligible=("huge",)) for name in ("a", "b"))
    assert first is not None
    assert second is not None
    till.ask("c", "routing", (0.0,), eligible=("huge",))
    assert till.ask("d", "routing", (0.0,), eligible=("huge",)) is None  # 9 of 10 are reserved
    till.reward("a", success=1.0, cost=0.5)
    till.settle()
    assert till.ask("e", "routing", (0.0,), eligible=("huge",)) is not None  # 0.5, 3 and 3
    till.now += 600
    till.reward("e", success=1.0, cost=0.1)  # past the horizon of all
    till.settle()
    assert till.learner.domain(TENANT, "routing").charged(till.now // HOUR) == pytest.approx(0.5 + 3 * 3)


def test_a_free_arm_goes_on():
    """With an arm that costs nothing no request is refused."""
    till = Till(FREE)
    made = [till.ask(f"d{i}", "routing", (0.0,)) for i in range(300)]
    assert None not in made
    assert made[-1].arms in (("free",), ("small", "free"))
    assert till.dead == []


def test_another_cap_while_it_runs():
    """A cap that is raised holds from the next decision on, with what is open reserved."""
    till = Till(SPEC)
    while till.ask(f"d{till.now}", "routing", (0.0,)) is not None:
        pass
    till.join()
    till.declare(msgspec.structs.replace(SPEC, budget=Budget(100.0, 12.0, "hour")), 5)
    made = 0.0
    while (decision := till.ask(f"e{till.now}", "routing", (0.0,))) is not None:
        made += MOST[decision.arm]
    assert 2.0 - MOST["small"] < made + 1e-9 <= 2.0 + MOST["small"]
    assert max(till.paid().values()) <= 12.0


def test_periods():
    """Hours, days and months are those of UTC."""
    for period, moments in {
        "hour": (0, HOUR - 1, HOUR),
        "day": (0, 24 * HOUR - 1, 24 * HOUR),
        "month": (1_769_904_000_000 - 1 - 31 * 24 * HOUR + 1, 1_769_904_000_000 - 1, 1_769_904_000_000),
    }.items():
        cap = cap_of(msgspec.structs.replace(SPEC, budget=Budget(1.0, 1.0, period)))
        first, last, following = map(cap.number, moments)
        assert first == last == following - 1


def test_every_arm_says_what_it_may_cost():
    """Without that a cap could not be kept, and is refused."""
    spec = msgspec.structs.replace(SPEC, arms=(*SPEC.arms, Arm("vague", 0.1)))
    with pytest.raises(SpecificationError, match="vague"):
        DomainState(spec, 1)
