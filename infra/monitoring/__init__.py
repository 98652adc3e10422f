"""Whether everything works, told without being asked: Prometheus, its alerts, Alertmanager, Grafana.

Start with `alerts` (what is watched, as data: `alert` says what one is), then `rules` (those as Prometheus reads them),
`failure_modes` (what can go wrong and which alert says so), `scraping` and `notifying` (the two programs' own files),
`dashboards`, and `monitor` (the process that asks the broker and the KPIs what no worker can tell).  docs/monitoring.md
tells it from the operator's side.
"""
