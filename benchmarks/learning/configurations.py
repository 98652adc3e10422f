"""Which learners PMLB-16 is played with: for each name one configuration, the same for every set, seed and delay."""

from collections.abc import Mapping
from typing import Final

from benchmarks.learning.ours import Configuration

CONFIGURATIONS: Final[Mapping[str, Configuration]] = {
    # The lowest loss.  It explores where it is unsure and hardly elsewhere: its logs say little about other policies.
    "best": Configuration("fastcb", 0.0, {"map": "large", "gamma": 1000.0}),
    # Explores enough that its log answers what another policy would have earned.
    "evaluable": Configuration("fastcb", 0.015, {"map": "large", "gamma": 3.0}),
    "standard": Configuration("fastcb", 0.0, {"map": "standard", "gamma": 1000.0}),
    "small": Configuration("fastcb", 0.0, {"map": "small", "gamma": 1000.0}),
    "doubly_robust": Configuration("doubly_robust", 0.005, {"map": "standard"}),
    "offset_tree": Configuration("offset_tree", 0.005, {"map": "standard"}),
    "offset_tree_published": Configuration("offset_tree", 0.005, {"map": "standard", "offset": "half", "ridge": 2.0}),
}
#: The learner that delays are tried with.
DELAYED: Final = "standard"
DELAYS: Final = (100, 500)
#: Whose microseconds `speed` tells by map.
COMPARED: Final = "standard"
#: The quickest learner, which is what the peers' speed is compared with if it loses no more than any of them.
QUICKEST: Final = "small"
