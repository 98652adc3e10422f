"""What the keys of a domain must be together, beyond each being of its type.

Every rule reads the table as written and speaks only when the parts it needs are of the right type, so that a file
with one wrong number still gets every other message.
"""

import math
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, get_args

from schemas.domains import Arm, Component, Input, LearnerSpec
from schemas.errors import SpecificationError
from schemas.events import MAX_FEATURES

from .lines import Path
from .problems import Problems, show, suggestion
from .structure import is_number

Table = dict[str, Any]

#: The observation that a budget is kept by.
COST: Final = "cost"

#: Below what the changelog topics take (schemas.topics), with room for the rest of a domain's state.
LARGEST_STATE_BYTES: Final = 12 * 2**20

KINDS: Final[tuple[str, ...]] = get_args(LearnerSpec.__annotations__["kind"])


def check_rules(table: Table, path: Path, problems: Problems) -> None:
    """Report every rule that one [[domain]] table breaks."""
    for rule in RULES:
        rule(table, path, problems)


def arm_names_are_unique(table: Table, path: Path, problems: Problems) -> None:
    """Learned values belong to an arm by its name."""
    _unique(((arm, (*path, "arms", index)) for index, arm in _tables(table, "arms")), "arm", problems)


def some_arm_is_enabled(table: Table, path: Path, problems: Problems) -> None:
    """A domain without an arm to choose could only produce dead letters."""
    arms = [arm for _, arm in _tables(table, "arms")]
    if arms and all(arm.get("enabled", True) is False for arm in arms):
        problems.add((*path, "arms"), "only arms with enabled = false", "at least one enabled arm")


def reward_can_vary(table: Table, path: Path, problems: Problems) -> None:
    """The reward is a weighted mean over components, so some weight must count and every range must have a length."""
    weights: list[float] = []
    for name, component in _named_tables(table, "reward"):
        here = (*path, "reward", name)
        worst, best = (_number(component, key, Component) for key in ("worst", "best"))
        if worst is not None and best is not None:
            key = "best" if "best" in component else "worst"
            if worst == best:
                problems.add((*here, key), f"worst and best both {best:g}", "a best that differs from worst")
            elif not math.isfinite(best - worst):
                problems.add((*here, key), f"worst {worst:g} and best {best:g}", "a range whose length is finite")
        weights.append(math.nan if (weight := _number(component, "weight", Component)) is None else weight)
    if weights and not any(weights):
        problems.add((*path, "reward"), "only components with weight = 0", "at least one weight above 0")
    elif not any(map(math.isnan, weights)) and not math.isfinite(sum(weights)):
        problems.add((*path, "reward"), f"weights that sum to {sum(weights)}", "weights with a finite sum")


def something_is_awaited(table: Table, path: Path, problems: Problems) -> None:
    """With `ends = "required"` an outcome ends when all required components are there: there must be one."""
    components = dict(_named_tables(table, "reward"))
    if table.get("ends") == "required" and components:
        required = [each.get("required", False) for each in components.values()]
        if not any(value is not False for value in required):
            problems.add(
                (*path, "ends"),
                '"required" and no reward component with required = true',
                'at least one required component, or ends = "all"',
            )


def learner_names_are_unique(table: Table, path: Path, problems: Problems) -> None:
    """State and estimates of a champion and its challengers are kept by name."""
    _unique(((learner, place) for learner, place in _learners(table, path)), "learner", problems)


def learner_parameters_fit(table: Table, path: Path, problems: Problems) -> None:
    """The registry knows every kind's parameters; which arms there are is known here."""
    for learner, place in _learners(table, path):
        kind, params = learner.get("kind"), learner.get("params", {})
        if kind not in KINDS or not isinstance(params, dict):
            continue
        if not all(isinstance(value, str) or is_number(value) for value in params.values()):
            continue
        numbers_and_text = {key: value if isinstance(value, str) else float(value) for key, value in params.items()}
        if not _known_to_registry(kind, numbers_and_text, place, problems):
            continue
        names = [arm["name"] for _, arm in _tables(table, "arms") if isinstance(arm.get("name"), str)]
        if kind == "fixed" and names and params.get("arm") not in names:
            problems.add(
                (*place, "params", "arm"),
                show(params["arm"]) if "arm" in params else "nothing",
                f"one of this domain's arms: {', '.join(map(show, names))}",
                suggestion(params.get("arm"), names),
            )


def baseline_is_an_arm(table: Table, path: Path, problems: Problems) -> None:
    """The champion is compared with an arm of the domain."""
    names = [arm["name"] for _, arm in _tables(table, "arms") if isinstance(arm.get("name"), str)]
    baseline = table.get("baseline")
    if isinstance(baseline, str) and names and baseline not in names:
        problems.add(
            (*path, "baseline"),
            show(baseline),
            f"one of this domain's arms: {', '.join(map(show, names))}",
            suggestion(baseline, names),
        )


def state_fits_a_record(table: Table, path: Path, problems: Problems) -> None:
    """What is learned for a domain travels as one record of the changelog, which has a largest size."""
    features, arms = table.get("features"), len(list(_tables(table, "arms")))
    if not isinstance(features, int) or isinstance(features, bool) or features < 0:
        return
    features += _appended(table)
    from stream_workers.bandits.registry import state_bytes  # compiled kernels: only who has a learner waits

    size = 0
    for learner, _ in _learners(table, path):
        kind, params = learner.get("kind"), learner.get("params", {})
        if isinstance(kind, str) and isinstance(params, dict):
            try:
                size += state_bytes(kind, arms, features, params)
            except SpecificationError:  # said elsewhere, at its line
                return
    if size > LARGEST_STATE_BYTES:
        problems.add(
            (*path, "features"),
            f"learners whose state takes {size / 2**20:.0f} MiB ({arms} arms, {features} features)",
            f"at most {LARGEST_STATE_BYTES // 2**20} MiB for all learners of a domain together",
            'Fewer features, arms or challengers, or a smaller map: params = { map = "small", width = 64 }.',
        )


def budget_can_be_kept(table: Table, path: Path, problems: Problems) -> None:
    """A pacer needs observed costs, expected prices, and an arm it can afford."""
    if not isinstance(budget := table.get("budget"), dict):
        return
    here = (*path, "budget")
    components = dict(_named_tables(table, "reward"))
    if components and COST not in components:
        problems.add(
            here,
            f"a budget and no [domain.reward.{COST}]",
            f"a reward component named {COST}, in USD, from which the spending is known",
            f"Give it weight = 0 if {COST} is to be counted but not rewarded.",
        )
    enabled = [(index, arm) for index, arm in _tables(table, "arms") if arm.get("enabled", True) is not False]
    for index, arm in enabled:
        if "price" not in arm:
            problems.add(
                (*path, "arms", index, "price"), "nothing", "the expected price in USD of every arm under a budget"
            )
    prices = [price for _, arm in enabled if (price := _number(arm, "price", Arm)) is not None]
    target = budget.get("cost_per_request")
    if prices and len(prices) == len(enabled) and is_number(target) and 0 < float(target) < min(prices):
        problems.add(
            (*here, "cost_per_request"),
            f"{target}, below the price of every enabled arm",
            f"at least the lowest price, {min(prices):g}: no choice could keep this budget",
        )


def hard_cap_can_be_kept(table: Table, path: Path, problems: Problems) -> None:
    """A hard cap reserves the most that a request may cost, which every arm must say, and must have room for one."""
    budget = table.get("budget")
    if not isinstance(budget, dict) or not is_number(cap := budget.get("hard_cap")) or cap <= 0:
        return
    enabled = [(index, arm) for index, arm in _tables(table, "arms") if arm.get("enabled", True) is not False]
    for index, arm in enabled:
        most, price = arm.get("most"), arm.get("price")
        if most is None:
            problems.add(
                (*path, "arms", index, "most"),
                "nothing",
                "the most in USD that one request can cost, of every arm under a hard cap (0 for a free one)",
                "It is reserved while the cost of a decision is not known: tokens allowed times the price of a token.",
            )
        elif is_number(most) and is_number(price) and float(most) < float(price):
            problems.add((*path, "arms", index, "most"), f"{most}, below its price", f"at least the price, {price:g}")
    known = [float(arm["most"]) for _, arm in enabled if is_number(arm.get("most"))]
    if known and len(known) == len(enabled) and float(cap) < min(known):
        problems.add(
            (*path, "budget", "hard_cap"),
            f"{cap}, below what one request may cost with any arm",
            f"at least the smallest `most`, {min(known):g}: no request could ever be decided",
        )


def quality_can_be_held(table: Table, path: Path, problems: Problems) -> None:
    """A quality floor needs an arm to be under, and one that is cheaper."""
    quality = table.get("quality")
    if not isinstance(quality, dict):
        return
    enabled = [arm for _, arm in _tables(table, "arms") if arm.get("enabled", True) is not False]
    names = [arm["name"] for arm in enabled if isinstance(arm.get("name"), str)]
    of = quality.get("of")
    if isinstance(of, str) and names and of not in names:
        problems.add(
            (*path, "quality", "of"),
            show(of),
            f"one of this domain's enabled arms: {', '.join(map(show, names))}",
            suggestion(of, names),
        )
    prices = [_number(arm, "price", Arm) for arm in enabled]
    found = [price for price in prices if price is not None]
    if len(found) == len(prices) and prices and min(found) == max(found):
        problems.add(
            (*path, "quality"),
            "a quality floor where all enabled arms have the same price",
            "arms of different prices: there is nothing to save",
        )
    elif of is None and table.get("baseline") is None and found and found.count(max(found)) > 1:
        problems.add(
            (*path, "quality"),
            "no `of`, no baseline, and several arms of the highest price",
            "the arm that quality is measured by: of = ...",
        )


def features_fit_a_decision(table: Table, path: Path, problems: Problems) -> None:
    """A decision carries the features of the request and those of the inputs."""
    features, more = table.get("features"), _appended(table)
    if isinstance(features, int) and more and features <= MAX_FEATURES < features + more:
        problems.add(
            (*path, "inputs"),
            f"{features} features and {more} of inputs",
            f"at most {MAX_FEATURES} together",
        )


#: Every rule, in the order in which a domain file is read.
RULES: Final[tuple[Callable[[Table, Path, Problems], None], ...]] = (
    arm_names_are_unique,
    some_arm_is_enabled,
    reward_can_vary,
    something_is_awaited,
    learner_names_are_unique,
    learner_parameters_fit,
    baseline_is_an_arm,
    features_fit_a_decision,
    state_fits_a_record,
    budget_can_be_kept,
    hard_cap_can_be_kept,
    quality_can_be_held,
)


def _appended(table: Table) -> int:
    """Features of the inputs, as far as they can be read."""
    found = 0
    for _, each in _tables(table, "inputs"):
        arms = each.get("arms")
        known = arms if isinstance(arms, list) and all(isinstance(arm, str) for arm in arms) else ()
        found += Input("x", "choice" if each.get("what") == "choice" else "reward", tuple(known)).width
    return found


def _known_to_registry(kind: str, params: dict[str, float | str], place: Path, problems: Problems) -> bool:
    """Whether the registry takes the parameters; it names one at a time, so the wrong ones are taken out in turn."""
    from stream_workers.bandits.registry import KINDS, check_params  # compiled kernels: only who has a learner waits

    left = dict(params)
    wrong: list[str] = []
    while True:
        try:
            check_params(kind, left)
        except SpecificationError as error:
            reason = str(error)
        else:
            return not wrong
        if any(_names(reason, key) for key in wrong):
            return False  # it misses what was taken out
        key = next((key for key in left if _names(reason, key)), None)
        if key is None:
            problems.add((*place, "params"), f"the parameters {_inline(left)}", f"what its kind takes. {reason}")
            return False
        known = [each.name for each in KINDS[kind].parameters]
        hint = "" if key in known else suggestion(key, known)
        problems.add((*place, "params", key), show(left.pop(key)), f"what its kind takes. {reason}", hint)
        wrong.append(key)


def _names(reason: str, key: str) -> bool:
    return re.search(rf"parameter '?{re.escape(key)}'? ", reason) is not None


def _inline(params: dict[str, float | str]) -> str:
    return "{" + ", ".join(f"{key} = {show(value)}" for key, value in params.items()) + "}"


def _learners(table: Table, path: Path) -> Iterator[tuple[Table, Path]]:
    if isinstance(champion := table.get("champion"), dict):
        yield champion, (*path, "champion")
    for index, challenger in _tables(table, "challengers"):
        yield challenger, (*path, "challengers", index)


def _unique(named: Iterator[tuple[Table, Path]], sort: str, problems: Problems) -> None:
    first: dict[str, int] = {}
    for table, path in named:
        name = table.get("name")
        if not isinstance(name, str):
            continue
        line = problems.line((*path, "name"))
        if name in first:
            earlier = f"the first {show(name)} is on line {first[name]}"
            problems.add((*path, "name"), f"a second {sort} {show(name)}", f"another name: {earlier}")
        first.setdefault(name, line)


def _tables(table: Table, key: str) -> Iterator[tuple[int, Table]]:
    value = table.get(key)
    if isinstance(value, list):
        yield from ((index, each) for index, each in enumerate(value) if isinstance(each, dict))


def _named_tables(table: Table, key: str) -> Iterator[tuple[str, Table]]:
    value = table.get(key)
    if isinstance(value, dict):
        yield from ((name, each) for name, each in value.items() if isinstance(each, dict))


def _number(table: Table, key: str, owner: type[Arm | Component]) -> float | None:
    """The number under `key` or its default in `owner`; None when something else is there."""
    value = table.get(key, getattr(owner(name="x") if owner is Arm else owner(), key))  # type: ignore[call-arg]
    return float(value) if is_number(value) else None
