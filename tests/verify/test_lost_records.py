"""Contexts without a decision, records without a dead letter, dead letters without a record."""

from schemas.errors import Reason
from schemas.events import Clock, Context, Reward

from .logs import BOTH, DOMAIN, FEATURES, TENANT, Logs, asked, decision, faults, packed, places


def test_lost_contexts_and_dead_letters() -> None:
    """A context is settled by a decision or a dead letter; one that cannot be read, by its dead letter only."""
    logs = Logs()
    settled = logs.context(1_000, "refused")
    logs.dead_letter(1_001, "contexts", settled, Reason.UNKNOWN_DOMAIN)
    logs.dead_letter(1_002, "contexts", settled, Reason.UNKNOWN_DOMAIN)  # again, after a crash
    logs.context(1_010, "lost")  # 1
    logs.context(1_011, "lost")  # 2: the same id is the same context
    kept = logs.raw("contexts", 1_020, b"acme", b"\xc1")
    logs.dead_letter(1_021, "contexts", kept)
    logs.raw("contexts", 1_030, None, b"\xc1")  # 4: vanished
    logs.event("contexts", 1_040, Context("x", "other", DOMAIN, FEATURES), key="acme")  # 5: vanished

    audit = logs.audit()

    assert faults(audit) == {"decision lost": 3}
    assert sorted(places(audit)) == [f"contexts partition 0 offset {offset}" for offset in (1, 4, 5)]
    assert audit.contexts == 2
    assert audit.bad == {"contexts": 3}
    assert audit.dead_letters == {"unknown-domain": 1, "not-messagepack": 1}
    assert audit.dead_letters_repeated == 1


def test_a_dead_letter_must_hold_the_record_it_names() -> None:
    """Another value, another partition and a record that is not there are faults, and settle no context."""
    logs = Logs(partition=3)
    logs.context(1_000, "a")
    logs.dead_letter(1_001, "contexts", 0)
    (letter,) = logs.topics["dead-letters"]
    assert letter.value is not None
    elsewhere = Logs(partition=2)
    elsewhere.context(1_000, "a")
    elsewhere.dead_letter(1_001, "contexts", 0)
    for value in (letter.value.replace(FEATURES, packed(9.0, 9.0)), elsewhere.topics["dead-letters"][0].value):
        logs.topics["dead-letters"] = [letter._replace(value=value)]
        assert faults(logs.audit()) == {"dead letter wrong": 1, "decision lost": 1}

    logs.topics["dead-letters"] = [letter]
    assert faults(logs.audit()) == {}
    logs.topics["contexts"] = []
    assert faults(logs.audit()) == {"dead letter wrong": 1}


def test_decisions_without_a_context() -> None:
    """A decision of an id, or a tenant, that nobody asked for is found; its context is lost."""
    logs = Logs()
    offset = logs.context(1_000, "a")
    logs.decision(1_001, decision("a", offset, tenant="other"))
    assert faults(logs.audit()) == {"decision without context": 1, "decision lost": 1}


def test_records_of_the_wrong_tenant_count_for_nothing() -> None:
    """A decision, reward or outcome whose key is not its tenant is bad, changes no figure and needs a dead letter."""
    logs = Logs()
    logs.spec(0, 1)
    a = asked(logs, 1_000, "a")
    logs.event("decisions", 1_010, decision("b"), key="other")
    logs.event("rewards", 1_020, Reward("r", TENANT, "a", BOTH), key="other")
    logs.raw("rewards", 1_030, b"acme", b"")
    logs.event("rewards", 3_000, Clock(), key="anything")
    logs.outcome(3_000, 0, a, "horizon", 2_005, {})
    logs.topics["outcomes"].append(logs.topics["outcomes"][1]._replace(offset=2, key=b"other"))

    audit = logs.audit()

    assert faults(audit) == {"record vanished": 4}
    assert audit.bad == {"decisions": 1, "rewards": 2, "outcomes": 1}
    assert (audit.decisions, audit.outcomes, audit.rewards.total()) == (1, 1, 0)

    for topic, offset in (("decisions", 1), ("rewards", 0), ("rewards", 1), ("outcomes", 2)):
        logs.dead_letter(3_100, topic, offset)
    assert faults(logs.audit()) == {}
