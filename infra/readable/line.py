"""A record as one line: when, where, what, and the fields people ask for first."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
from rich.text import Text

from schemas import wire
from schemas.errors import BadRecordError
from schemas.events import (
    Audit,
    Clock,
    Context,
    DeadLetter,
    Decision,
    FleetStatistics,
    HourlyKpi,
    Kpi,
    Outcome,
    Reward,
    SpecChange,
)
from schemas.observations import answered_by, was_followed
from schemas.topics import KPIS, SPECS
from stream_workers.analytics.bucket import BucketId
from stream_workers.analytics.sketch import quantile

from .characters import key_text, preview, printable
from .plain import arm_of, floats, iso, tag
from .quantities import span, usd

_STYLES: Final[dict[str, str]] = {
    "context": "blue",
    "decision": "green",
    "reward": "yellow",
    "outcome": "magenta",
    "spec": "cyan",
    "kpi": "cyan",
    "clock": "dim",
    "dead_letter": "red",
    "audit": "cyan",
}
_SHOWN_ARMS = 4
_SHOWN_FEATURES = 4


def line(topic: str, record: Any) -> Text:
    """One line about a record of a topic (its name in `schemas.topics`); a record that is no event says why."""
    text = Text(no_wrap=False, end="")
    text.append(iso(record.timestamp).replace("T", " "), "dim")
    text.append(f"  {record.partition}/{record.offset}".ljust(12))
    if topic == KPIS.name and record.value is None and (bucket := _bucket(record.key)) is not None:
        text.append("  kpi     ", _STYLES.get("kpi", ""))
        _whose(text, bucket.tenant, bucket.domain, None)
        text.append(f"  {printable(bucket.arm)}", "bold green")
        text.append(f"  {bucket.granularity} of {iso(bucket.start * 1000)[:16]}Z is kept no longer", "dim")
        return text
    try:
        event = wire.decode(topic, record.value)
    except BadRecordError as error:
        text.append(f"  {error.reason.value}", "bold red")
        text.append(f"  {printable(error.detail)}; key {key_text(record.key)!r}, {preview(record.value)}")
        return text
    if topic == SPECS.name:  # there the offset is the version
        event = msgspec.structs.replace(event, version=record.offset)
    kind = tag(event).rpartition(".")[0]
    text.append(f"  {kind:<8}", _STYLES.get(kind, ""))
    describe: Callable[[Text, Any], None] = _DESCRIBE[type(event)]
    describe(text, event)
    return text


def observed(observations: Mapping[str, float]) -> str:
    """Observations, e.g. "success 1, cost $0.0004"."""
    return (
        ", ".join(f"{printable(name)} {_with_unit(name, value)}" for name, value in observations.items()) or "nothing"
    )


def shares(arms: Iterable[str], propensities: bytes) -> list[tuple[str, float | None]]:
    """Arms with their probabilities, the likeliest first; None where the record has none."""
    packed = floats(propensities)
    values = packed if isinstance(packed, list) else []
    names = list(arms)
    padded = [*values, *[None] * max(0, len(names) - len(values))]
    found = list(zip(names, padded, strict=False))
    return sorted(found, key=lambda each: -1.0 if each[1] is None else -each[1])


def _context(text: Text, event: Context) -> None:
    _whose(text, event.tenant, event.domain, event.id)
    values = floats(event.features)
    if isinstance(values, str):
        text.append(f"  features of {len(event.features)} bytes, no whole number of float32", "red")
    else:
        shown = " ".join("NaN or infinite" if each is None else f"{each:.3g}" for each in values[:_SHOWN_FEATURES])
        text.append(f"  {len(values)} features [{shown}{' ...' if len(values) > _SHOWN_FEATURES else ''}]")
    if event.eligible is not None:
        text.append(f"  eligible: {', '.join(map(printable, event.eligible))}")
    _restrictions(text, event)
    _origin(text, event)


def _decision(text: Text, event: Decision) -> None:
    _whose(text, event.tenant, event.domain, event.id)
    arm = arm_of(event)
    if arm is None:
        text.append(f"  choice {event.choice} of {len(event.arms)} arms", "red")
        return
    ranked = shares(event.arms, event.propensities)
    probability = dict(ranked).get(arm)
    text.append("  -> ")
    text.append(printable(arm), "bold green")
    text.append(f" p {_probability(probability)}", "cyan")
    others = [f"{printable(name)} {_probability(p)}" for name, p in ranked if name != arm]
    if len(others) > _SHOWN_ARMS:
        others[_SHOWN_ARMS:] = [f"{len(others) - _SHOWN_ARMS} more"]
    if others:
        text.append(f" ({', '.join(others)})", "dim")
    text.append(f"  {printable(event.policy)}, spec {event.spec}, learned {event.learned}")
    _restrictions(text, event)
    _origin(text, event)
    if event.after is not None:
        text.append(f" ({'not known' if event.chain is None else f'p {event.chain:.3g}'})", "cyan")


def _restrictions(text: Text, event: Context | Decision) -> None:
    """Which arms were not to be chosen, and why."""
    if event.restrictions:
        shown = [f"{printable(arm)} ({printable(why)})" for arm, why in event.restrictions.items()]
        text.append(f"  without {', '.join(shown)}", "dim")


def _origin(text: Text, event: Context | Decision) -> None:
    """Who it is about, and what it follows from."""
    if event.unit is not None:
        text.append(f"  unit {printable(event.unit)}")
    if event.after is not None:
        text.append(f"  after {printable(event.after)}")


def _clock(text: Text, _: Clock) -> None:
    text.append("  the broker's time, so that horizons pass", "dim")


def _reward(text: Text, event: Reward) -> None:
    text.append(f"  {printable(event.tenant)}  about ")
    text.append(printable(event.decision), "bold")
    text.append(f"  {observed(event.observations)}  ")
    text.append(f"(reward {printable(event.id)})", "dim")


def _outcome(text: Text, event: Outcome) -> None:
    decision = event.decision
    _whose(text, decision.tenant, decision.domain, decision.id)
    text.append(f"  {event.ended}", "green" if event.ended == "complete" else "yellow")
    text.append(f" after {span(event.ended_at_ms - event.decided_at_ms)}  ")
    text.append(printable(arm_of(decision) or f"choice {decision.choice}"), "bold green")
    if not was_followed(event.observations):
        answered = answered_by(decision, event.observations)
        text.append(f", not followed{'' if answered is None else f': {printable(answered)} answered'}", "yellow")
    text.append(f"  {observed(event.observations)}  ")
    text.append(f"(number {event.ordinal}, decided at offset {event.decision_offset})", "dim")


def _spec(text: Text, event: SpecChange) -> None:
    _whose(text, event.tenant, event.domain, None)
    text.append(f"  version {event.version}  ")
    if event.spec is None:
        text.append("removed", "red")
    else:
        arms = ", ".join(printable(arm.name) for arm in event.spec.arms)
        text.append(f"champion {printable(event.spec.champion.name)}, {len(event.spec.arms)} arms: {arms}")


def _fleet(text: Text, event: FleetStatistics) -> None:
    text.append(f"  {printable(event.domain)}, {event.features} features")
    text.append(
        f"  {event.tenants} tenants, {len(event.arms)} arms, {'levels and slopes' if event.slopes else 'levels'}"
    )
    text.append(f"  epsilon {event.epsilon:g} at delta {event.delta:g}", "cyan")


def _kpi(text: Text, event: Kpi) -> None:
    _whose(text, event.tenant, event.domain, None)
    text.append(f"  {printable(event.arm)}", "bold green")
    text.append(f"  {event.granularity} of {iso(event.start * 1000)[:16]}Z  {event.interactions} interactions")
    for name, total, count, form in (
        ("reward", event.reward_sum, event.interactions, "{:.3f}".format),
        ("cost", event.cost_sum, event.cost_count, usd),
        ("success", event.success_sum, event.success_count, "{:.1%}".format),
        ("errors", event.error_sum, event.error_count, "{:.1%}".format),
        ("feedback", event.with_feedback, event.interactions, "{:.1%}".format),
        ("not followed", event.unfollowed, event.interactions if event.unfollowed else 0, "{:.1%}".format),
    ):
        if count:
            text.append(f", {name} {form(total / count)}")
    bins = dict(event.latency_ms)
    p50, p95 = quantile(bins, 0.50), quantile(bins, 0.95)
    if p50 is not None and p95 is not None:
        text.append(f", latency p50 {p50:.4g} ms p95 {p95:.4g} ms")


def _bucket(key: bytes | None) -> BucketId | None:
    try:
        return BucketId.of_record_key(key or b"")
    except ValueError:
        return None


def _hourly_kpi(text: Text, event: HourlyKpi) -> None:
    _whose(text, event.tenant, event.domain, None)
    text.append(f"  {printable(event.arm)}", "bold green")
    text.append(f"  hour of {iso(event.hour * 1000)[:16]}Z  {event.interactions} interactions, by an older release")


def _dead_letter(text: Text, event: DeadLetter) -> None:
    text.append(f"  {printable(event.reason)}", "bold red")
    text.append(f"  {printable(event.detail)}  ")
    text.append(
        f"[{printable(event.stage)}, {printable(event.topic)} {event.partition}/{event.offset} at "
        f"{iso(event.timestamp_ms)}, key {key_text(event.key)!r}, {preview(event.value)}]",
        "dim",
    )


def _audit(text: Text, event: Audit) -> None:
    text.append(f"  {printable(event.who)}", "bold")
    told = (event.action, event.tenant, event.target, event.detail)
    text.append("".join(f"  {printable(each)}" for each in told if each))


_DESCRIBE: Final[dict[type, Callable[[Text, Any], None]]] = {
    Context: _context,
    Decision: _decision,
    Clock: _clock,
    Reward: _reward,
    Outcome: _outcome,
    SpecChange: _spec,
    FleetStatistics: _fleet,
    Kpi: _kpi,
    HourlyKpi: _hourly_kpi,
    DeadLetter: _dead_letter,
    Audit: _audit,
}


def _whose(text: Text, tenant: str, domain: str, name: str | None) -> None:
    text.append(f"  {printable(tenant)}/{printable(domain)}")
    if name is not None:
        text.append("  ")
        text.append(printable(name), "bold")


def _probability(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g}"


def _with_unit(name: str, value: float) -> str:
    if name == "cost":
        return usd(value)
    return f"{value:.4g} ms" if name == "latency_ms" else f"{value:.4g}"
