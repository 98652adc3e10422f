"""Random logs: sound ones pass, and each injected fault is found."""

import random
from collections.abc import Callable

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas import wire
from schemas.events import Context, Outcome

from .logs import Logs, faults, places
from .random_logs import Step, causes, counted, due, give_up, steps, write

SCRIPTS = steps()
SEEDS = st.integers(0, 2**32)


def sound(script: list[Step], seed: int) -> tuple[Logs, list[Outcome]]:
    """A whole log: outcomes in some order, some of them written again."""
    logs = causes(script)
    outcomes = due(logs)
    rng = random.Random(seed)
    rng.shuffle(outcomes)
    written = outcomes + [outcome for outcome in outcomes if rng.random() < 0.3]
    write(logs, written)
    give_up(logs)
    return logs, outcomes


@given(SCRIPTS, SEEDS)
@settings(max_examples=150, deadline=None)
def test_sound_logs_pass(script: list[Step], seed: int) -> None:
    """Whatever apps write: with the outcomes that a naive reading finds, nothing is wrong and all add up."""
    logs, outcomes = sound(script, seed)

    audit = logs.audit()

    assert list(audit.findings.problems()) == []
    assert audit.decisions == audit.outcomes == len(outcomes) == len(counted(logs))
    assert audit.outcomes + audit.outcomes_repeated + 1 == len(logs.topics["outcomes"])  # 1: the specification
    rewards = sum(step.what == "reward" for step in script)
    assert audit.rewards.total() - audit.rewards["early"] == rewards
    assert audit.rewards["orphan"] == audit.orphans.total()
    tallies = audit.tallies.values()
    assert sum(tally.interactions for tally in tallies) == audit.decisions
    assert sum(tally.ended.total() for tally in tallies) == audit.outcomes
    assert sum(len(tally.latencies_ms) for tally in tallies) == len(
        {(each.decision.tenant, each.decision.id) for each in outcomes}
    )


@given(SCRIPTS, SEEDS)
@settings(max_examples=40, deadline=None)
def test_a_dropped_decision_is_lost(script: list[Step], seed: int) -> None:
    """Without any of its decision records a context is lost, and is named."""
    logs, outcomes = sound(script, seed)
    assume(outcomes)
    event = outcomes[0].decision
    logs.topics["decisions"] = [
        record
        for record in logs.topics["decisions"]
        if record.value == b"\xc1"
        or (getattr(found := wire.decode("decisions", record.value), "tenant", None), getattr(found, "id", None))
        != (event.tenant, event.id)
    ]

    audit = logs.audit()

    asked = Context(event.id, event.tenant, event.domain, event.features)
    first = next(record.offset for record in logs.topics["contexts"] if record.value == wire.encode(asked))
    assert faults(audit)["decision lost"] == 1
    assert f"contexts partition 0 offset {first}" in places(audit)


@given(SCRIPTS, SEEDS)
@settings(max_examples=40, deadline=None)
def test_a_second_outcome_with_another_ordinal_is_doubled(script: list[Step], seed: int) -> None:
    """Wherever in the log the sound one stands, one more with a new ordinal after it doubles one decision."""
    logs, outcomes = sound(script, seed)
    assume(outcomes)
    write(logs, [replace(outcomes[0], ordinal=len(outcomes))] * 2)

    audit = logs.audit()

    assert faults(audit) == {"outcome doubled": 1}
    assert places(audit) == [f"outcomes partition 0 offset {len(logs.topics['outcomes']) - 2}"]


@given(SCRIPTS, SEEDS)
@settings(max_examples=40, deadline=None)
def test_a_second_outcome_with_another_content_is_doubled(script: list[Step], seed: int) -> None:
    """The same ordinal with other content is no repetition."""
    logs, outcomes = sound(script, seed)
    assume(outcomes)
    write(logs, [replace(outcomes[0], ended_at_ms=outcomes[0].ended_at_ms + 1)])

    assert faults(logs.audit()) == {"outcome doubled": 1}


def _other(observations: dict[str, float]) -> dict[str, float]:
    return {**observations, "success": observations.get("success", 0.0) + 0.25}


ALTERATIONS: tuple[Callable[[Outcome], Outcome], ...] = (
    lambda each: replace(each, observations=_other(each.observations)),
    lambda each: replace(each, ended="horizon" if each.ended == "complete" else "complete"),
    lambda each: replace(each, ended_at_ms=each.ended_at_ms - 1),
    lambda each: replace(each, decided_at_ms=each.decided_at_ms + 1),
    lambda each: replace(each, decision_offset=each.decision_offset + 10_000),
    lambda each: replace(each, decision=replace(each.decision, features=each.decision.features[::-1])),
)


@given(SCRIPTS, SEEDS, st.sampled_from(ALTERATIONS))
@settings(max_examples=100, deadline=None)
def test_an_altered_outcome_is_wrong(script: list[Step], seed: int, alter: Callable[[Outcome], Outcome]) -> None:
    """An observation, an ending, a time or a feature that is another is found, also when it was written twice."""
    logs, outcomes = sound(script, seed)
    assume(outcomes)
    before = wire.encode(outcomes[-1])
    after = wire.encode(alter(outcomes[-1]))
    logs.topics["outcomes"] = [
        record._replace(value=after) if record.value == before else record for record in logs.topics["outcomes"]
    ]

    audit = logs.audit()

    assert faults(audit) == {"outcome wrong": 1}
    first = next(record.offset for record in logs.topics["outcomes"] if record.value == after)
    assert places(audit) == [f"outcomes partition 0 offset {first}"]


@given(SCRIPTS, SEEDS)
@settings(max_examples=40, deadline=None)
def test_a_dropped_outcome_is_missing(script: list[Step], seed: int) -> None:
    """Without any of its records an outcome is missing, and nothing else is wrong."""
    logs, outcomes = sound(script, seed)
    assume(outcomes)
    gone = wire.encode(outcomes[0])
    logs.topics["outcomes"] = [record for record in logs.topics["outcomes"] if record.value != gone]

    audit = logs.audit()

    assert faults(audit) == {"outcome missing": 1}
    assert places(audit) == [f"decisions partition 0 offset {outcomes[0].decision_offset}"]


@given(SCRIPTS, SEEDS)
@settings(max_examples=40, deadline=None)
def test_a_dropped_dead_letter_is_found(script: list[Step], seed: int) -> None:
    """Each dead letter is the only trace of its record: without one a context is lost, or a record has vanished."""
    logs, _ = sound(script, seed)
    letters = logs.topics["dead-letters"]
    assume(letters)
    gone = letters.pop(seed % len(letters))
    letter = wire.decode("dead-letters", gone.value)

    audit = logs.audit()

    expected = "decision lost" if letter.topic == "contexts" else "record vanished"
    assert faults(audit) == {expected: 1}
    assert places(audit) == [f"{letter.topic} partition 0 offset {letter.offset}"]


@given(SCRIPTS, SEEDS, st.sampled_from(("contexts", "decisions", "outcomes")))
@settings(max_examples=80, deadline=None)
def test_a_swapped_tenant_is_found(script: list[Step], seed: int, topic: str) -> None:
    """A record that moved to another tenant, key and all, is found whichever topic it is in."""
    logs, outcomes = sound(script, seed)
    assume(outcomes)
    chosen = outcomes[0]
    stranger = "mallory"
    if topic == "contexts":
        changed = {
            wire.encode(Context(chosen.decision.id, chosen.decision.tenant, chosen.decision.domain,
                                chosen.decision.features)):
            wire.encode(Context(chosen.decision.id, stranger, chosen.decision.domain, chosen.decision.features)),
        }  # fmt: skip
        expected = {"decision lost", "decision without context"}
    elif topic == "decisions":
        offset = chosen.decision_offset
        before = logs.topics[topic][offset].value
        assert before is not None
        changed = {before: wire.encode(replace(chosen.decision, tenant=stranger))}
        expected = {"decision without context"}
    else:
        changed = {
            wire.encode(chosen): wire.encode(replace(chosen, decision=replace(chosen.decision, tenant=stranger)))
        }
        expected = {"outcome wrong", "outcome missing"}
    logs.topics[topic] = [
        record._replace(key=stranger.encode(), value=changed[record.value]) if record.value in changed else record
        for record in logs.topics[topic]
    ]

    assert expected <= faults(logs.audit()).keys()
