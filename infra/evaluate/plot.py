"""An answer as a picture: values by estimator, and how the interval closed while the log grew."""

from pathlib import Path
from typing import Any

from .answer import Answer
from .history import EvaluationError
from .tables import NAMES


def plot(answer: Answer, path: Path) -> None:
    """Write it to a file, in the format its ending says (png, svg, pdf).  EvaluationError: it cannot be written."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    policies = answer.policies
    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 1.5 + max(4.0, 0.9 * len(NAMES))))
    for i, policy in enumerate(policies):
        colour = f"C{i % 10}"
        _values(left, policy, i - (len(policies) - 1) / 2.0, colour)
        n = [each.n for each in policy.running]
        right.plot(n, [each.estimate for each in policy.running], color=colour, label=policy.policy)
        lower, upper = [each.lower for each in policy.running], [each.upper for each in policy.running]
        right.fill_between(n, lower, upper, color=colour, alpha=0.15)
    for axis, vertical in ((left, True), (right, False)):
        draw = axis.axvline if vertical else axis.axhline
        draw(answer.logged.estimate, color="0.5", linestyle=":", label="what was logged")
    left.set_yticks(range(len(NAMES)), list(NAMES.values()))
    left.invert_yaxis()
    left.set_xlabel("mean reward (thick: bootstrap; thin: at every moment)")
    right.set_xscale("log")
    right.set_xlabel("outcomes")
    right.set_ylabel("doubly robust value, 95% at every moment")
    right.legend(fontsize="small")
    figure.suptitle(f"{answer.tenant}/{answer.domain}: {answer.outcomes:,} outcomes")
    figure.tight_layout()
    try:
        figure.savefig(path, dpi=130)
    except (OSError, ValueError) as error:
        raise EvaluationError(f"the plot {path} cannot be written: {error}") from None
    finally:
        plt.close(figure)


def _values(axis: Any, policy: Any, offset: float, colour: str) -> None:
    for value in policy.values:
        y = list(NAMES).index(value.estimator) + 0.12 * offset
        if value.lower is not None:
            axis.plot([value.lower, value.upper], [y, y], color=colour, linewidth=0.8)
        if value.bootstrap_lower is not None:
            axis.plot([value.bootstrap_lower, value.bootstrap_upper], [y, y], color=colour, linewidth=3.0, alpha=0.6)
        if value.estimate is not None:
            axis.plot([value.estimate], [y], "o", color=colour, markersize=4)
