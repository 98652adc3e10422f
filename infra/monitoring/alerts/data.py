"""What travels and what is learned: can it be trusted?  docs/operating.md (Is the data honest?) explains the checks."""

from typing import Final, NamedTuple

from ..alert import DAY, MINUTE, Alert, Severity


class _Check(NamedTuple):
    """One check of the learners (`stream_workers.honesty`), and what its alert is called."""

    name: str
    kind: str
    severity: Severity
    summary: str
    do: str


_WHERE = "{{ $labels.tenant }}/{{ $labels.domain }}: "

CHECKS: Final = (
    _Check(
        "SampleRatioMismatch", "propensity", "page",
        "arms are not chosen as often as their logged propensities say",
        "Nothing learned or evaluated from these decisions can be trusted: find the program that writes them",
    ),
    _Check(
        "PropensityFloorViolated", "floor", "page",
        "an arm was logged with less than exploration_minimum promises",
        "Some program decides by another specification, or not by the router: find out which writes these decisions",
    ),
    _Check(
        "ArmStarving", "starving", "page",
        "an arm that should have been chosen many times since was not once",
        "Something chooses or filters after the draw, or loses this arm's decisions: look at the program that decides",
    ),
    _Check(
        "FeedbackDryingUp", "feedback", "ticket",
        "an arm's required feedback comes less than half as often as it did",
        "See whether the program that sends this arm's rewards still runs, and uses the decisions' ids",
    ),
    _Check(
        "RewardFell", "reward", "ticket",
        "the mean reward fell",
        "See which component fell (croupier tail outcomes), and whether a model, a prompt or its sender changed",
    ),
    _Check(
        "PredictionsOff", "prediction", "ticket",
        "an arm earns something else than is predicted of it",
        "See what changed about the arm, or in how it is rewarded; forgetting below 1 lets learners follow",
    ),
    _Check(
        "FeaturesMoved", "feature", "ticket",
        "a feature's mean or spread is not what it was",
        "See whether the program that makes the contexts changed; mend it, or give the policies new names",
    ),
    _Check(
        "ChoicesMoved", "share", "ticket",
        "an arm's share of the decisions moved",
        "Nothing is wrong if it was meant to; otherwise see prices, the budget, the reward and the arm itself",
    ),
    _Check(
        "CalibrationOff", "calibration", "ticket",
        "where a policy predicts a reward, another one comes on average",
        "Do not trust its estimates there: try another learner, or more features, as a challenger",
    ),
    _Check(
        "ArmThin", "thin", "ticket",
        "the log says next to nothing about an enabled arm",
        "Raise exploration_minimum, offer the arm in more contexts, or disable it",
    ),
)  # fmt: skip

ALERTS: Final = (
    Alert(
        name="DeadLetters",
        area="data",
        severity="ticket",
        expr='sum by (stage, reason) (increase(croupier_dead_letters_total{reason!="orphan"}[{w}])) > {limit}',
        window=15 * MINUTE,
        summary="Stage {{ $labels.stage }} refused records: {{ $labels.reason }}",
        do="croupier tail dead-letters shows them whole; docs/sending-events.md says what mends each reason",
    ),
    Alert(
        name="FeedbackOrphaned",
        area="data",
        severity="ticket",
        expr=(
            'sum(increase(croupier_dead_letters_total{reason="orphan"}[{w}])) > {limit} and '
            'sum(increase(croupier_dead_letters_total{reason="orphan"}[{w}])) '
            '> 0.05 * sum(increase(croupier_topic_records_total{topic="decisions"}[{w}]))'
        ),
        window=30 * MINUTE,
        limit=5,
        summary='{{ $value | printf "%.0f" }} observations were about decisions that never were',
        do="A sender's decision ids or tenants are wrong, or it sends long after the horizon: see dead letters",
    ),
    Alert(
        name="FeedbackStopped",
        area="data",
        severity="page",
        expr=(
            "sum(increase(croupier_kpi_interactions_total[{w}])) > {limit} "
            "and sum(increase(croupier_kpi_observed_total[{w}])) == 0"
        ),
        window=30 * MINUTE,
        limit=20,
        hold=5 * MINUTE,
        summary="Decisions are made and no feedback comes at all",
        do="See whether what sends rewards runs, reaches Kafka, and uses the prefix of this deployment",
    ),
    *(
        Alert(
            name=each.name, area="data", severity=each.severity,
            expr=f'croupier_alarm_timestamp_seconds{{kind="{each.kind}"}} > time() - {{limit}}',
            limit=DAY, summary=_WHERE + each.summary, do=each.do,
        )
        for each in CHECKS
    ),
)  # fmt: skip
