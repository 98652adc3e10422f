"""What differs between two specifications of a domain, in plain words."""

from collections.abc import Iterator, Sequence
from typing import Final

from schemas.domains import Arm, Budget, Component, DomainSpec, Input, LearnerSpec, Quality

from .duration import format_duration

#: Fields of a domain that are one plain value, and what people call them.
_PLAIN: Final = {
    "features": "features",
    "ends": "ends",
    "default_reward": "default reward",
    "exploration_minimum": "exploration minimum",
    "forgetting": "forgetting",
    "content_features": "content features",
    "missing": "missing features",
    "fleet": "fleet",
}


def differences(old: DomainSpec | None, new: DomainSpec | None) -> list[str]:
    """One sentence for each change from `old` to `new`; empty exactly when they are equal.  None: no such domain."""
    if old is None and new is None:
        return []
    if old is None:
        return ["domain added"]
    if new is None:
        return ["domain removed"]
    return list(_differences(old, new))


def _differences(old: DomainSpec, new: DomainSpec) -> Iterator[str]:
    for field, words in (("tenant", "tenant"), ("domain", "name"), *_PLAIN.items()):
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            yield _changed(words, before, after)
    if old.baseline != new.baseline:
        yield _changed("baseline", old.baseline or "the highest price", new.baseline or "the highest price")
    yield from _inputs(old.inputs, new.inputs)
    yield from _arms(old.arms, new.arms)
    yield from _components(old.reward, new.reward)
    if old.horizon_ms != new.horizon_ms:
        yield _changed("horizon", format_duration(old.horizon_ms), format_duration(new.horizon_ms))
    yield from _learners((old.champion,), (new.champion,), "champion")
    yield from _learners(old.challengers, new.challengers, "challenger")
    yield from _limits(old, new)


def _inputs(old: Sequence[Input], new: Sequence[Input]) -> Iterator[str]:
    before, after = [input_words(each) for each in old], [input_words(each) for each in new]
    yield from (f"input {each} removed" for each in before if each not in after)
    yield from (f"input {each} added" for each in after if each not in before)
    yield from _order(before, after, "inputs")


def input_words(each: Input) -> str:
    """An input as people call it: "choice of content_analysis (light, deep)"."""
    what = f"observation {each.name}" if each.what == "observation" else each.what.replace("_", " ")
    return f"{what} of {each.domain}" + (f" ({', '.join(each.arms)})" if each.arms else "")


def _arms(old: Sequence[Arm], new: Sequence[Arm]) -> Iterator[str]:
    before, after = {arm.name: arm for arm in old}, {arm.name: arm for arm in new}
    for name in before:
        if name not in after:
            yield f"arm {name} removed"
    for name, arm in after.items():
        if name not in before:
            yield f"arm {name} added at {_usd(arm.price)}{'' if arm.enabled else ', disabled'}"
            continue
        if arm.price != before[name].price:
            yield f"arm {name} repriced from {_usd(before[name].price)} to {_usd(arm.price)}"
        if arm.most != before[name].most:
            was, now = (_usd(each) if each is not None else "not said" for each in (before[name].most, arm.most))
            yield f"arm {name}: most changed from {was} to {now}"
        if arm.enabled != before[name].enabled:
            yield f"arm {name} {'enabled' if arm.enabled else 'disabled'}"
    yield from _order(list(before), list(after), "arms")


def _components(old: dict[str, Component], new: dict[str, Component]) -> Iterator[str]:
    for name in old:
        if name not in new:
            yield f"reward {name} removed"
    for name, component in new.items():
        if name not in old:
            range_ = f"{_words(component.worst)} (worst) to {_words(component.best)} (best)"
            yield f"reward {name} added: weight {_words(component.weight)}, {range_}" + (
                ", required" if component.required else ""
            )
            continue
        for field in Component.__struct_fields__:
            before, after = getattr(old[name], field), getattr(component, field)
            if before != after and field == "required":
                yield f"reward {name} is {'now' if after else 'no longer'} required"
            elif before != after:
                yield _changed(f"reward {name}: {field}", before, after)


def _learners(old: Sequence[LearnerSpec], new: Sequence[LearnerSpec], role: str) -> Iterator[str]:
    before, after = {each.name: each for each in old}, {each.name: each for each in new}
    if role == "champion" and list(before) != list(after):
        yield _changed("champion", _learner(old[0]), _learner(new[0]))
        return
    for name, learner in before.items():
        if name not in after:
            yield f"{role} {_learner(learner)} removed"
    for name, learner in after.items():
        if name not in before:
            yield f"{role} {_learner(learner)} added"
            continue
        if learner.kind != before[name].kind:
            yield _changed(f"{role} {name}: kind", before[name].kind, learner.kind)
        for key in sorted(before[name].params.keys() | learner.params.keys()):
            was, is_ = before[name].params.get(key), learner.params.get(key)
            if was != is_:
                yield _changed(f"{role} {name}: {key}", was, is_)
    yield from _order(list(before), list(after), f"{role}s")


def _limits(old: DomainSpec, new: DomainSpec) -> Iterator[str]:
    budgets = [budget_words(each.budget) if each.budget else None for each in (old, new)]
    yield from _limit("budget", *budgets)
    floors = [quality_words(each.quality) if each.quality else None for each in (old, new)]
    yield from _limit("quality floor", *floors)


def _limit(what: str, old: str | None, new: str | None) -> Iterator[str]:
    if old == new:
        return
    if old is None or new is None:
        yield f"{what} of {new or old} {'added' if new else 'removed'}"
        return
    yield _changed(what, old, new)


def budget_words(budget: Budget) -> str:
    """A budget as people say it: "$0.002 a request, at most $5 a day"."""
    target = f"{_usd(budget.cost_per_request)} a request"
    return target if budget.hard_cap is None else f"{target}, at most {_usd(budget.hard_cap)} a {budget.period}"


def quality_words(quality: Quality) -> str:
    """A floor as people say it: "95% of what large earns"."""
    return f"{100 * quality.share:g}% of what {quality.of or 'the baseline'} earns"


def _order(old: list[str], new: list[str], words: str) -> Iterator[str]:
    """Order is a part of a specification; say so when what stayed stands in another order."""
    stayed_before = [name for name in old if name in new]
    stayed_now = [name for name in new if name in old]
    if stayed_before != stayed_now:
        yield f"{words} reordered: {', '.join(new)}"


def _learner(learner: LearnerSpec) -> str:
    params = ", ".join(f"{key} = {_words(value)}" for key, value in sorted(learner.params.items()))
    return f"{learner.name} ({learner.kind}{': ' + params if params else ''})"


def _changed(what: str, before: object, after: object) -> str:
    return f"{what} from {_words(before)} to {_words(after)}"


def _words(value: object) -> str:
    if value is None:
        return "its default"
    if isinstance(value, bool):
        return "on" if value else "off"
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def _usd(price: float) -> str:
    return f"${_words(price)}"
