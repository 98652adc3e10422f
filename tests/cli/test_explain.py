"""`croupier explain` over a real log."""

import json

import msgspec
import pytest

from schemas.domains import Component
from schemas.errors import Reason
from schemas.events import DeadLetter, SpecChange

from .conftest import croupier
from .written import SPEC, context, decision, outcome, packed, reward, spec_change

DEARER = msgspec.structs.replace(SPEC, reward={**SPEC.reward, "cost": Component(0.5, worst=0.01, best=0.0)})


@pytest.fixture
def told(deployment):
    """A decision with everything: request, feedback of several kinds, outcome, a specification changed on the way."""
    (version,) = deployment.put(("specs", "acme/routing", spec_change(0)))
    assert version.offset == 0
    before = [("contexts", "acme", context(f"before-{n}")) for n in range(3)]
    asked = deployment.put(*before, ("contexts", "acme", context("d1", eligible=("weak", "strong"))))[-1]
    deployment.put(("outcomes", "acme", spec_change(0)))
    made = decision("d1", context_offset=asked.offset)
    decided = deployment.put(("decisions", "acme", decision("d0")), ("decisions", "acme", made))[-1]
    sent = deployment.put(
        ("decisions", "acme", decision("d1", choice=0)),  # decided again after a crash
        ("rewards", "acme", reward("r1", "d1", success=1)),
        ("rewards", "acme", reward("r2", "d1", success=0)),
        ("rewards", "acme", reward("r3", "d0", success=0)),
        ("rewards", "acme", reward("r4", "d1", cost=0.005)),
        ("rewards", "acme", reward("r5", "d1", thumbs=1)),
        ("outcomes", "acme", spec_change(1, DEARER)),
    )
    ended = outcome(made, 1, "complete", decided.timestamp, sent[4].timestamp, decided.offset, success=1.0, cost=0.005)
    deployment.put(
        ("outcomes", "acme", outcome(decision("d0"), 0, "horizon", 0, 1, decided.offset - 1)),
        ("outcomes", "acme", ended),
        ("outcomes", "acme", msgspec.structs.replace(ended, observations={"success": 0.0})),  # does not count
        ("outcomes", "acme", spec_change(2)),
    )
    return asked, decided


@pytest.mark.kafka
@pytest.mark.parametrize(
    "options", [(), ("--tenant", "acme"), ("--since", "1h"), ("--since", "1h", "--tenant", "acme")]
)
def test_the_whole_story(deployment, told, options):
    """Choice, chances, feedback, end and reward are those of the log, however the search was narrowed."""
    asked, decided = told
    found = json.loads(croupier("explain", "d1", "--json", *options, *deployment.options).stdout)
    assert (found["tenant"], found["domain"], found["arm"]) == ("acme", "routing", "strong")
    assert (found["partition"], found["offset"]) == (decided.partition, decided.offset)
    assert (found["decided_at"], found["latency_ms"]) == (decided.timestamp, decided.timestamp - asked.timestamp)
    chances = {arm["name"]: (arm["probability"], arm["score"], arm["price"]) for arm in found["arms"]}
    assert chances == {"strong": (0.75, 0.7, 0.03), "weak": (0.25, 0.4, 0.001)}
    assert found["not_eligible"] == {"old": "not enabled"}
    assert (found["first_choice"], found["best_score"], found["kind"]) == (True, True, "doubly_robust")
    assert found["repeats"] == [decided.offset + 1]
    became = {each["id"]: each["became"] for each in found["feedback"]}
    assert became == {"r1": "joined", "r2": "duplicate", "r4": "joined", "r5": "surplus"}
    assert (found["ended"], found["observations"]) == ("complete", {"success": 1.0, "cost": 0.005})
    assert found["earned"]["version"] == 0
    assert found["earned"]["reward"] == pytest.approx((1 + 0.5 * 0.9) / 1.5)
    assert found["learned_as"]["version"] == 1
    assert found["learned_as"]["reward"] == pytest.approx((1 + 0.5 * 0.5) / 1.5)


@pytest.mark.kafka
def test_in_words(deployment, told):
    """The same for people, as sentences and tables."""
    text = " ".join(croupier("explain", "d1", *deployment.options).stdout.split())
    for part in (
        "Policy learned (doubly_robust), under version 0 of the domain's specification, chose strong",
        "the policy's first choice",
        "No arm had a better score",
        "old not enabled",
        "duplicate: all of it was known",
        "surplus: the outcome had ended",
        "It ended complete after",
        "It earned a reward of 0.9667 under version 0",
        "By then version 1 was in force: it was learned as a reward of 0.8333",
    ):
        assert part in text, part


@pytest.mark.kafka
def test_late_feedback_and_the_horizon(deployment):
    """Feedback after the horizon is called late, an outcome by horizon tells what was missing and earns the default."""
    deployment.put(("specs", "acme/routing", spec_change(0)))
    made = decision("d1", horizon_ms=1, choice=0)
    (decided,) = deployment.put(("decisions", "acme", made))
    while deployment.put(("rewards", "acme", reward("r", "d1", success=1)))[0].timestamp <= decided.timestamp + 1:
        pass
    explain = ("explain", "d1", "--tenant", "acme", *deployment.options)
    overdue = json.loads(croupier(*explain, "--json").stdout)
    assert (overdue["ended"], overdue["earned"], overdue["feedback"][-1]["became"]) == ("overdue", None, "late")
    assert "croupier status" in croupier(*explain).stdout
    ended_at = decided.timestamp + 1
    deployment.put(
        ("outcomes", "acme", spec_change(0)), ("outcomes", "acme", spec_change(1, None)),
        ("outcomes", "acme", outcome(made, 0, "horizon", decided.timestamp, ended_at, decided.offset)),
    )  # fmt: skip
    found = json.loads(croupier(*explain, "--json").stdout)
    assert (found["ended"], found["earned"]["reward"], found["earned"]["complete"]) == ("horizon", 0.0, False)
    assert found["missing"] == ["success", "cost"]
    text = croupier(*explain).stdout
    assert "late: after the horizon" in text
    assert "exploration: the policy's first choice was strong" in " ".join(text.split())


@pytest.mark.kafka
def test_a_specification_that_compaction_took(deployment):
    """The version that decided is found in the outcomes log when `specs` no longer has it."""
    deployment.put(*(("specs", f"acme/other-{n}", SpecChange(0, "acme", f"other-{n}", None)) for n in range(3)))
    deployment.put(("outcomes", "acme", spec_change(2)))
    filler = [("outcomes", "acme", outcome(decision(f"f{n}"), n)) for n in range(200)]
    last = deployment.put(*filler)[-1]
    made = decision("d1", spec=2, learned=last.offset + 1)
    (decided,) = deployment.put(("decisions", "acme", made))
    deployment.put(("outcomes", "acme", outcome(made, 200, "complete", 0, 1, decided.offset, success=1.0, cost=0.0)))
    found = json.loads(croupier("explain", "d1", "--json", *deployment.options).stdout)
    assert (found["earned"]["version"], found["earned"]["reward"], found["learned_as"]) == (2, 1.0, None)


@pytest.mark.kafka
def test_what_is_not_there(deployment):
    """An id without a decision exits with 1 and says what there is instead: nothing, a request, or a dead letter."""
    deployment.put(
        ("contexts", "acme", context("waiting")),
        ("decisions", "acme", decision("d1")),
        ("decisions", "acme", decision("no-arm", choice=9)),
        (
            "dead-letters",
            "acme",
            DeadLetter(
                "router", Reason.UNKNOWN_DOMAIN, "tenant 'acme' has no domain 'x'", "contexts", 1, 7, 0, b"acme",
                msgspec.msgpack.encode(context("refused", domain="x")),
            ),
        ),
    )  # fmt: skip

    def said(*arguments):
        return " ".join(croupier("explain", *arguments, *deployment.options, code=1).stderr.split())

    assert "is the id right?" in said("d2")
    assert "look further back" in said("d2", "--since", "5m")
    assert "not decided yet" in said("waiting")
    assert "not decided yet" in said("waiting", "--tenant", "acme", "--since", "5m")
    assert "refused: unknown-domain: tenant 'acme' has no domain 'x'" in said("refused")
    assert "is the id right?" in said("no-arm")
    assert "the tenant?" in said("d1", "--tenant", "other")
    assert "error" in json.loads(croupier("explain", "d2", "--json", *deployment.options, code=1).stdout)


@pytest.mark.kafka
def test_an_id_that_two_tenants_use(deployment):
    """Nothing is guessed: without the tenant it exits with 1 and names both; with it, each has its own decision."""
    deployment.put(
        ("decisions", "acme", decision("same")),
        ("decisions", "other", decision("same", "other", choice=0, propensities=packed(1, 0))),
    )
    assert "acme, other" in croupier("explain", "same", *deployment.options, code=1).stderr
    found = json.loads(croupier("explain", "same", "--tenant", "other", "--json", *deployment.options).stdout)
    assert (found["tenant"], found["arm"]) == ("other", "weak")
    assert (found["latency_ms"], found["kind"], found["earned"]) == (None, None, None)
