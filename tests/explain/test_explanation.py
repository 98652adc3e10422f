"""What is said about a decision, against the parts that made it: joiner, router's sampler, reward."""

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from infra.explain.earned import earned
from infra.explain.evidence import Evidence, Placed
from infra.explain.explanation import explain
from infra.explain.feedback import feedback
from infra.explain.words import words
from schemas.events import Reward
from schemas.wire import decode, encode
from stream_workers.joining.processor import JoinerProcessor
from stream_workers.joining.rules import Spans
from stream_workers.learning.domain import DomainState
from stream_workers.learning.reward import reward_of
from stream_workers.runtime.stage import MemoryState

from ..cli.written import SPEC, decision, outcome, packed
from ..status.shown import shown

SPANS = Spans(early_ms=50, remember_ms=100)
NAMES = st.sampled_from(["success", "cost", "latency_ms", "thumbs"])


@dataclass
class Record:
    offset: int
    timestamp: int
    value: bytes
    key: bytes = b"acme"


def joined_by_the_joiner(decisions, rewards):
    """Tallies and outcomes of the real joiner on this log, after everything in it has ended."""
    outcomes = []
    joiner = JoinerProcessor(
        0,
        MemoryState(),
        lambda topic, key, value: outcomes.append(decode(topic, value)),
        lambda topic, record, error: None,
        early_ms=SPANS.early_ms,
        remember_ms=SPANS.remember_ms,
    )
    clock = [Record(10_000, 1_000_000, b"\x91\xa7clock.1")]
    joiner.apply("decisions", [*(Record(d.offset, d.appended_at, encode(d.event)) for d in decisions), *clock])
    joiner.apply("rewards", [*(Record(r.offset, r.appended_at, encode(r.event)) for r in rewards), *clock])
    return joiner.tallies().get("acme", {}), outcomes


def placed(events, times):
    """Events with their times, effective ones too: a broker's clock may jump back."""
    latest, found = 0, []
    for offset, (event, time) in enumerate(zip(events, times, strict=True)):
        latest = max(latest, time)
        found.append(Placed(event, 0, offset, time, latest))
    return found


@st.composite
def rewards(draw):
    observations = st.dictionaries(NAMES, st.integers(0, 1).map(float), min_size=1, max_size=3)
    brought = draw(st.lists(observations, max_size=8))
    times = draw(st.lists(st.integers(0, 400), min_size=len(brought), max_size=len(brought)))
    return placed([Reward(f"r{n}", "acme", "d", each) for n, each in enumerate(brought)], times)


@given(rewards(), st.integers(0, 150), st.lists(st.sampled_from(["success", "cost"]), unique=True))
def test_feedback_is_what_the_joiner_made_of_it(given_rewards, horizon_ms, awaited):
    """Each reward is called what the joiner counted it as, and the open outcome's observations are the joiner's."""
    decided = placed([decision("d", horizon_ms=horizon_ms, awaited=tuple(awaited))], [100])
    tallies, (ended,) = joined_by_the_joiner(decided, given_rewards)
    found = feedback(decided, given_rewards, SPANS)
    became = Counter(each.became for each in found)
    assert became["joined"] + became["early"] == tallies["rewards_joined"]
    assert became["early"] == tallies["rewards_early"]
    for name in ("duplicate", "surplus", "late"):
        assert became[name] == tallies[f"rewards_{name}"], name
    assert len(found) == len(given_rewards) - tallies["rewards_orphan"]
    evidence = Evidence(tuple(decided), (), None, tuple(given_rewards), None, SPEC, None)
    assert explain(evidence, SPANS, 0).observations == ended.observations


@given(rewards(), st.integers(0, 150), st.integers(0, 400))
def test_a_used_id(given_rewards, horizon_ms, gap):
    """Of an id used twice, the rewards that belong to the second decision are those the joiner gave to it."""
    first = 100
    second = first + horizon_ms + SPANS.remember_ms + 1 + gap
    decided = placed([decision("d", horizon_ms=horizon_ms), decision("d", horizon_ms=horizon_ms)], [first, second])
    tallies, outcomes = joined_by_the_joiner(decided, given_rewards)
    assert tallies["decisions"] == 2
    ended = next(each for each in outcomes if each.decision_offset == 1)
    evidence = Evidence(tuple(decided), (), None, tuple(given_rewards), None, SPEC, None)
    explanation = explain(evidence, SPANS, 0)
    assert explanation.observations == ended.observations
    assert explanation.earlier_uses == 1


@given(st.text(min_size=1, max_size=40), st.integers(0, 2**32 - 1))
def test_a_routers_decision_is_repeatable(name, seed):
    """The draw of a decision made as the router makes it leads to its arm again; of another arm it is said not to."""
    from stream_workers.bandits.randomness import draws

    state = DomainState(SPEC, 0)
    features = np.random.default_rng(seed).normal(size=(1, 2)).astype(np.float32)
    choices = state.decide(features, None, draws([name], "acme/routing"))
    made = decision(
        name,
        choice=int(choices.arm[0]),
        propensities=packed(*choices.propensities[0, :2]),
        scores=packed(*choices.scores[0, :2]),
    )
    said = explain(evidence_of(made), SPANS, 0)
    assert said.repeatable
    assert said.arm == SPEC.arms[int(choices.arm[0])].name
    assert said.probability == float(str(choices.propensities[0, choices.arm[0]]))
    assert not explain(
        evidence_of(decision(name, choice=1 - made.choice, propensities=made.propensities)), SPANS, 0
    ).repeatable


def evidence_of(made, **fields):
    return Evidence(**{
        "uses": tuple(placed([made], [100])), "repeats": (), "context": None, "rewards": (), "outcome": None,
        "spec": SPEC, "later_spec": None, **fields,
    })  # fmt: skip


def test_exploration_is_told_from_first_choices():
    """The likeliest arm is the first choice, any other is exploration; the score is judged by itself."""
    first = explain(evidence_of(decision("d", choice=1)), SPANS, 0)
    assert (first.arm, first.probability, first.first_choice, first.best_score) == ("strong", 0.75, True, True)
    other = explain(evidence_of(decision("d", choice=0)), SPANS, 0)
    assert (other.arm, other.probability, other.first_choice, other.best_score) == ("weak", 0.25, False, False)
    assert [each.name for each in other.arms] == ["strong", "weak"]
    assert [each.price for each in other.arms] == [0.03, 0.001]
    assert other.not_eligible == {"old": "not enabled"}
    alone = decision("d", choice=0, arms=("weak",), propensities=packed(1.0), scores=packed(0.4), restrictions=REASONS)
    assert explain(evidence_of(alone), SPANS, 0).not_eligible == {
        "strong": "restricted: unhealthy",
        "old": "restricted: disabled",
    }
    assert explain(evidence_of(alone, spec=None), SPANS, 0).not_eligible == {
        "strong": "restricted: unhealthy",
        "old": "restricted: disabled",
    }
    fixed = explain(evidence_of(decision("d", choice=1, scores=packed(0.9, 0.1))), SPANS, 0)
    assert (fixed.first_choice, fixed.best_score) == (True, False)
    assert explain(evidence_of(decision("d", scores=packed(math.nan, math.nan))), SPANS, 0).best_score is None


def test_open_and_overdue():
    """Before its horizon a decision without an outcome is open, after it overdue."""
    evidence = evidence_of(decision("d", horizon_ms=50))
    assert explain(evidence, SPANS, 150).ended == "open"
    assert explain(evidence, SPANS, 151).ended == "overdue"
    assert explain(evidence, SPANS, 151).missing == ["success", "cost"]


def test_a_decision_that_nobody_followed():
    """It is said that nobody did, who answered instead, and that nothing is learned; no reward is made of it."""
    made, answered = decision("d", choice=1), {"unfollowed": 1.0, "answered_by": 0.0, "success": 1.0}
    ended = Placed(outcome(made, **answered), 0, 9, 200, 200)
    said = explain(evidence_of(made, outcome=ended), SPANS, 300)
    assert (said.followed, said.answered_by) == (False, "weak")
    page = " ".join(shown(words(said)).split())
    assert "weak answered instead of strong. Nobody acted on it" in page
    assert "nothing is learned from it" in page
    assert "It earned" not in page
    late = explain(evidence_of(made, rewards=tuple(placed([Reward("r", "acme", "d", {"unfollowed": 1.0})], [110]))),
                   SPANS, 120)  # fmt: skip
    assert (late.followed, late.answered_by) == (False, None)
    failed = explain(evidence_of(made, outcome=Placed(outcome(made, error=1.0, answered_by=0.0), 0, 9, 200, 200)),
                     SPANS, 300)  # fmt: skip
    assert (failed.followed, failed.answered_by) == (True, "weak")
    page = " ".join(shown(words(failed)).split())
    assert "weak answered instead of strong. " in page
    assert "It earned" in page


REASONS = {"strong": "unhealthy", "old": "disabled"}
OBSERVED = st.dictionaries(st.sampled_from(["success", "cost", "other"]), st.floats(0, 1))


@given(OBSERVED)
def test_what_it_earned_is_what_the_learner_learns(observations):
    """The reward and its parts are the learner's: the parts' weighted mean is the reward whenever it is complete."""
    found = earned(3, SPEC, observations)
    assert (found.reward, found.complete) == reward_of(SPEC, observations)
    assert {part.name: part.observed for part in found.parts} == {name: observations.get(name) for name in SPEC.reward}
    if found.complete:
        worth = [part.weight * (found.default_reward if part.utility is None else part.utility) for part in found.parts]
        assert math.isclose(sum(worth) / sum(part.weight for part in found.parts), found.reward, abs_tol=1e-12)


@given(OBSERVED)
def test_the_version_in_force_at_the_outcome_is_told(observations):
    """Both rewards are given: under the version that decided, and under a later one by which it was learned."""
    made = decision("d", spec=2)
    ended = Placed(outcome(made, **observations), 0, 9, 160, 160)
    said = explain(evidence_of(made, outcome=ended), SPANS, 0)
    assert said.earned == earned(2, SPEC, observations)
    assert said.learned_as is None
    said = explain(evidence_of(made, outcome=ended, later_spec=(5, SPEC)), SPANS, 0)
    assert said.learned_as == earned(5, SPEC, observations)
    assert explain(evidence_of(made, outcome=ended, spec=None), SPANS, 0).earned is None
