"""What the learners' checks found, in words: what is wrong, where, and what to do.  docs/operating.md says more."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from infra.readable.plain import iso

from .processes import Process


class Alarm(Struct, frozen=True):
    """One alarm of the last day."""

    tenant: str
    domain: str
    kind: str
    at: str  # when it was last raised, by the broker's clock
    what: str
    do: str


def alarms(processes: Sequence[Process]) -> list[Alarm]:
    """Those that the processes tell of, the most serious kinds first."""
    told = [each for process in processes if process.state == "running" for each in process.status.get("alarms", [])]
    found = [_alarm(each) for each in told if each["kind"] in WORDS]  # a newer process may tell of other kinds
    order = list(WORDS)
    return sorted(found, key=lambda each: (order.index(each.kind), each.tenant, each.domain))


def untold(processes: Sequence[Process]) -> int:
    """How many more there are than the processes told."""
    running = [each.status for each in processes if each.state == "running"]
    return sum(sum(each.get("alarms_by_kind", {}).values()) - len(each.get("alarms", [])) for each in running)


def _alarm(told: Mapping[str, Any]) -> Alarm:
    what, do = WORDS[told["kind"]]
    return Alarm(told["tenant"], told["domain"], told["kind"], iso(told["at_ms"]), what(told), do)


def _propensity(told: Mapping[str, Any]) -> str:
    if told["arm"] is None:
        more = "more" if told["found"] > 0.0 else "less"
        return f"likelier arms are chosen {more} often than the logged propensities say"
    return (
        f"arm {told['arm']} is chosen in {told['found']:.1%} of the decisions, where the logged propensities say "
        f"{told['expected']:.1%}"
    )


def _floor(told: Mapping[str, Any]) -> str:
    return (
        f"arm {told['arm']} was logged with a propensity of {told['found']:.2g}; exploration_minimum promises every "
        f"eligible arm {told['expected']:.2g}"
    )


def _calibration(told: Mapping[str, Any]) -> str:
    low, high = told["predicted"]
    return (
        f"where policy {told['policy']} predicts a reward of {low:.1f} to {high:.1f}, it is "
        f"{_less_or_more(told['found'])} on average"
    )


def _reward(told: Mapping[str, Any]) -> str:
    return f"the mean reward fell from {told['expected']:.2f} to {told['found']:.2f}"


def _prediction(told: Mapping[str, Any]) -> str:
    return f"arm {told['arm']} earns {_less_or_more(told['found'])} than is predicted of it"


def _feature(told: Mapping[str, Any]) -> str:
    name = f"feature {told['feature']} (counted from 0)"
    if told["of"] == "mean":
        return f"{name}: its mean moved from {told['expected']:.3g} to {told['found']:.3g}"
    return f"{name}: its values spread by {told['found']:.3g}, before by {told['expected']:.3g}"


def _share(told: Mapping[str, Any]) -> str:
    return f"arm {told['arm']}'s share of the decisions moved from {told['expected']:.0%} to {told['found']:.0%}"


def _feedback(told: Mapping[str, Any]) -> str:
    return (
        f"{told['found']:.0%} of the decisions for arm {told['arm']} get all their required feedback, before "
        f"{told['expected']:.0%} did"
    )


def _starving(told: Mapping[str, Any]) -> str:
    return (
        f"arm {told['arm']} should have been chosen about {told['expected']:.0f} times since it last was, and was not "
        "once"
    )


def _thin(told: Mapping[str, Any]) -> str:
    if told["expected"] < 1.0:
        return f"arm {told['arm']} is enabled, and no decision could choose it"
    return (
        f"the log says next to nothing about arm {told['arm']}: {told['expected']:,.0f} outcomes weigh as much as "
        f"{told['found']:.0f} of its own"
    )


def _less_or_more(gap: float) -> str:
    return f"{abs(gap):.2f} {'less' if gap < 0.0 else 'more'}"


#: Of each kind, the most serious first: what is wrong, and what to do.
WORDS: Final[dict[str, tuple[Callable[[Mapping[str, Any]], str], str]]] = {
    "propensity": (
        _propensity,
        (
            "Nothing learned or evaluated from these decisions can be trusted. Find the program that writes them. "
            "Does it draw from the very probabilities that it logs?"
        ),
    ),
    "floor": (
        _floor,
        "Some program decides by another specification, or not by the router. Find out which writes these decisions.",
    ),
    "starving": (
        _starving,
        "Something chooses or filters after the draw, or loses this arm's decisions. Look at the program that decides.",
    ),
    "feedback": (
        _feedback,
        "See whether the program that sends this arm's rewards still runs, and uses the decisions' ids.",
    ),
    "reward": (
        _reward,
        "See which component fell (croupier tail outcomes), and whether a model, a prompt or its sender changed.",
    ),
    "prediction": (
        _prediction,
        "See what changed about the arm, or in how it is rewarded. Learners follow slowly; forgetting below 1 helps.",
    ),
    "feature": (
        _feature,
        (
            "See whether the program that makes the contexts changed. Learners scale features by what they saw first. "
            "So mend the feature, or give the policies new names: then they learn anew."
        ),
    ),
    "share": (
        _share,
        "Nothing is wrong if it was meant to. See whether prices, the budget, the reward or the arm itself changed.",
    ),
    "calibration": (
        _calibration,
        "Do not trust its estimates there. Try another learner, or more features, as a challenger.",
    ),
    "thin": (
        _thin,
        "Raise exploration_minimum, offer the arm in more contexts, or disable it.",
    ),
}
