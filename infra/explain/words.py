"""An explanation in words and tables."""

from collections.abc import Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from infra.readable.characters import printable
from infra.readable.line import observed
from infra.readable.plain import iso
from infra.readable.quantities import count, span, usd

from .earned import Earned
from .explanation import Explanation
from .origin import Origin
from .replayed import Replayed

#: What became of feedback, in words.
BECAME = {
    "joined": "joined",
    "early": "joined; it came before the decision",
    "duplicate": "duplicate: all of it was known",
    "surplus": "surplus: the outcome had ended, or had no room",
    "late": "late: after the horizon",
}


def words(explanation: Explanation) -> RenderableType:
    """Everything, for a person."""
    parts: list[RenderableType] = [_title(explanation)]
    parts += map(Text, _choice(explanation))
    parts += map(Text, _rule(explanation))
    parts += map(Text, _origin(explanation.origin))
    parts.append(_arms(explanation))
    parts += map(Text, _knowledge(explanation))
    if explanation.replayed is not None:
        parts += _replayed(explanation.replayed)
    parts.append(Text())
    if explanation.feedback:
        parts.append(_feedback(explanation))
    parts += map(Text, _end(explanation))
    if explanation.earned is not None and explanation.followed:
        parts.append(_earned(explanation.earned))
    return Group(*parts)


def sentences(explanation: Explanation) -> dict[str, list[str]]:
    """What is said of the choice, its rule, where it came from, what the policy knew, and the end; without tables."""
    return {
        "choice": list(_choice(explanation)),
        "rule": list(_rule(explanation)),
        "origin": list(_origin(explanation.origin)),
        "knowledge": list(_knowledge(explanation)),
        "end": list(_end(explanation)),
    }


def _title(e: Explanation) -> Text:
    title = Text(printable(e.id), "bold")
    title.append(f"  {printable(e.tenant)}/{printable(e.domain)}", "")
    return title


def _choice(e: Explanation) -> Iterator[str]:
    delay = "" if e.latency_ms is None else f", {span(e.latency_ms)} after the request"
    yield f"Decided at {iso(e.decided_at)}{delay} (decisions partition {e.partition}, offset {e.offset})."
    arm, policy = printable(e.arm), printable(e.policy)
    kind = "" if e.kind is None else f" ({e.kind})"
    yield (
        f"Policy {policy}{kind}, under version {e.spec} of the domain's specification, chose {arm} with probability "
        f"{e.probability:.4g} among {count(len(e.arms), 'eligible arm')}."
    )
    likeliest = e.arms[0]
    if len(e.arms) == 1:
        yield "There was nothing else to choose."
    elif e.arms[-1].probability == likeliest.probability:
        yield "Every eligible arm had the same probability."
    elif e.first_choice:
        yield "That is the policy's first choice: no arm was likelier."
    else:
        yield (
            f"That is exploration: the policy's first choice was {printable(likeliest.name)}, with probability "
            f"{likeliest.probability:.4g}. What is never tried cannot be learned."
        )
    if e.rule is not None and not e.rule.estimates:
        yield "It estimates no rewards: scores are what each arm earned on average, less the price under the budget."
    elif e.best_score is True:
        yield "No arm had a better score (estimated reward, less the price under the budget)."
    elif e.best_score is False:
        best = max((each for each in e.arms if each.score is not None), key=lambda each: each.score or 0.0)
        own = next(each.score for each in e.arms if each.chosen)
        yield (
            f"By score (estimated reward, less the price under the budget) {printable(best.name)} was better: "
            f"{best.score:.4g} against {own:.4g}."
        )


def _rule(e: Explanation) -> Iterator[str]:
    rule = e.rule
    if rule is None:
        return
    parameters = "".join(
        f", {name} {value if isinstance(value, str) else format(value, 'g')}" for name, value in rule.parameters.items()
    )
    yield f"Its rule: {rule.meaning} ({rule.kind}{printable(parameters)})."
    floor = f"Every eligible arm keeps a probability of {rule.floor:.4g} at least"
    if rule.below_floor:
        arms = ", ".join(map(printable, rule.below_floor))
        yield f"{floor}; {arms} had less, so this was not decided by the router under that specification."
    elif e.arm in rule.at_floor:
        yield f"{floor}, and {printable(e.arm)} had no more."
    else:
        yield f"{floor}."


def _origin(origin: Origin) -> Iterator[str]:
    if origin.unit is not None:
        yield f"It is about {printable(origin.unit)}."
    if origin.after is not None:
        what = (
            "which the router did not know"
            if origin.chain is None
            else (f"and that came about with probability {origin.chain:.4g}, with all before it")
        )
        yield f"It follows from {printable(origin.after)}, {what}."
    for name, value in origin.inputs.items():
        yield f"{printable(name[0].upper() + name[1:])}: {'not known' if value is None else printable(value)}."


def _replayed(thought: Replayed) -> Iterator[RenderableType]:
    """What the policy thought, learned again."""
    outcomes = count(thought.outcomes, "outcome")
    yield Text(
        f"Learned again from the domain's {outcomes} before it, the policy gives these very probabilities."
        if thought.same
        else f"Learned again from the domain's {outcomes} before it, the policy gives other probabilities than were "
        "logged: this record was not written by this version of the router, or by none."
    )
    if thought.price_of_cost:
        yield Text(f"Under the budget a USD weighed as much as {thought.price_of_cost:.4g} of reward.")
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("learned again")
    for name in ("probability", "score", "uncertainty"):
        table.add_column(name, justify="right")
    for arm in thought.arms:
        unsure = "" if arm.deviation is None else f"{arm.deviation:.4f}"
        table.add_row(Text(printable(arm.name)), f"{arm.probability:.4f}", f"{arm.score:.4f}", unsure)
    yield table


def _arms(e: Explanation) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("arm")
    for name in ("probability", "score", "price"):
        table.add_column(name, justify="right")
    table.add_column("")
    for arm in e.arms:
        table.add_row(
            Text(printable(arm.name)),
            f"{arm.probability:.4f}",
            "" if arm.score is None else f"{arm.score:.4f}",
            "" if arm.price is None else usd(arm.price),
            "chosen" if arm.chosen else "",
            style="bold green" if arm.chosen else "",
        )
    for name, why in e.not_eligible.items():
        table.add_row(Text(printable(name)), "", "", "", Text(why), style="dim")
    return table


def _knowledge(e: Explanation) -> Iterator[str]:
    yield (
        f"It had learned from outcomes partition {e.partition} up to offset {e.learned}."
        if e.learned
        else "It had learned from no outcome yet."
    )
    if e.repeatable:
        yield f"The draw for this id is {e.draw:.6f}; it leads from these probabilities to this arm, today as then."
    else:
        yield (
            f"The draw for this id is {e.draw:.6f}, which does not lead to this arm: the record was not written by "
            "this version of the router."
        )
    if e.repeats:
        offsets = ", ".join(map(str, e.repeats))
        yield f"It was decided again at offset {offsets} (after a crash, or asked twice); the first decision counts."
    if e.earlier_uses:
        yield f"The id had been used {count(e.earlier_uses, 'time')} before; this is about the last."


def _feedback(e: Explanation) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("feedback after", justify="right")
    table.add_column("observed")
    table.add_column("")
    table.add_column("offset", justify="right")
    for each in e.feedback:
        style = "" if each.became in ("joined", "early") else "dim"
        table.add_row(
            span(each.after_ms), Text(observed(each.observations)), BECAME[each.became], str(each.offset), style=style
        )
    return table


def _end(e: Explanation) -> Iterator[str]:
    missing = ", ".join(map(printable, e.missing))
    if e.answered_by is not None:
        yield f"{printable(e.answered_by)} answered instead of {printable(e.arm)}."
    if not e.followed:
        yield (
            "Nobody acted on it: the answer came from a fallback, because the decision was late or Kafka could not be "
            "reached. It is counted and charged, and nothing is learned from it."
        )
    if not e.feedback:
        yield "No feedback came." if e.ended in ("horizon", "overdue") else "No feedback came yet."
    if e.ended == "open":
        waits = f" It waits for {missing}." if missing else ""
        yield f"Its outcome is open until {iso(e.deadline)}.{waits}"
    elif e.ended == "overdue":
        yield (
            f"Its horizon passed at {iso(e.deadline)}, and its outcome is not in the log: `croupier status` says "
            "whether a worker reads this partition."
        )
    elif e.ended_at is not None:
        after = span(e.ended_at - e.decided_at)
        if e.ended == "complete":
            yield f"It ended complete after {after}: all that was awaited had been observed."
        else:
            lacks = f"; not observed: {missing}" if missing else ""
            yield f"It ended with its horizon, after {after}{lacks}."
        if not e.followed:
            return
        if e.earned is None:
            yield (
                f"Version {e.spec} of the specification is no longer to be found, so what that was worth then cannot "
                "be said (without --since the whole log is searched)."
            )
        else:
            yield f"It earned {_worth(e.earned)}."
        if e.learned_as is not None:
            yield (f"By then version {e.learned_as.version} was in force: it was learned as {_worth(e.learned_as)}.")


def _worth(earned: Earned) -> str:
    value = f"a reward of {earned.reward:.4g} under version {earned.version}"
    return value if earned.complete else f"{value}, the domain's default, because a required part was not observed"


def _earned(earned: Earned) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("reward")
    for name in ("observed", "worth", "weight"):
        table.add_column(name, justify="right")
    for part in earned.parts:
        value = (
            ""
            if part.observed is None
            else observed({part.name: part.observed}).removeprefix(f"{printable(part.name)} ")
        )
        worth = f"default {earned.default_reward:.4g}" if part.utility is None else f"{part.utility:.4f}"
        name = f"{printable(part.name)}{' (required)' if part.required else ''}"
        table.add_row(Text(name), value, worth, f"{part.weight:g}")
    return table
