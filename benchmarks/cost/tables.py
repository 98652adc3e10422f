"""The report as a table in markdown."""

from collections.abc import Mapping
from typing import Any, Final

_ROWS: Final = (
    ("routellm_strong_calls_95", "RouteLLM MMLU: strong calls for 95 % of the strong model's quality"),
    ("llmrouter_cost_cut", "LLMRouter, nine models: cost less than always the best one"),
    ("llmrouter_quality_difference", "quality less that of always the best one"),
    ("pareto_cost_cut", "ParetoBandit `val`, three models: cost less than always the best one"),
    ("pareto_quality_difference", "quality less that of always the best one"),
    ("pareto_four_cost_cut", "ParetoBandit `val_k4`, four models: cost less than always the best one"),
    ("pareto_four_quality_difference", "quality less that of always the best one"),
)


def markdown(report: Mapping[str, Any]) -> str:
    """Every figure with its interval."""
    lines = [f"| figure | what | {report['seeds']} seeds | 95 % interval |", "| --- | --- | --- | --- |"]
    for name, what in _ROWS:
        low, high = report[f"{name}_low"], report[f"{name}_high"]
        lines.append(f"| `{name}` | {what} | {report[name]:.4f} | {low:.4f} to {high:.4f} |")
    return "\n".join(lines)
