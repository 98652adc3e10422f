"""What was promised (examples/targets.toml) and what it may cost.

Burn rates are those of the SRE workbook (Beyer et al. 2018, chapter 5): a share of failures of 14.4 times what a target
allows, kept up for an hour, spends 2% of a month's budget.  A target that allows much (20% of thumbs down) can not burn
14.4 times as fast, so the limit is never above half way between what is allowed and everything.
"""

from typing import Final

from ..alert import DAY, HOUR, MINUTE, Alert


def _burning(factor: float) -> str:
    allowed = "max by (target) (croupier_target_allowed_ratio)"
    parts = [
        f"({ratio} > {factor:g} * {allowed} or {ratio} > (1 + {allowed}) / 2)"
        for ratio in ("target:failure_ratio:{short}", "target:failure_ratio:{long}")
    ]
    return " and ".join([*parts, "target:judged:{long} > {limit}"])


_SUMMARY: Final = (
    "Target {{ $labels.target }}: {{ $value | humanizePercentage }} fail, far more than its error budget allows"
)
_DO: Final = (
    "The dashboard Targets shows since when and in which domain; then the arm: croupier kpis, and the alerts of models"
)

ALERTS: Final = (
    Alert(
        name="ErrorBudgetBurnsFast", area="targets", severity="page",
        expr=_burning(14.4), short=5 * MINUTE, long=HOUR, hold=MINUTE, limit=20, summary=_SUMMARY, do=_DO,
    ),
    Alert(
        name="ErrorBudgetBurns", area="targets", severity="page",
        expr=_burning(6), short=30 * MINUTE, long=6 * HOUR, hold=5 * MINUTE, limit=50, summary=_SUMMARY, do=_DO,
    ),
    Alert(
        name="ErrorBudgetBurnsSlowly", area="targets", severity="ticket",
        expr=_burning(1), short=6 * HOUR, long=3 * DAY, hold=30 * MINUTE, limit=100, summary=_SUMMARY, do=_DO,
    ),
    Alert(
        name="TargetMissed",
        area="targets",
        severity="ticket",
        expr="croupier_target_met == {limit}",
        hold=HOUR,
        summary="Target {{ $labels.target }} is missed over the last day",
        do="croupier kpis --targets says by how much and from which numbers; docs/kpis.md what each is",
    ),
    Alert(
        name="BudgetOverrun",
        area="targets",
        severity="ticket",
        expr="croupier_budget_use_ratio > {limit}",
        limit=1.1,
        hold=30 * MINUTE,
        summary="{{ $labels.tenant }}/{{ $labels.domain }} costs {{ $value | humanizePercentage }} of its budget",
        do="The pacer steers slowly: see whether an arm was repriced or its answers grew (croupier kpis)",
    ),
)  # fmt: skip
