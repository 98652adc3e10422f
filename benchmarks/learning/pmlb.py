"""The figures of PMLB-16: our learners and other programs, in the same runs."""

import math
import sys
from collections.abc import Mapping, Sequence
from statistics import fmean
from types import MappingProxyType
from typing import Any, Final

from benchmarks.learning.configurations import COMPARED, CONFIGURATIONS, DELAYED, DELAYS, QUICKEST
from benchmarks.learning.peers import PEERS
from benchmarks.learning.runs import Found, Run, carry_out_all
from benchmarks.learning.seeds import Mean, over_seeds
from benchmarks.learning.sets import NAMES, ROWS

SEEDS: Final = 5
#: Rows of each set that --quick plays slow programs on; the report says so.
SLOW: Final[Mapping[str, int]] = {"mabwiser": 4_000, "river": 4_000}

FIGURES: Final = (
    *(f"pmlb_{name}" for name in CONFIGURATIONS),
    *(f"pmlb_{name}_{what}" for name in ("best", "evaluable") for what in ("coverage", "reported", "width", "error")),
    *(f"pmlb_delay_{delay}" for delay in DELAYS),
    *(f"pmlb_{name}" for name in PEERS),
    *(f"us_{name}" for name in (*CONFIGURATIONS, *PEERS)),
    *("speedup_over_peers", f"speedup_over_peers_{COMPARED}"),
)


def run(quick: bool) -> dict[str, Any]:
    """All of it: five seeds, or one when quick."""
    seeds = range(1 if quick else SEEDS)
    return report(seeds, carry_out_all(planned(seeds, fewer=SLOW if quick else {}), _tell))


def planned(
    seeds: Sequence[int], names: Sequence[str] = NAMES, fewer: Mapping[str, int] = MappingProxyType({})
) -> list[Run]:
    """What is played: everybody without delay, and one learner with delays.  fewer: who plays the first rows only."""
    without = [
        Run(player, name, seed, rows=fewer.get(player, ROWS))
        for player in (*PEERS, *CONFIGURATIONS)
        for seed in seeds
        for name in names
    ]
    return without + [Run(DELAYED, name, seed, delay) for delay in DELAYS for seed in seeds for name in names]


def report(seeds: Sequence[int], found: Mapping[Run, Found]) -> dict[str, Any]:
    """The figures, and under `pmlb` what they are made of."""
    names = tuple(dict.fromkeys(run.set for run in found))
    fewer = {run.player: run.rows for run in found if run.rows < ROWS}
    found = {run._replace(rows=ROWS): each for run, each in found.items()}

    def mean(player: str, value: str = "loss", delay: int = 0) -> list[float]:
        """Over the sets, one a seed."""
        return [fmean(getattr(found[Run(player, name, seed, delay)], value) for name in names) for seed in seeds]

    figures: dict[str, Any] = {}
    for player in (*CONFIGURATIONS, *PEERS):
        figures |= over_seeds(mean(player)).figures(f"pmlb_{player}")
        figures |= over_seeds(mean(player, "microseconds")).figures(f"us_{player}")
    for player in ("best", "evaluable"):
        figures |= _judged(player, names, seeds, found)
    for delay in DELAYS:
        added = [late - soon for late, soon in zip(mean(DELAYED, "loss", delay), mean(DELAYED), strict=True)]
        figures |= over_seeds(added).figures(f"pmlb_delay_{delay}")
    peers = [name for name in PEERS if name not in fewer]
    figures |= _speedup(QUICKEST, peers, mean).figures("speedup_over_peers")
    figures |= _speedup(COMPARED, peers, mean).figures(f"speedup_over_peers_{COMPARED}")
    return figures | {
        "configuration": {name: each.described() for name, each in CONFIGURATIONS.items()}
        | {name: each.configuration for name, each in PEERS.items()},
        "pmlb": {
            "sets": list(names),
            "seeds": list(seeds),
            "first_rows_only": fewer,
            "losses": _by_set(names, seeds, found),
        },
    }


def _speedup(player: str, peers: Sequence[str], mean: Any) -> Mean:
    """Microseconds of the fastest peer over a player's, by seed; 0 where a peer loses less than the player."""
    ratios = []
    for index, (mine, loss) in enumerate(zip(mean(player, "microseconds"), mean(player), strict=True)):
        if any(mean(peer)[index] < loss for peer in peers):
            ratios.append(0.0)
        else:
            ratios.append(min(mean(peer, "microseconds")[index] for peer in peers) / mine)
    return over_seeds(ratios)


def _judged(
    player: str, names: Sequence[str], seeds: Sequence[int], found: Mapping[Run, Found]
) -> dict[str, float | None]:
    """What a player's logs say about a fixed challenger, over the sets, by seed.

    coverage: how often its plain interval has the truth in it; reported: how often the one that Croupier reports has;
    width: half of the latter's; error: the root of the mean squared error.
    """
    by_seed = [[each for name in names if (each := found[Run(player, name, seed)].judged)] for seed in seeds]
    what = {
        "coverage": [fmean(each.in_plain for each in judged) for judged in by_seed],
        "reported": [fmean(each.in_reported for each in judged) for judged in by_seed],
        "width": [fmean(each.reported for each in judged) for judged in by_seed],
        "error": [math.sqrt(fmean(each.error**2 for each in judged)) for judged in by_seed],
    }
    figures: dict[str, float | None] = {}
    for name, values in what.items():
        figures |= over_seeds(values).figures(f"pmlb_{player}_{name}")
    return figures


def _by_set(names: Sequence[str], seeds: Sequence[int], found: Mapping[Run, Found]) -> dict[str, dict[str, float]]:
    """Mean loss over the seeds of every player on every set, without delay."""
    return {
        player: {name: fmean(found[Run(player, name, seed)].loss for seed in seeds) for name in names}
        for player in (*CONFIGURATIONS, *PEERS)
    }


def _tell(done: int, of: int, run: Run, found: Found) -> None:
    late = f", {run.delay} events late" if run.delay else ""
    print(
        f"[{done}/{of}] {run.player} on {run.set}, seed {run.seed}{late}: "
        f"loss {found.loss:.4f}, {found.microseconds:.1f} us",
        file=sys.stderr,
        flush=True,
    )
