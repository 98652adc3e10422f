"""Rewards whose decision is not known yet, held whole until it comes or cannot come any more."""

from collections import deque
from collections.abc import Iterator
from itertools import islice

from schemas.errors import CroupierError
from stream_workers.runtime.stage import State

from .entries import HeldReward, decode_held, encode

_PREFIX = b"h"


class HeldRewards:
    """Early rewards of one partition, by name and by time.  cached: how many are kept in memory whole."""

    def __init__(self, state: State, cached: int) -> None:
        self._state = state
        self._cached = cached
        self._held: set[int] = set()  # offsets
        self._whole: dict[int, HeldReward] = {}  # by offset: what came since the last flush, and some of the others
        self._names: dict[str, list[int]] = {}  # offsets, ascending; those no longer held may still be among them
        self._times: deque[tuple[int, int, str]] = deque()  # effective time, offset, name: ascending as they came
        self._unstored: set[int] = set()
        self._stale: list[bytes] = []
        for _, value in state.scan(_PREFIX):
            self._index(decode_held(value))

    def __len__(self) -> int:
        """How many are held."""
        return len(self._held)

    def hold(self, reward: HeldReward) -> None:
        """Keep a reward; offsets and times come ascending."""
        self._index(reward)
        self._whole[reward.offset] = reward
        self._unstored.add(reward.offset)

    def claim(self, name: str, earliest: int, latest: int) -> list[HeldReward]:
        """Take out the rewards of that name with earliest <= effective time <= latest, in order of offset."""
        offsets = self._names.pop(name, None)
        if offsets is None:
            return []
        claimed, left = [], []
        for offset in offsets:
            if offset not in self._held:
                continue
            reward = self._get(offset)
            if earliest <= reward.rewarded_at <= latest:
                claimed.append(reward)
                self._remove(offset)
            else:
                left.append(offset)
        if left:
            self._names[name] = left
        return claimed

    def earliest(self) -> int | None:
        """The effective time of the first reward held."""
        times = self._times
        while times:
            if times[0][1] in self._held:
                return times[0][0]
            times.popleft()
        return None

    def expire(self, before: int) -> Iterator[HeldReward]:
        """Take out the rewards with an effective time less than `before`."""
        times = self._times
        while times and times[0][0] < before:
            _, offset, name = times.popleft()
            if offset in self._held:
                reward = self._get(offset)
                self._remove(offset)
                if self._names[name][-1] == offset:  # the last of its name, and times ascend: the others went before
                    del self._names[name]
                yield reward

    def flush(self) -> None:
        """Put what came, and is still held, into the state, and delete what went."""
        for offset in sorted(self._unstored):
            self._state.put(_key(offset), encode(self._whole[offset]))
        for key in self._stale:
            self._state.delete(key)
        self._unstored.clear()
        self._stale.clear()
        for offset in list(islice(self._whole, max(0, len(self._whole) - self._cached))):
            del self._whole[offset]

    def _index(self, reward: HeldReward) -> None:
        self._held.add(reward.offset)
        self._names.setdefault(reward.name, []).append(reward.offset)
        self._times.append((reward.rewarded_at, reward.offset, reward.name))

    def _get(self, offset: int) -> HeldReward:
        reward = self._whole.get(offset)
        if reward is None:
            value = self._state.get(_key(offset))
            if value is None:
                raise CroupierError(
                    f"the joiner's state has no reward with offset {offset}, which its index holds: the state was "
                    "changed by somebody else; restart the worker, which reads it anew"
                )
            reward = decode_held(value)
        return reward

    def _remove(self, offset: int) -> None:
        self._held.remove(offset)
        self._whole.pop(offset, None)
        if offset in self._unstored:
            self._unstored.remove(offset)
        else:
            self._stale.append(_key(offset))


def _key(offset: int) -> bytes:
    return _PREFIX + offset.to_bytes(8, "big")
