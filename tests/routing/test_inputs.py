"""A domain decides by what another of its tenant decided and earned, and says how probable that was."""

import itertools

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.domains import Arm, Component, DomainSpec, Input, LearnerSpec
from stream_workers.learning.processor import replay
from stream_workers.learning.recent import KEPT, OF_DOMAIN, OF_UNIT

from .chains import TENANT, Chains

DEPTHS, MODELS = ("light", "deep"), ("small", "large", "huge")
ANALYSIS = DomainSpec(
    TENANT, "analysis", 1, tuple(map(Arm, DEPTHS)), {"accuracy": Component(required=True)},
    LearnerSpec("even", "uniform"),
)  # fmt: skip
INPUTS = (
    Input("analysis", "choice", ("deep", "light")),
    Input("analysis", "propensity"),
    Input("analysis", "observation", name="toxicity"),
    Input("analysis", "reward"),
    Input("analysis", "recent_reward"),
    Input("routing", "recent_reward"),
)
ROUTING = DomainSpec(
    TENANT, "routing", 2, tuple(map(Arm, MODELS)), {"success": Component(required=True)},
    LearnerSpec("learned", "doubly_robust"), inputs=INPUTS,
)  # fmt: skip
OWN = (0.5, -1.0)


def features(decision):
    return np.frombuffer(decision.features, "<f4").tolist()


def inputs_of(decision):
    """What was appended, by input: None where it was not known."""
    values, at = features(decision)[2:], 0
    found = []
    for each in INPUTS:
        *numbers, known = values[at : at + each.width]
        assert known in (0.0, 1.0)
        assert known or not any(numbers)
        found.append(tuple(numbers) if known else None)
        at += each.width
    assert at == len(values)
    return found


def one_hot(arm):
    return (float(arm == "deep"), float(arm == "light"))


@pytest.mark.parametrize("read", ["nothing", "decision", "reward", "outcome", "after a crash"])
def test_a_parent_is_known_however_far_the_others_have_read(read):
    """Choice and propensity are known as soon as the router has decided; what was observed, when the joiner has read
    it; and the same after the outcome ended and the whole process was killed."""
    chains = Chains(ANALYSIS, ROUTING)
    parent = chains.ask("p", "analysis", (1.0,))
    if read != "nothing":
        chains.join()
    seen = None
    if read not in ("nothing", "decision"):
        chains.reward("p", toxicity=0.25)
        chains.join()
        seen = (0.25,)
    earned = None
    if read in ("outcome", "after a crash"):
        chains.reward("p", accuracy=0.75)
        chains.settle()
        earned = (0.75,)
    if read == "after a crash":
        chains.checkpoint()
        chains.crash()
    child = chains.ask("c", "routing", OWN, after="p")
    assert features(child)[:2] == list(OWN)
    assert inputs_of(child) == [one_hot(parent.arm), (0.5,), seen, earned, earned, None]
    assert (child.after, child.chain, child.unit) == ("p", 0.5, None)
    known = sum(each is not None for each in inputs_of(child))
    assert chains.router.inputs() == {"known": known, "unknown": len(INPUTS) - known}
    assert chains.dead == []


def test_the_outcome_that_the_learner_has_not_read_is_known():
    """Between the joiner's end of an outcome and the learner's reading of it nothing is unknown."""
    chains = Chains(ANALYSIS, ROUTING)
    chains.ask("p", "analysis", (1.0,))
    chains.join()
    chains.reward("p", toxicity=0.25, accuracy=1.0)
    chains.join()
    assert inputs_of(chains.ask("c", "routing", OWN, after="p"))[2:4] == [(0.25,), (1.0,)]


@pytest.mark.parametrize("read", ["open", "joined", "learned", "after a crash"])
def test_a_parent_that_nobody_followed_is_not_known(read):
    """What follows from another answer does not follow from the decision: no chain, and no input is made of it."""
    chains = Chains(ANALYSIS, ROUTING)
    chains.ask("p", "analysis", (1.0,), unit="u")
    chains.reward("p", unfollowed=1.0, toxicity=0.25)
    chains.join()
    if read != "open":
        chains.reward("p", accuracy=0.75)
        chains.join()
    if read in ("learned", "after a crash"):
        chains.settle()
    if read == "after a crash":
        chains.checkpoint()
        chains.crash()
    child = chains.ask("c", "routing", OWN, after="p", unit="u")
    assert inputs_of(child) == [None] * len(INPUTS)
    assert (child.after, child.chain) == ("p", None)


@pytest.mark.parametrize("after", [None, "nobody", "r"])
def test_what_nobody_knows_is_zero_and_says_so(after):
    """Without a parent, with one that never was, and with one of another domain: a decision all the same."""
    chains = Chains(ANALYSIS, ROUTING)
    chains.ask("r", "routing", OWN)
    child = chains.ask("c", "routing", OWN, after=after)
    assert inputs_of(child) == [None] * len(INPUTS)
    assert child.after == after
    assert (child.chain is None) == (after != "r")
    assert chains.dead == []
    chains.reward("c", success=1.0)
    chains.settle()
    assert chains.learner.domain(TENANT, "routing").report()["counts"]["outcomes"] == 1


def test_a_chain_multiplies():
    """Each decision's chain is the product of the probabilities before it, and an unknown one leaves it unknown."""
    chains = Chains(ANALYSIS, ROUTING)
    made = [chains.ask("d0", "analysis", (0.0,))]
    for number in range(1, 6):
        domain, own = (("routing", OWN), ("analysis", (0.0,)))[number % 2]
        made.append(chains.ask(f"d{number}", domain, own, after=f"d{number - 1}"))
    expected = 1.0
    for before, each in itertools.pairwise(made):
        expected *= np.frombuffer(before.propensities, "<f4")[before.choice]
        assert each.chain == pytest.approx(expected, rel=1e-12)
    assert inputs_of(made[4])[0] == one_hot(made[3].arm)  # the nearest of that domain
    lost = chains.ask("x", "analysis", (0.0,), after="nobody")
    assert lost.chain is None
    assert chains.ask("y", "routing", OWN, after="x").chain is None


def test_the_reward_of_units_and_domains():
    """The recent reward is the mean over the unit's last outcomes, and without a unit over the domain's."""
    chains = Chains(ANALYSIS, ROUTING)
    rng = np.random.default_rng(5)
    history = []
    for number in range(100):
        unit = ("u", "v", None)[number % 3]
        chains.ask(f"p{number}", "analysis", (0.0,), unit=unit)
        history.append((unit, float(rng.random())))
        chains.reward(f"p{number}", accuracy=history[-1][1])
    chains.settle()
    for name, last in (("u", OF_UNIT), ("v", OF_UNIT), (None, OF_DOMAIN)):
        rewards = [reward for unit, reward in history if name in (None, unit)][-last:]
        ((found,),) = (inputs_of(chains.ask(f"c-{name}", "routing", OWN, unit=name))[4],)
        assert found == pytest.approx(np.mean(rewards), rel=1e-6)
    assert inputs_of(chains.ask("c", "routing", OWN, unit="stranger"))[4] is None


def test_what_is_too_old_is_not_known():
    """The last outcomes of a domain are known, those long before are not, and the state does not grow."""
    chains = Chains(ANALYSIS, ROUTING)
    for number in range(2 * KEPT):
        chains.ask(f"p{number}", "analysis", (0.0,))
        chains.reward(f"p{number}", accuracy=1.0)
        chains.settle()
    chains.checkpoint()
    kept = sum(map(len, (key + value for key, value in chains.learner_state.items.items() if b"recent/" in key)))
    for number in range(KEPT):
        chains.ask(f"q{number}", "analysis", (0.0,))
        chains.reward(f"q{number}", accuracy=1.0)
    chains.settle()
    chains.checkpoint()
    after = sum(map(len, (key + value for key, value in chains.learner_state.items.items() if b"recent/" in key)))
    assert after == pytest.approx(kept, rel=0.15)
    chains.crash()  # what the router itself had seen is gone
    assert inputs_of(chains.ask("young", "routing", OWN, after="q0"))[3] == (1.0,)
    assert inputs_of(chains.ask("old", "routing", OWN, after=f"p{KEPT}"))[3] is None


def test_a_domain_nobody_looks_at_any_more_is_forgotten():
    """When the last input goes, so does what was kept for it; when it comes back, it begins anew."""
    chains = Chains(ANALYSIS, ROUTING)
    chains.ask("p", "analysis", (0.0,))
    chains.reward("p", accuracy=1.0)
    chains.settle()
    chains.checkpoint()
    assert any(b"recent/" in key for key in chains.learner_state.items)
    without = DomainSpec(TENANT, "routing", 2, ROUTING.arms, ROUTING.reward, ROUTING.champion)
    chains.declare(without, 7)
    chains.checkpoint()
    assert not any(b"recent/" in key or b"inputs/" in key for key in chains.learner_state.items)
    assert features(chains.ask("c", "routing", OWN)) == list(OWN)


ACTIONS = ["ask", "ask", "follow", "follow", "reward", "reward", "join", "learn", "checkpoint", "crash"]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(ACTIONS), min_size=20, max_size=80), st.integers(0, 2**32))
def test_decisions_are_right_under_restarts(actions, seed):
    """However work and crashes interleave: every chain of a decision that counts is the product over the decisions that
    count, every choice among its features is the one that counts, and the learner's state is the replay of its log."""
    learned = LearnerSpec("learned", "doubly_robust", {"gamma": 5000.0})
    chains = Chains(msgspec.structs.replace(ANALYSIS, champion=learned), ROUTING)
    rng = np.random.default_rng(seed)
    asked = []
    for number, action in enumerate(actions):
        if action == "ask":
            asked.append(chains.ask(f"p{number}", "analysis", (rng.normal(),), unit=f"u{number % 3}").id)
        elif action == "follow" and asked:
            chains.ask(f"c{number}", "routing", OWN, after=asked[rng.integers(len(asked))])
        elif action == "reward" and asked:
            chains.reward(asked[rng.integers(len(asked))], accuracy=float(rng.random()), toxicity=1.0)
        elif action in ("join", "learn", "checkpoint", "crash"):
            getattr(chains, action)()
    chains.settle()
    counted = chains.decisions()
    for each in counted.values():
        if each.after is not None:
            parent = counted[each.after]
            assert each.chain == float(np.frombuffer(parent.propensities, "<f4")[parent.choice])
            assert inputs_of(each)[0] == one_hot(parent.arm)
    chains.checkpoint()
    assert chains.learner_state.items == replay(0, chains.logs["outcomes"], batch=3).items
    assert chains.dead == []


def test_what_this_process_wrote_is_kept_within_bounds(monkeypatch):
    """Before anybody else has read them, the last decisions and outcomes are known, and those long before are not."""
    monkeypatch.setattr("stream_workers.routing.parents._KEPT", 20)
    chains = Chains(ANALYSIS, ROUTING)
    made = [chains.ask(f"p{number}", "analysis", (0.0,)) for number in range(50)]
    assert inputs_of(chains.ask("late", "routing", OWN, after="p49"))[0] == one_hot(made[49].arm)
    assert inputs_of(chains.ask("early", "routing", OWN, after="p10"))[0] is None
    chains.join()
    assert inputs_of(chains.ask("again", "routing", OWN, after="p10"))[0] == one_hot(made[10].arm)
