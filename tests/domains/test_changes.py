"""The difference of two specifications, in words."""

import msgspec
import pytest
from hypothesis import given

from infra.domains.changes import differences
from infra.domains.file import parse
from schemas.domains import Arm, Budget, Component, DomainSpec, Input, LearnerSpec, Quality

from .broken import GOOD
from .written import specs

SPEC: DomainSpec = parse(GOOD, "good.toml")[0][0]
SMALL, LARGE = SPEC.arms


def changed(**fields):
    return msgspec.structs.replace(SPEC, **fields)


def with_component(name, **fields):
    return changed(reward={**SPEC.reward, name: msgspec.structs.replace(SPEC.reward[name], **fields)})


@given(specs())
def test_a_specification_does_not_differ_from_itself(spec):
    """What went through the wire format and back shows no difference."""
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(spec), type=DomainSpec)
    assert differences(spec, again) == []


@given(specs(), specs())
def test_differences_are_found_exactly_when_there_are_any(one, other):
    """No difference is said exactly when the specifications are equal, in both directions."""
    assert bool(differences(one, other)) == (one != other)
    assert bool(differences(other, one)) == (one != other)


@pytest.mark.parametrize(
    ("new", "sentence"),
    [
        (changed(arms=(SMALL, LARGE, Arm("huge", 0.5))), "arm huge added at $0.5"),
        (changed(arms=(SMALL, LARGE, Arm("huge", 2.0, enabled=False))), "arm huge added at $2, disabled"),
        (changed(arms=(SMALL,)), "arm large removed"),
        (changed(arms=(SMALL, Arm("large", 0.02, most=0.1))), "arm large repriced from $0.03 to $0.02"),
        (changed(arms=(SMALL, Arm("large", 0.03, enabled=False, most=0.1))), "arm large disabled"),
        (changed(arms=(SMALL, Arm("large", 0.03, most=0.2))), "arm large: most changed from $0.1 to $0.2"),
        (changed(arms=(LARGE, SMALL)), "arms reordered: large, small"),
        (with_component("success", weight=2.0), "reward success: weight from 1 to 2"),
        (with_component("cost", worst=0.1), "reward cost: worst from 0.05 to 0.1"),
        (with_component("cost", required=True), "reward cost is now required"),
        (with_component("success", required=False), "reward success is no longer required"),
        (
            changed(reward={**SPEC.reward, "thumbs": Component(worst=-1.0)}),
            "reward thumbs added: weight 1, -1 (worst) to 1 (best)",
        ),
        (changed(reward={"cost": SPEC.reward["cost"]}), "reward success removed"),
        (changed(horizon_ms=3_600_000), "horizon from 20s to 1h"),
        (changed(features=64), "features from 32 to 64"),
        (changed(ends="all"), "ends from required to all"),
        (changed(default_reward=0.5), "default reward from 0.25 to 0.5"),
        (changed(exploration_minimum=0.1), "exploration minimum from 0.05 to 0.1"),
        (changed(forgetting=1.0), "forgetting from 0.999 to 1"),
        (changed(content_features=True), "content features from off to on"),
        (changed(missing="mean"), "missing features from refuse to mean"),
        (changed(baseline="small"), "baseline from the highest price to small"),
        (changed(fleet=True), "fleet from off to on"),
        (changed(inputs=(Input("chat", "choice", ("a", "b")),)), "input choice of chat (a, b) added"),
        (changed(inputs=(Input("chat", "observation", name="x"),)), "input observation x of chat added"),
        (changed(budget=None), "budget of $0.01 a request, at most $5 a day removed"),
        (changed(budget=Budget(0.02)), "budget from $0.01 a request, at most $5 a day to $0.02 a request"),
        (
            changed(budget=Budget(0.01, 5.0, "month")),
            "budget from $0.01 a request, at most $5 a day to $0.01 a request, at most $5 a month",
        ),
        (
            changed(quality=Quality(0.95)),
            "quality floor from 90% of what large earns to 95% of what the baseline earns",
        ),
        (
            changed(champion=LearnerSpec("flat", "uniform")),
            "champion from learned (doubly_robust) to flat (uniform)",
        ),
        (
            changed(champion=LearnerSpec("learned", "doubly_robust", {"ridge": 2.0})),
            "champion learned: ridge from its default to 2",
        ),
        (changed(champion=LearnerSpec("learned", "uniform")), "champion learned: kind from doubly_robust to uniform"),
        (changed(challengers=()), "challenger strongest (fixed: arm = large) removed"),
        (
            changed(challengers=(*SPEC.challengers, LearnerSpec("even", "uniform"))),
            "challenger even (uniform) added",
        ),
        (
            changed(challengers=(LearnerSpec("strongest", "fixed", {"arm": "small"}),)),
            "challenger strongest: arm from large to small",
        ),
        (None, "domain removed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_single_change_is_one_sentence(new, sentence):
    """A specification with one change differs by exactly the sentence that says it."""
    assert differences(SPEC, new) == [sentence]


def test_a_new_domain_is_added():
    """Where there was nothing, one sentence says so; where there is nothing still, none."""
    assert differences(None, SPEC) == ["domain added"]
    assert differences(None, None) == []
