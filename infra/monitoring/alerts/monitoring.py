"""The watchers themselves."""

from typing import Final

from ..alert import MINUTE, Alert

ALERTS: Final = (
    Alert(
        name="MonitorDown",
        area="monitoring",
        severity="page",
        expr='absent(up{job="croupier-monitor"} == 1)',
        hold=2 * MINUTE,
        summary="croupier monitoring serve does not answer: lag, targets and where processes are is not known",
        do="Start it again, and look at its log",
    ),
    Alert(
        name="KpisUnread",
        area="monitoring",
        severity="ticket",
        expr="croupier_monitor_kpis_read == {limit}",
        hold=10 * MINUTE,
        summary="The monitor has not read the KPIs: targets and budgets are not watched",
        do="Its log says why; of very many tenants the first reading may take minutes",
    ),
    Alert(
        name="Watchdog",
        area="monitoring",
        severity="none",
        expr="vector(1)",
        summary="Prometheus and Alertmanager work",
        do="Always fires. Whoever gets it must complain when it stops coming",
    ),
)
