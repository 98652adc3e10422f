"""What retention has left of one partition's logs, and what can still be said with it.

A log that was trimmed begins at an offset above 0.  Everything appended after its first record's time is there for
sure; of what was appended before, nobody knows.  Decisions that were trimmed are taken from their outcomes and from
the joiner's state, so that while `outcomes` is whole, which decisions count and their ordinals are still known.
"""

from collections.abc import Mapping

from schemas.topics import DECISIONS, OUTCOMES

#: Later than every time: the log was trimmed and nothing is left.
_NEVER = 1 << 62


class Retained:
    """begins: the first offset that each topic still has, where it is not 0."""

    def __init__(self, begins: Mapping[str, int] | None = None) -> None:
        self._begins = {topic: begin for topic, begin in (begins or {}).items() if begin}
        self._first_times: dict[str, int] = dict.fromkeys(self._begins, _NEVER)

    def begin(self, topic: str) -> int:
        """The first offset that a topic still has."""
        return self._begins.get(topic, 0)

    def first(self, topic: str, time: int) -> None:
        """The append time of a topic's first record."""
        if self._first_times.get(topic) == _NEVER:
            self._first_times[topic] = time

    def whole(self, topic: str, since: int) -> bool:
        """Whether all that was appended to a topic at `since` or later is there."""
        return topic not in self._begins or since > self._first_times[topic]

    def lacks(self, topic: str, since: int) -> bool:
        """Whether something appended at `since` or later may have been trimmed."""
        return not self.whole(topic, since)

    @property
    def numbered(self) -> bool:
        """Whether decisions can be counted from the first one on."""
        return not (self.begin(DECISIONS.name) and self.begin(OUTCOMES.name))
