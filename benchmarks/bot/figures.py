"""From questions and samples to figures."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .load import Asked


def of_questions(asked: Sequence[Asked], seconds: float) -> dict[str, Any]:
    """messages_per_s: answered in the time that they were asked in.  Latencies are of the answered ones."""
    answered = [each for each in asked if each.replies and not each.refused]
    added = np.array([each.added for each in answered if not np.isnan(each.added)]) * 1e3
    whole = np.array([each.replied - each.appeared for each in answered]) * 1e3
    in_time = sum(each.replies > 0 for each in asked) / seconds
    return {
        "messages_per_s": round(in_time, 1),
        **_quantiles("added_latency_ms", added),
        **_quantiles("whole_latency_ms", whole),
        "answered": len(answered),
        "refused": sum(each.refused for each in asked),
        "doubled": sum(each.replies > 1 for each in asked),
        "lost": sum(not each.replies for each in asked),
    }


def _quantiles(name: str, values: "np.ndarray[Any, Any]") -> dict[str, float | None]:
    if not len(values):
        return {f"{name}_p50": None, f"{name}_p99": None}
    middle, most = np.quantile(values, (0.5, 0.99)).tolist()
    return {f"{name}_p50": round(middle, 1), f"{name}_p99": round(most, 1)}


def of_memory(samples: Sequence[float]) -> dict[str, float | None]:
    """Megabytes, in order of time: how much more the last fifth has than the second one, by their medians.

    In the first fifth caches fill: connections, the last questions of every channel, interned names.
    """
    if len(samples) < 10:
        return {"rss_mb": round(samples[-1], 1) if samples else None, "rss_growth_mb": None}
    fifth = len(samples) // 5
    second, last = np.median(samples[fifth : 2 * fifth]), np.median(samples[-fifth:])
    return {"rss_mb": round(float(last), 1), "rss_growth_mb": round(float(last - second), 1)}


def of_decisions(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float | None]:
    """fallback_share: of the questions of this time, those for which no decision came in time."""
    kinds = {how: f'croupier_bot_choices_total{{how="{how}"}}' for how in ("decided", "late", "unreachable")}
    chosen = {how: after.get(name, 0.0) - before.get(name, 0.0) for how, name in kinds.items()}
    total = sum(chosen.values())
    waits = [after.get(name, 0.0) - before.get(name, 0.0) for name in _WAIT]
    return {
        "fallback_share": (total - chosen["decided"]) / total if total else None,
        "decision_wait_ms_mean": round(1e3 * waits[0] / waits[1], 2) if waits[1] else None,
    }


_WAIT = ("croupier_path_wait_seconds_sum", "croupier_path_wait_seconds_count")
