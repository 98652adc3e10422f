"""Specifications as a person would write them, and all that may be written: the inverse of `infra.domains.file`."""

import json
from collections.abc import Iterable

from hypothesis import strategies as st

from schemas.domains import Arm, Budget, Component, DomainSpec, Input, LearnerSpec, Quality


def to_toml(specs: Iterable[DomainSpec]) -> str:
    return "\n".join(_domain(spec) for spec in specs)


def _domain(spec: DomainSpec) -> str:
    lines = [
        "[[domain]]",
        f"tenant = {_value(spec.tenant)}",
        f"name = {_value(spec.domain)}",
        f'horizon = "{spec.horizon_ms}ms"',
    ]
    plain = ("features", "ends", "default_reward", "exploration_minimum", "forgetting", "content_features")
    plain += ("missing", "fleet")
    lines += [f"{field} = {_value(getattr(spec, field))}" for field in plain]
    if spec.baseline is not None:
        lines.append(f"baseline = {_value(spec.baseline)}")
    for each in spec.inputs:
        lines += ["[[domain.inputs]]", f"domain = {_value(each.domain)}", f"what = {_value(each.what)}"]
        lines += [f"arms = {_value(each.arms)}"] if each.arms else []
        lines += [f"name = {_value(each.name)}"] if each.name else []
    for arm in spec.arms:
        lines += ["[[domain.arms]]", f"name = {_value(arm.name)}"]
        lines += [f"price = {_value(arm.price)}", f"enabled = {_value(arm.enabled)}"]
        lines += [f"most = {_value(arm.most)}"] if arm.most is not None else []
    for name, part in spec.reward.items():
        lines.append(f"[domain.reward.{_value(name)}]")
        lines += [f"{field} = {_value(getattr(part, field))}" for field in Component.__struct_fields__]
    lines += ["[domain.champion]", *_learner(spec.champion)]
    for learner in spec.challengers:
        lines += ["[[domain.challengers]]", *_learner(learner)]
    if spec.budget is not None:
        lines += ["[domain.budget]", f"cost_per_request = {_value(spec.budget.cost_per_request)}"]
        lines += [f"hard_cap = {_value(spec.budget.hard_cap)}"] if spec.budget.hard_cap is not None else []
        lines += [f"period = {_value(spec.budget.period)}"]
    if spec.quality is not None:
        lines += ["[domain.quality]", f"share = {_value(spec.quality.share)}"]
        lines += [f"of = {_value(spec.quality.of)}"] if spec.quality.of else []
    return "\n".join(lines) + "\n"


def _learner(learner: LearnerSpec) -> list[str]:
    params = ", ".join(f"{_value(key)} = {_value(value)}" for key, value in learner.params.items())
    return [f"name = {_value(learner.name)}", f"kind = {_value(learner.kind)}", f"params = {{ {params} }}"]


def _value(value: object) -> str:
    return repr(value) if isinstance(value, float) else json.dumps(value)


names = st.builds("{}{}".format, st.sampled_from("aZ0"), st.text("bY1_.:/@+-", max_size=6))
_shares = st.floats(0, 1)
_prices = st.floats(0.001, 100)
_components = st.builds(
    Component, weight=st.floats(0.01, 100), worst=st.floats(-1e6, 0), best=st.floats(1, 1e6), required=st.booleans()
)


@st.composite
def specs(draw: st.DrawFn) -> DomainSpec:
    """Any valid specification (learner kinds without numeric parameters: the registry's tests try those)."""
    arms = tuple(
        Arm(name, draw(_prices), enabled=index == 0 or draw(st.booleans()), most=draw(st.floats(100, 200)))
        for index, name in enumerate(draw(st.lists(names, min_size=1, max_size=6, unique=True)))
    )
    learner_names = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    learners = [
        LearnerSpec(name, "fixed", {"arm": draw(st.sampled_from(arms)).name})
        if draw(st.booleans())
        else LearnerSpec(name, draw(st.sampled_from(["uniform", "doubly_robust"])))
        for name in learner_names
    ]
    reward = draw(st.dictionaries(names, _components, min_size=1, max_size=4))
    caps = st.none() | st.floats(200, 1000)
    budgets = st.builds(Budget, st.floats(100, 1000), caps, st.sampled_from(["hour", "day", "month"]))
    budget = draw(st.none() | budgets)
    floor = draw(st.none() | st.builds(Quality, st.floats(0.01, 1), st.just(arms[0].name)))
    if len({arm.price for arm in arms if arm.enabled}) < 2:
        floor = None
    if budget is not None:
        reward["cost"] = Component(weight=0.0, worst=1.0, best=0.0)
    domain = draw(names)
    return DomainSpec(
        tenant=draw(names),
        domain=domain,
        features=draw(st.integers(0, 1022)),
        arms=arms,
        reward=reward,
        champion=learners[0],
        challengers=tuple(learners[1:]),
        horizon_ms=draw(st.integers(100, 30 * 24 * 3600 * 1000)),
        ends="required" if any(part.required for part in reward.values()) and draw(st.booleans()) else "all",
        default_reward=draw(_shares),
        exploration_minimum=draw(st.floats(0, 1, exclude_min=True)),
        forgetting=draw(st.floats(0.9, 1, exclude_min=True)),
        budget=budget,
        content_features=draw(st.booleans()),
        missing=draw(st.sampled_from(["refuse", "mean"])),
        fleet=draw(st.booleans()),
        baseline=draw(st.none() | st.sampled_from([arm.name for arm in arms])),
        quality=floor,
        inputs=(Input(domain, "recent_reward"),) if draw(st.booleans()) else (),
    )
