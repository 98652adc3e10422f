"""Specifications as people write them: the inverse of `file`, for who wants to change what is in force."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from schemas.domains import Arm, DomainSpec, Input, LearnerSpec

from .duration import format_duration

#: Of these a file says only what is not the default.
_QUIET: Final = (
    "ends", "default_reward", "forgetting", "content_features", "missing", "fleet", "baseline",
)  # fmt: skip
_ALWAYS: Final = ("features", "exploration_minimum")
_DEFAULTS: Final = {field.name: field.default for field in msgspec.structs.fields(DomainSpec)}


def to_toml(specs: Iterable[DomainSpec]) -> str:
    """A domain file that declares exactly these."""
    return "\n".join("\n".join(_domain(spec)) + "\n" for spec in specs)


def _domain(spec: DomainSpec) -> Iterator[str]:
    yield "[[domain]]"
    yield f"tenant = {_value(spec.tenant)}"
    yield f"name = {_value(spec.domain)}"
    for name in _ALWAYS:
        yield f"{name} = {_value(getattr(spec, name))}"
    yield f"horizon = {_value(format_duration(spec.horizon_ms))}"
    for name in _QUIET:
        if getattr(spec, name) != _DEFAULTS[name]:
            yield f"{name} = {_value(getattr(spec, name))}"
    yield "arms = ["
    for arm in spec.arms:
        yield f"    {_inline(_arm(arm))},"
    yield "]"
    if spec.inputs:
        yield "inputs = ["
        for each in spec.inputs:
            yield f"    {_inline(_input(each))},"
        yield "]"
    if spec.budget is not None:
        yield f"budget = {_inline(_told(spec.budget, hard_cap=None))}"
    if spec.quality is not None:
        yield f"quality = {_inline(_told(spec.quality, of=None))}"
    for name, part in spec.reward.items():
        yield ""
        yield f"[domain.reward.{_key(name)}]"
        for key, value in _told(part, worst=0.0, best=1.0, required=False).items():
            yield f"{key} = {_value(value)}"
    yield ""
    yield "[domain.champion]"
    yield from _learner(spec.champion)
    for challenger in spec.challengers:
        yield ""
        yield "[[domain.challengers]]"
        yield from _learner(challenger)


def _learner(learner: LearnerSpec) -> Iterator[str]:
    yield f"name = {_value(learner.name)}"
    yield f"kind = {_value(learner.kind)}"
    if learner.params:
        yield f"params = {_inline(learner.params)}"


def _arm(arm: Arm) -> dict[str, Any]:
    return _told(arm, enabled=True, most=None)


def _input(each: Input) -> dict[str, Any]:
    return _told(each, arms=(), name=None)


def _told(struct: Any, **quiet: object) -> dict[str, Any]:
    """Its fields, without those that have their quiet value."""
    fields = {name: getattr(struct, name) for name in struct.__struct_fields__}
    return {name: value for name, value in fields.items() if name not in quiet or value != quiet[name]}


def _inline(fields: dict[str, Any]) -> str:
    return f"{{ {', '.join(f'{_key(key)} = {_value(value)}' for key, value in fields.items())} }}"


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else _value(name)


def _value(value: object) -> str:
    return repr(value) if isinstance(value, float) else json.dumps(value)
