"""State that is a function of the outcomes log, against an offline replay of that log, byte for byte."""

from collections.abc import Callable, Sequence

from schemas.topics import OUTCOMES
from stream_workers.analytics.processor import AnalyticsProcessor
from stream_workers.learning.processor import LearnerProcessor
from stream_workers.runtime.stage import Dead, Emit, Processor, State
from stream_workers.topology import analytics_stages, worker_stages

from .homes import Homes
from .owners import owner
from .record import LogRecord
from .state import ChangelogState
from .table import Table

#: Makes a stage's processor: partition, state, emit, dead.
Make = Callable[[int, State, Emit, Dead], Processor]
STAGES: dict[str, Make] = {"learner": LearnerProcessor, "analytics": AnalyticsProcessor}
VERSIONS = {stage.name: stage.state_version for stage in (*worker_stages(), *analytics_stages())}


class ReplayCheck:
    """Runs a stage over the outcomes partition up to its last checkpoint, and compares.

    Memory: as the stage itself, of the domains of one partition; what it writes is in `table`.
    """

    def __init__(self, stage: str, found: ChangelogState, table: Table, homes: Homes) -> None:
        self._found = found
        self._stage = stage
        self._table = table
        self._homes = homes
        self.position = found.positions.get(OUTCOMES.name, 0)
        self._processor = STAGES[stage](found.partition, table, _emit, _dead)
        self.keys = 0  # compared

    def feed(self, records: Sequence[LogRecord]) -> None:
        """Take the partition's next records, from the first on."""
        wanted = [record for record in records if record.offset < self.position]
        if wanted:
            self._processor.apply(OUTCOMES.name, wanted)
            if self._stage == "analytics":
                self._processor.flush()  # it keeps changed buckets in memory until then

    def compare(self) -> None:
        """The log was shown whole: every key must have the replay's bytes."""
        found = self._found
        if not found.positions:
            for _, offset, _ in found.scan():
                found.wrong(offset, "the state has keys and no positions: what it reflects is not known")
                return
            return
        if found.version != VERSIONS[self._stage]:
            found.other_version(f"partitions with {self._stage} state of version {found.version}, which this release "
                                f"(version {VERSIONS[self._stage]}) makes anew when its workers start")  # fmt: skip
            return
        self._processor.flush()
        self.owners()
        for key, value in self._table.scan():
            self.keys += 1
            if found.get(key) is None:
                found.wrong(None, f"key {key!r} is not in the changelog, but in the replay ({len(value)} bytes)")
        for key, offset, value in found.scan():
            replayed = self._table.get(key)
            if replayed is None:
                self.keys += 1
                found.wrong(offset, f"key {key!r} is in the changelog, but not in the replay")
            elif replayed != value:
                found.wrong(offset, f"key {key!r} {_difference(value, replayed)}")

    def owners(self) -> None:
        """No key may be of, or hold, another partition's tenant."""
        for key, offset, value in self._found.scan():
            try:
                tenants = owner(self._stage, key, value)
            except Exception as error:  # whatever is in there, no state of ours: the comparison says it too
                self._found.wrong(offset, f"key {key!r} cannot be read: {type(error).__name__}: {error}")
                continue
            for tenant in sorted(tenants):
                if (home := self._homes.elsewhere(tenant, self._found.partition)) is not None:
                    self._found.misplaced(offset, f"key {key!r} is of tenant {tenant!r}, who lives in partition {home}")
            if len(tenants) > 1:
                self._found.misplaced(offset, f"key {key!r} holds state of another tenant: {sorted(tenants)}")


def _difference(found: bytes, replayed: bytes) -> str:
    first = next((i for i, (a, b) in enumerate(zip(found, replayed, strict=False)) if a != b), None)
    at = f"first at byte {first}" if first is not None else "one is the other's beginning"
    return f"has {len(found)} bytes in the changelog and {len(replayed)} in the replay, which differ, {at}"


def _emit(_topic: str, _key: bytes, _value: bytes | None) -> None:
    pass


def _dead(_topic: str, _record: object, _error: object) -> None:
    pass
