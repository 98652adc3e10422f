"""How each recording is routed: one configuration for all seeds.  docs/cost.md says what else was tried."""

from collections.abc import Mapping
from typing import Final, NamedTuple

Parameters = Mapping[str, float | str]


class Setting(NamedTuple):
    """A recording, who explores in its first half, and who acts in its second."""

    recording: str  # of `benchmarks.learning.texts`
    explorer: Parameters  # of `thompson`
    actor: Parameters  # of `linucb`
    level: float  # what every arm is expected to earn before anything is known ...
    lead: float  # ... and how much more the arm that is in use today
    observations: int  # requests that this expectation counts as, for each arm
    share: float | None  # the quality floor while the actor acts; None: none

    @property
    def described(self) -> dict[str, object]:
        """For the report."""
        return self._asdict()


#: Of K arms each keeps this / K of the requests.
EXPLORING: Final = 0.02
ACTING: Final = 0.002

SETTINGS: Final[Mapping[str, Setting]] = {
    "llmrouter": Setting(
        "llmrouter",
        {"map": "small", "ridge": 30.0, "bonus": 0.7},
        {"map": "small", "ridge": 30.0, "bonus": 0.0},
        level=0.6, lead=0.05, observations=50, share=1.0,
    ),
    "pareto": Setting(
        "paretobandit_val",
        {"map": "small", "ridge": 3.0, "bonus": 0.5},
        {"map": "small", "ridge": 30.0, "bonus": 0.0},
        level=0.9, lead=0.05, observations=100, share=None,
    ),
    "pareto_four": Setting(
        "paretobandit",
        {"map": "small", "ridge": 3.0, "bonus": 0.5},
        {"map": "small", "ridge": 30.0, "bonus": 0.0},
        level=0.9, lead=0.05, observations=100, share=None,
    ),
}  # fmt: skip
