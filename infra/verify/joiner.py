"""The joiner's state against the logs: what it holds of decisions and rewards, and that it forgot none."""

from collections import Counter, defaultdict

from msgspec.msgpack import Decoder

from schemas.events import Decision, Reward
from schemas.topics import DECISIONS, REWARDS
from schemas.wire import decode
from stream_workers.joining.entries import Done, Open, decode_entry, decode_held, tenant_of
from stream_workers.joining.rules import NEVER
from stream_workers.joining.tallies import COUNTED

from .homes import Homes
from .join import CountedDecision, Join, digest_of, same_numbers
from .record import LogRecord
from .retained import Retained
from .state import ChangelogState

_decode_position = Decoder(tuple[int, int, int]).decode
_decode_tally = Decoder(dict[str, int]).decode


class JoinerCheck:
    """What the last checkpoint must hold, by what this package's join says at the positions that it reflects."""

    def __init__(self, found: ChangelogState, homes: Homes) -> None:
        self._found = found
        self._homes = homes
        self.decisions = found.positions.get(DECISIONS.name, 0)
        self.rewards = found.positions.get(REWARDS.name, 0)
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._held: set[int] = set()  # offsets of the rewards that must be held
        self.keys = 0  # compared

    def count(self, tenant: str, counted: str) -> None:
        """Something that the joiner counts by tenant."""
        self._counts[tenant][counted] += 1

    def reward(
        self,
        record: LogRecord,
        time: int,
        reward: Reward,
        kind: str,
        decision: CountedDecision | None,
        early: bool,
        given_up: bool,
    ) -> None:
        """A reward that the checkpoint covers.  given_up: no decision to come can claim it."""
        if decision is not None and decision.offset < self.decisions:
            self.count(reward.tenant, f"rewards_{kind}")
            if early and kind == "joined":
                self.count(reward.tenant, "rewards_early")
            return
        if decision is None and given_up:
            self.count(reward.tenant, "rewards_orphan")
            return
        self._held.add(record.offset)
        who = f"the reward at {REWARDS.name} offset {record.offset} (of {reward.decision!r} of {reward.tenant!r})"
        found = self._found.get(b"h" + record.offset.to_bytes(8, "big"))
        if found is None:
            self._found.wrong(None, f"{who} waits for its decision, and the state does not hold it")
            return
        try:
            held = decode_held(found[1])
        except ValueError as error:
            self._found.wrong(found[0], f"{who} is held in a form that cannot be read: {error}")
            return
        expected = (
            record.offset,
            record.timestamp,
            record.key,
            record.value,
            time,
            _name(reward.tenant, reward.decision),
        )
        if (held.offset, held.timestamp, held.key, held.value, held.rewarded_at, held.name) != expected:
            self._found.wrong(found[0], f"{who} is held as another record than the log has")

    def compare(self, join: Join, retained: Retained, decided_until: int, rewarded_until: int) -> None:
        """All decisions, and the rewards that the checkpoint covers, were joined.

        decided_until, rewarded_until: effective times of the last decision and reward that the checkpoint covers.
        """
        trimmed = retained.begin(DECISIONS.name) or retained.begin(REWARDS.name)
        if trimmed:  # the records that would say these times may be gone
            _, decided_until, rewarded_until = self._stored() or (0, decided_until, rewarded_until)
        horizon = min(decided_until, rewarded_until) - join.remember_ms
        ordinals = 0
        if not retained.numbered:
            return
        for decision in join.decisions():
            if decision.offset >= self.decisions:
                continue
            ordinals += 1
            self.count(decision.tenant, "decisions")
            ending = decision.ending(rewarded_until)
            if ending is not None:
                self.count(decision.tenant, f"outcomes_{ending.ended}")
            if decision.deadline >= horizon and self._found.get(b"d" + decision.ordinal.to_bytes(8, "big")) is None:
                state = "waits for its outcome" if ending is None else "must still be remembered"
                self._found.wrong(
                    None,
                    f"decision {decision.id!r} of {decision.tenant!r} (ordinal {decision.ordinal}, decisions offset "
                    f"{decision.offset}) {state}, and the state does not hold it",
                )
        for key, offset, value in self._found.scan():
            self.keys += 1
            try:
                self._key(key, offset, value, join, retained, rewarded_until)
            except Exception as error:  # whatever is in there, it is no state of ours
                self._found.wrong(offset, f"key {key!r} cannot be read: {type(error).__name__}: {error}")
        if trimmed:
            return  # times and counts of what is gone are not known
        self._position((ordinals, decided_until or NEVER, rewarded_until or NEVER))
        self._tallies()

    def _key(self, key: bytes, offset: int, value: bytes, join: Join, retained: Retained, rewarded_until: int) -> None:
        if key.startswith(b"d"):
            entry = decode_entry(value)
            tenant = tenant_of(entry.name)
            self._owner(key, offset, tenant)
            ordinal = int.from_bytes(key[1:], "big")
            decision = join.numbered(tenant, entry.name[1 + len(tenant) :], ordinal)
            if decision is None or decision.offset >= self.decisions:
                self._found.wrong(
                    offset, f"ordinal {ordinal} is decision {entry.name[1 + len(tenant) :]!r} of {tenant!r}; by the "
                    "log no such decision has it"
                )  # fmt: skip
                return
            whole = retained.whole(REWARDS.name, decision.time - join.early_ms)
            if (problem := _problem(entry, decision, decision.ending(rewarded_until) is not None, whole)) is not None:
                self._found.wrong(offset, f"ordinal {ordinal}, decision {decision.id!r} of {tenant!r}: {problem}")
        elif key.startswith(b"h"):
            held = decode_held(value)
            self._owner(key, offset, tenant_of(held.name))
            if held.key != tenant_of(held.name).encode():
                self._found.misplaced(offset, f"key {key!r} holds a reward of {held.key!r} under {held.name!r}")
            if held.offset not in self._held and held.offset >= retained.begin(REWARDS.name):
                self._found.wrong(offset, f"key {key!r} holds a reward that by the log is not waited with")
        elif key != b"m" and not key.startswith(b"t"):
            self._found.wrong(offset, f"key {key!r} is none that a joiner writes")

    def _owner(self, key: bytes, offset: int, tenant: str) -> None:
        if (home := self._homes.elsewhere(tenant, self._found.partition)) is not None:
            self._found.misplaced(offset, f"key {key!r} is of tenant {tenant!r}, who lives in partition {home}")

    def decided_until(self) -> int:
        """Effective time of the last decision that the checkpoint covers, as the state itself says it."""
        stored = self._stored()
        return 0 if stored is None else max(stored[1], 0)

    def _stored(self) -> tuple[int, int, int] | None:
        """Next ordinal and the times of decisions and rewards, as the state has them."""
        found = self._found.get(b"m")
        try:
            return None if found is None else _decode_position(found[1])
        except ValueError:
            return None

    def _position(self, expected: tuple[int, int, int]) -> None:
        found = self._found.get(b"m")
        if found is None and expected == (0, NEVER, NEVER):
            return  # it is written when it changes
        position = self._stored()
        if position != expected:
            self._found.wrong(
                None if found is None else found[0],
                f"next ordinal and times are {position}; by the log they are {expected}",
            )

    def _tallies(self) -> None:
        found: dict[str, tuple[int | None, dict[str, int]]] = {}
        for key, offset, value in self._found.scan(b"t"):
            try:
                found[key[1:].decode()] = (offset, _decode_tally(value))
            except ValueError as error:
                self._found.wrong(offset, f"key {key!r} cannot be read: {error}")
        for tenant in sorted(found.keys() | self._counts.keys()):
            place, tally = found.get(tenant, (None, {}))
            expected = dict.fromkeys(COUNTED, 0) | self._counts[tenant]
            if tally != expected:
                names = [name for name in {**expected, **tally} if tally.get(name) != expected.get(name)]
                has, should = ({name: each.get(name) for name in names} for each in (tally, expected))
                self._found.wrong(place, f"counts of {tenant!r} are {has}; the log has {should}")


def _problem(entry: Open | Done, decision: CountedDecision, ended: bool, whole: bool) -> str | None:
    if (entry.decided_at, entry.horizon_ms) != (decision.time, decision.horizon_ms):
        return (
            f"decided at {entry.decided_at} with horizon {entry.horizon_ms} ms; by the log at {decision.time} with "
            f"{decision.horizon_ms} ms"
        )
    if whole and ended is not isinstance(entry, Done):
        return f"it is {'open' if ended else 'over'} in the state and {'over' if ended else 'open'} by the log"
    if isinstance(entry, Done):
        if whole and set(entry.observed) != decision.observations.keys():
            return f"observed {sorted(entry.observed)}; by the log {sorted(decision.observations)}"
        return None
    if whole and not same_numbers(entry.observations, decision.observations):
        return f"observed {entry.observations}; by the log {decision.observations}"
    held = decode(DECISIONS.name, bytes(entry.decision))
    same = isinstance(held, Decision) and digest_of(held) == decision.digest
    if not same or (entry.offset, entry.awaited) != (decision.offset, decision.awaited):
        return f"it holds another decision than the record at {DECISIONS.name} offset {decision.offset}"
    return None


def _name(tenant: str, decision: str) -> str:
    return f"{chr(len(tenant))}{tenant}{decision}"
