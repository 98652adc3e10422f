"""KPIs for readers: `store` follows the kpis topic and answers for any window, domain, arm and policy.

What each number means is in docs/kpis.md; what follows from sums in `stream_workers.analytics.summary`.
"""
