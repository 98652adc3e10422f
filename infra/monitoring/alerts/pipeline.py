"""Kafka, workers and analytics: do they run, and do they get on?"""

from typing import Final

from ..alert import HOUR, MINUTE, Alert

ALERTS: Final = (
    Alert(
        name="ProcessDown",
        area="pipeline",
        severity="page",
        expr='up{job="croupier"} == 0',
        hold=2 * MINUTE,
        summary="{{ $labels.instance }} ({{ $labels.role }}) does not answer",
        do=(
            "It was killed, stands still, or can not be reached: croupier status says which. A supervisor starts it; "
            "if it does not, look at its log"
        ),
    ),
    Alert(
        name="NoWorker",
        area="pipeline",
        severity="page",
        expr='absent(up{job="croupier", role="worker"} == 1)',
        hold=MINUTE,
        summary="No worker answers: nothing is decided, the bot acts by its fallback",
        do="Start workers (croupier up, docker compose up), and look at their logs for why they ended",
    ),
    Alert(
        name="ProcessRestarting",
        area="pipeline",
        severity="page",
        expr=(
            'sum by (program) (increase(croupier_supervisor_ends_total{how!="in-order"}[{w}])) > {limit} '
            'or label_replace(changes(process_start_time_seconds{job="croupier"}[{w}]) > {limit}, '
            '"program", "$1", "instance", "(.*)")'
        ),
        window=15 * MINUTE,
        limit=2,
        summary='{{ $labels.program }} was started again {{ $value | printf "%.0f" }} times in a short while',
        do="Its log says with which exit code and why it ended (docs/operating.md, When a process ends)",
    ),
    Alert(
        name="LeaseLost",
        area="pipeline",
        severity="ticket",
        expr='sum by (program) (increase(croupier_supervisor_ends_total{how="lease-lost"}[{w}])) > {limit}',
        window=HOUR,
        summary="{{ $labels.program }} stood still for so long that another may have had its partitions, and ended",
        do="Look at memory, swap and processor time of its machine; a longer session timeout hides it",
    ),
    Alert(
        name="ProcessUnhealthy",
        area="pipeline",
        severity="page",
        expr="croupier_healthy == 0",
        hold=MINUTE,
        summary="{{ $labels.instance }} says that it is not healthy",
        do="croupier status shows the reason; docs/operating.md says what each means",
    ),
    Alert(
        name="PartitionsUnserved",
        area="pipeline",
        severity="page",
        expr="croupier_group_partitions_unowned > {limit}",
        hold=2 * MINUTE,
        summary='{{ $value | printf "%.0f" }} partitions belong to no {{ $labels.role }}: their tenants wait',
        do="Start processes of that role; one that starts and gets none of them is in a rebalance that does not end",
    ),
    Alert(
        name="LagStandingStill",
        area="pipeline",
        severity="page",
        expr=(
            "sum by (role, topic) (croupier_group_lag_records) > {limit} "
            "and sum by (role, topic) (increase(croupier_group_committed_total[{w}])) == 0"
        ),
        window=2 * MINUTE,
        hold=MINUTE,
        summary='{{ $value | printf "%.0f" }} records of {{ $labels.topic }} wait, and no {{ $labels.role }} gets on',
        do="croupier status says which partition waits and for what; a process that hangs may be killed at any moment",
    ),
    Alert(
        name="LagHigh",
        area="pipeline",
        severity="ticket",
        expr="sum by (role, topic) (croupier_group_lag_records) > {limit}",
        limit=20_000,
        hold=10 * MINUTE,
        summary='{{ $value | printf "%.0f" }} records of {{ $labels.topic }} wait for a {{ $labels.role }}',
        do="Lag everywhere: more workers. In one partition: a busy tenant, see croupier tail contexts --from end",
    ),
    Alert(
        name="Rebalancing",
        area="pipeline",
        severity="ticket",
        expr='max by (role) (changes(croupier_group_generation{job="croupier"}[{w}])) > {limit}',
        window=15 * MINUTE,
        limit=6,
        summary='The group of the {{ $labels.role }}s was divided anew {{ $value | printf "%.0f" }} times',
        do="Processes keep leaving and joining: look for restarts, lost leases, and a slow network to the broker",
    ),
    Alert(
        name="CheckpointOld",
        area="pipeline",
        severity="page",
        expr="croupier_unsaved_seconds > {limit}",
        limit=30,
        hold=MINUTE,
        summary='{{ $labels.instance }} has not completed a checkpoint for {{ $value | printf "%.0f" }} s',
        do="The broker does not take state, outputs or offsets: look at the broker, then at the process's log",
    ),
    Alert(
        name="BrokerUnreachable",
        area="pipeline",
        severity="page",
        expr="croupier_monitor_broker_up == 0",
        hold=MINUTE,
        summary="Kafka does not answer the monitor",
        do="Start it or mend the network. Nothing is lost meanwhile: the bot acts by its fallback and spools",
    ),
    Alert(
        name="TopicsWrong",
        area="pipeline",
        severity="page",
        expr="croupier_monitor_topics_right == 0",
        hold=MINUTE,
        summary="Topics are missing or set otherwise than they must be",
        do="croupier topics check says which, and with what command they are put right",
    ),
    Alert(
        name="UnderReplicated",
        area="pipeline",
        severity="page",
        expr="croupier_partitions_under_replicated > {limit}",
        hold=5 * MINUTE,
        summary='{{ $value | printf "%.0f" }} partitions have fewer replicas in sync than they should',
        do="A broker is away or behind. With one more lost, records are refused: bring it back",
    ),
    Alert(
        name="DiskFilling",
        area="pipeline",
        severity="page",
        expr="croupier_disk_free_ratio < {limit}",
        limit=0.1,
        hold=5 * MINUTE,
        summary="The disk with the state of {{ $labels.instance }} has {{ $value | humanizePercentage }} left",
        do="Make room. A process that can not write ends, and does not start again before it can",
    ),
    Alert(
        name="ClockSkewed",
        area="pipeline",
        severity="ticket",
        expr="abs(croupier_clock_seconds - timestamp(croupier_clock_seconds)) > {limit}",
        limit=5,
        hold=2 * MINUTE,
        summary='The clock of {{ $labels.instance }} is off by {{ $value | printf "%.0f" }} s',
        do="Let the machine keep its time (NTP). Horizons follow the broker's clock, answers' times the process's",
    ),
)
