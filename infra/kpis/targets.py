"""Targets as data: what the KPIs should be, whether they are, and what is left of each error budget."""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from schemas.errors import CroupierError
from stream_workers.analytics import sketch
from stream_workers.analytics.summary import Summary, wilson_interval

Share = Annotated[float, Meta(gt=0.0, lt=1.0)]
Measure = Literal[
    "satisfaction", "fast", "errors", "availability", "success", "resolved", "fallbacks", "unfollowed", "feedback",
    "cost_cut",
]  # fmt: skip
Status = Literal["met", "missed", "no data"]

EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "targets.toml"
_WINDOW: Final = re.compile(r"(\d{1,4})(m|h|d)")
_UNITS: Final = {"m": 60, "h": 3600, "d": 86_400}
_LONGEST_S: Final = 366 * 86_400


class TargetsError(CroupierError):
    """The file, or a window, says something that cannot be."""


class Target(Struct, frozen=True, forbid_unknown_fields=True):
    """One target: exactly one of `at_least` and `at_most`."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    measure: Measure
    at_least: Share | None = None
    at_most: Share | None = None
    limit_ms: Annotated[float, Meta(gt=0.0)] | None = None  # of measure "fast"
    domain: str | None = None  # None: all of the tenant's


class Targets(Struct, frozen=True, forbid_unknown_fields=True):
    """A file of them."""

    target: Annotated[tuple[Target, ...], Meta(min_length=1, max_length=64)]
    windows: Annotated[tuple[str, ...], Meta(min_length=1, max_length=8)] = ("1h", "24h", "7d", "30d")


class Budget(Struct, frozen=True):
    """How many failures a target allows, of the interactions that it is about, and how many there were."""

    allowed: float
    spent: float

    @property
    def left(self) -> float:
        """Share that is left; below 0: overspent."""
        return 1.0 - self.spent / self.allowed

    @property
    def burn_rate(self) -> float:
        """1: it is spent just when the window ends; 14.4 over an hour spends 2% of a month's budget."""
        return self.spent / self.allowed


class Judged(Struct, frozen=True):
    """A target over one window."""

    target: Target
    status: Status
    value: float | None
    lower: float | None  # 95% interval (Wilson), where the measure is a share of interactions
    upper: float | None
    n: int  # interactions that it is about
    budget: Budget | None
    trace: str  # which numbers it comes from

    @property
    def certain(self) -> bool:
        """Whether the whole interval is on the side that the status says."""
        if self.lower is None or self.upper is None:
            return False
        if self.target.at_least is not None:
            return self.lower >= self.target.at_least or self.upper < self.target.at_least
        limit = self.target.at_most or 0.0
        return self.upper <= limit or self.lower > limit

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        budget = self.budget
        return {
            "name": self.target.name,
            "measure": self.target.measure,
            "at_least": self.target.at_least,
            "at_most": self.target.at_most,
            "status": self.status,
            "certain": self.certain,
            "value": self.value,
            "lower": self.lower,
            "upper": self.upper,
            "n": self.n,
            "trace": self.trace,
            "error_budget": None
            if budget is None
            else {
                "allowed": budget.allowed,
                "spent": budget.spent,
                "left": budget.left,
                "burn_rate": budget.burn_rate,
            },
        }


class _Part(NamedTuple):
    """Of n interactions, so many are counted."""

    counted: float
    n: int
    trace: str


def read_targets(path: Path) -> Targets:
    """TargetsError: what is wrong, where, and what is expected."""
    try:
        found = msgspec.convert(tomllib.loads(path.read_text("utf-8-sig")), Targets)
    except (OSError, UnicodeDecodeError) as error:
        raise TargetsError(f"{path} cannot be read ({error}); expected targets such as examples/targets.toml") from None
    except tomllib.TOMLDecodeError as error:
        raise TargetsError(f"{path} is no TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise TargetsError(f"{path}: {error}; docs/kpis.md has every key") from None
    names = [each.name for each in found.target]
    for number, target in enumerate(found.target, start=1):
        where = f"{path}: target {number} ({target.name})"
        if (target.at_least is None) == (target.at_most is None):
            raise TargetsError(f"{where} needs exactly one of at_least and at_most")
        if (target.measure == "fast") != (target.limit_ms is not None):
            raise TargetsError(f'{where}: limit_ms belongs to the measure "fast", and to that alone')
        if names.count(target.name) > 1:
            raise TargetsError(f"{where} is there twice")
    for window in found.windows:
        seconds_of(window)
    return found


def seconds_of(window: str) -> int:
    """Of a window such as 30m, 24h or 7d.  TargetsError: it is none."""
    found = _WINDOW.fullmatch(window)
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not 0 < seconds <= _LONGEST_S:
        raise TargetsError(f"{window!r} is no window: expected minutes, hours or days, up to 366d, as in 24h")
    return seconds


def judge(target: Target, summary: Summary) -> Judged:
    """Whether what a window adds up to meets a target."""
    if target.measure == "cost_cut":
        return _cost_cut(target, summary)
    part = _part(target, summary)
    if not part.n:
        return Judged(target, "no data", None, None, None, 0, None, part.trace)
    value = part.counted / part.n
    bounds = wilson_interval(part.counted, part.n)
    assert bounds is not None
    bad = part.n - part.counted if target.at_least is not None else part.counted
    allowed = (1.0 - target.at_least if target.at_least is not None else target.at_most or 0.0) * part.n
    return Judged(target, _status(target, value), value, *bounds, part.n, Budget(allowed, bad), part.trace)


def _part(target: Target, summary: Summary) -> _Part:
    s = summary.sums
    answers = sum(summary.latency_ms.values())
    limit = sketch.bin_of(target.limit_ms or 0.0)
    fast = sum(count for number, count in summary.latency_ms.items() if number < limit)
    parts: dict[str, _Part] = {
        "satisfaction": _Part(s.thumbs_sum, s.thumbs_count, "thumbs_sum / thumbs_count"),
        "fast": _Part(fast, answers, f"answers in the bins of latency_ms below {limit} / all in them"),
        "errors": _Part(s.error_sum, s.error_count, "error_sum / error_count"),
        "availability": _Part(s.answered_sum, s.observed, "answered_sum / observed"),
        "success": _Part(s.success_sum, s.success_count, "success_sum / success_count"),
        "resolved": _Part(s.resolved_sum, s.resolved_count, "resolved_sum / resolved_count"),
        "fallbacks": _Part(s.fallback_sum, s.observed, "fallback_sum / observed"),
        "unfollowed": _Part(s.unfollowed, s.interactions, "unfollowed / interactions"),
        "feedback": _Part(s.with_feedback, s.interactions, "with_feedback / interactions"),
    }
    return parts[target.measure]


def _cost_cut(target: Target, summary: Summary) -> Judged:
    cut = summary.cost_cut
    if cut is None:
        trace = "no baseline is declared, or too few of its decisions have a known cost"
        return Judged(target, "no data", None, None, None, 0, None, trace)
    trace = (
        f"1 - {cut.cost_per_interaction:.6g} USD / {cut.baseline_cost:.6g} USD: cost_sum / cost_count against "
        f"weighted_cost_sum / weight_sum of {cut.baseline}"
    )
    return Judged(target, _status(target, cut.estimate), cut.estimate, None, None, cut.interactions, None, trace)


def _status(target: Target, value: float) -> Status:
    met = value >= target.at_least if target.at_least is not None else value <= (target.at_most or 0.0)
    return "met" if met else "missed"
