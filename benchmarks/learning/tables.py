"""The report as tables in markdown: aims first, then losses by set."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple


class Aim(NamedTuple):
    """A figure, what it is, and what it should be: at most, or at least."""

    figure: str
    what: str
    aim: float
    at_most: bool = True

    def met(self, found: float) -> bool:
        """Whether it is."""
        return found <= self.aim if self.at_most else found >= self.aim


AIMS: Final = (
    Aim("pmlb_best", "loss of the best learner", 0.215),
    Aim("pmlb_evaluable", "loss of the best learner whose logs can be evaluated", 0.23),
    Aim("pmlb_evaluable_coverage", "share of a challenger's 95% intervals that cover", 0.92, at_most=False),
    Aim("pmlb_doubly_robust", "loss of `doubly_robust`", 0.235),
    Aim("pmlb_offset_tree", "loss of `offset_tree`", 0.28),
    Aim("pmlb_offset_tree_published", "loss of `offset_tree` as published", 0.29),
    Aim("pmlb_delay_100", "loss added by feedback 100 events late", 0.02),
    Aim("pmlb_delay_500", "loss added by feedback 500 events late", 0.06),
    Aim("kernel_us", "us to decide and learn, in kernels", 10.0),
    Aim("python_us", "us to decide and learn, from Python", 15.0),
    Aim("speedup_over_peers", "times as fast as the fastest peer", 3.0, at_most=False),
    Aim("routellm_apgr", "RouteLLM MMLU, bandit feedback: APGR", 0.64, at_most=False),
    Aim("routellm_strong_calls_95", "strong calls for 95% quality", 0.50),
    Aim("llmrouter_at_60", "LLMRouter: score at 60% of the top price", 0.612, at_most=False),
    Aim("pareto_above_static", "smallest gain over the static mix", 0.0, at_most=False),
    Aim("pareto_utilisation", "largest cost per request over its target", 1.004),
    Aim("cs_violations", "95% confidence sequences that ever leave the truth out", 0.05),
    Aim("dr_rmse_over_ips", "error of DR over that of IPS, the median", 1.0),
    Aim("dr_rmse_over_snips", "over that of SNIPS", 1.0),
    Aim("dr_rmse_over_dm", "over that of DM", 1.0),
)


def markdown(report: Mapping[str, Any]) -> str:
    """Every table that the report has figures for."""
    parts = [_table(("figure", "what", "aim", "found", "95% interval", ""), _aims(report))]
    if "pmlb" in report:
        losses = report["pmlb"]["losses"]
        parts.append(_table(("player", "loss", "95% interval", "us", "configuration"), _players(report, losses)))
        parts.append(_table(("set", *losses), _by_set(losses)))
    return "\n\n".join(parts)


def _aims(report: Mapping[str, Any]) -> Iterable[Sequence[str]]:
    for aim in AIMS:
        if aim.figure in report:
            found = report[aim.figure]
            wanted = f"{'at most' if aim.at_most else 'at least'} {aim.aim:g}"
            met = "met" if aim.met(found) else "**not met**"
            yield f"`{aim.figure}`", aim.what, wanted, _number(found), _interval(report, aim.figure), met


def _players(report: Mapping[str, Any], losses: Mapping[str, Any]) -> Iterable[Sequence[str]]:
    fewer = report["pmlb"]["first_rows_only"]
    for name in losses:
        loss, spent = f"pmlb_{name}", f"us_{name}"
        given = report["configuration"][name]
        said = given if isinstance(given, str) else ", ".join(f"{key} {value}" for key, value in given.items())
        said += f"; the first {fewer[name]:,} rows of each set only" if name in fewer else ""
        yield name, _number(report[loss]), _interval(report, loss), f"{report[spent]:.0f}", said


def _by_set(losses: Mapping[str, Mapping[str, float]]) -> Iterable[Sequence[str]]:
    for name in next(iter(losses.values())):
        yield name, *(f"{each[name]:.3f}" for each in losses.values())


def _interval(report: Mapping[str, Any], name: str) -> str:
    low, high = report.get(f"{name}_low"), report.get(f"{name}_high")
    return "" if low is None or high is None else f"{_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) >= 1.5 else f"{value:.4f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
