"""The pictures of docs/learning.md, from a report that `python -m benchmarks.learning --json` printed.

python -m benchmarks.learning.pictures report.json docs/pictures
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import typer

from benchmarks.learning.configurations import CONFIGURATIONS
from benchmarks.learning.peers import PEERS

mpl.use("Agg")
from matplotlib import pyplot as plt

_OURS: Final = "#1b6ca8"
_PEERS: Final = "#b0563a"


def main(report: Path, folder: Path) -> None:
    """Draw every picture."""
    found = json.loads(report.read_text())
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in (("learning-loss-and-time", loss_and_time), ("learning-by-set", by_set)):
        figure = draw(found)
        figure.savefig(folder / f"{name}.png", dpi=110)
        plt.close(figure)


def loss_and_time(report: Mapping[str, Any]) -> plt.Figure:
    """Loss against microseconds an event, a point for each player with its interval."""
    figure, axes = plt.subplots(figsize=(7.2, 4.2), layout="constrained")
    for name in (*CONFIGURATIONS, *PEERS):
        loss, spent, low = report[f"pmlb_{name}"], report[f"us_{name}"], report[f"pmlb_{name}_low"]
        colour = _PEERS if name in PEERS else _OURS
        half = 0.0 if low is None else loss - low
        axes.errorbar(spent, loss, yerr=half, fmt="s" if name in PEERS else "o", color=colour, capsize=2, markersize=5)
        axes.annotate(name, (spent, loss), xytext=(6, 3), textcoords="offset points", fontsize=8, color=colour)
    axes.set(xscale="log", xlabel="microseconds to decide and learn an event, from Python", ylabel="PMLB-16 loss")
    axes.margins(x=0.2)
    axes.grid(alpha=0.3)
    return figure


def by_set(report: Mapping[str, Any]) -> plt.Figure:
    """Loss on each set: our best and standard learners beside the other programs."""
    losses = report["pmlb"]["losses"]
    sets = sorted(losses["best"], key=losses["best"].__getitem__)
    figure, axes = plt.subplots(figsize=(7.2, 4.8), layout="constrained")
    marks = {"best": "o", "standard": ".", **dict(zip(PEERS, "svD^", strict=True))}
    for name, mark in marks.items():
        colour = _PEERS if name in PEERS else _OURS
        values = [losses[name][each] for each in sets]
        axes.plot(values, range(len(sets)), mark, color=colour, alpha=0.75, label=name, markersize=5)
    axes.set(xlabel="progressive loss", xlim=(0.0, 1.0))
    axes.set_yticks(range(len(sets)), sets, fontsize=8)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure


if __name__ == "__main__":
    typer.run(main)
