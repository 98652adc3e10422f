"""How far a deployment says it has come: up to there everything must be done, after that it may be pending."""

import sys
from typing import Final, NamedTuple

#: After every offset.
EVERYTHING: Final = sys.maxsize


class Covered(NamedTuple):
    """Of one partition, the offset of the first record that need not have been handled.

    Each is read before the ends of the topics that the handling writes to, so what it covers is within what is read:
    a checkpoint and a commit come after everything they cover has been acknowledged.
    """

    contexts: int = EVERYTHING  # committed by the router
    decisions: int = EVERYTHING  # in the joiner's last checkpoint
    rewards: int = EVERYTHING
    learned: int = EVERYTHING  # of outcomes, in the learner's last checkpoint
    counted: int = EVERYTHING  # of outcomes, in the last checkpoint of analytics

    def of(self, topic: str) -> int:
        """Up to where every record of a topic must have been handled by all that read it."""
        return {
            "contexts": self.contexts,
            "decisions": self.decisions,
            "rewards": self.rewards,
            "outcomes": min(self.learned, self.counted),
        }.get(topic, EVERYTHING)
