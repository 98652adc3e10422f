"""What `python -m benchmarks.learning` is made of: each part a module with `run(quick) -> dict`, and its figures."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final, NamedTuple

from schemas.errors import CroupierError


class Part(NamedTuple):
    """A module of this package, and the figures that its `run` must give; it may give more."""

    module: str
    figures: tuple[str, ...]


_PMLB: Final = (
    *("pmlb_best", "pmlb_evaluable", "pmlb_evaluable_coverage", "pmlb_doubly_robust"),
    *("pmlb_offset_tree", "pmlb_offset_tree_published", "pmlb_delay_100", "pmlb_delay_500"),
    *("pmlb_vowpal_wabbit", "pmlb_mabwiser", "pmlb_river", "pmlb_paretobandit"),
    *("us_vowpal_wabbit", "us_mabwiser", "us_river", "us_paretobandit", "speedup_over_peers"),
)

_EVALUATION: Final = ("cs_violations", "dr_rmse_over_ips", "dr_rmse_over_snips", "dr_rmse_over_dm", "evaluation_logs")

PARTS: Final[Mapping[str, Part]] = {
    "pmlb": Part("pmlb", _PMLB),
    "speed": Part("speed", ("kernel_us", "python_us")),
    "routellm": Part("routellm", ("routellm_apgr", "routellm_strong_calls_95")),
    "llmrouter": Part("llmrouter", ("llmrouter_at_60",)),
    "pareto": Part("pareto", ("pareto_above_static", "pareto_utilisation")),
    "evaluation": Part("evaluation", _EVALUATION),
}


def measure(name: str, *, quick: bool) -> dict[str, Any]:
    """Run a part.  CroupierError if its module is missing or leaves out one of its figures."""
    part = PARTS[name]
    found: dict[str, Any] = import_module(f"benchmarks.learning.{part.module}").run(quick)
    if missing := [figure for figure in part.figures if figure not in found]:
        raise CroupierError(f"benchmarks/learning/{part.module}.py: run() gave no {', '.join(missing)}")
    return found
