"""Router, joiner and learner of one partition on state in memory, with their logs: what a worker process holds."""

import msgspec
import numpy as np

from schemas import wire
from schemas.events import Context, Reward, SpecChange
from stream_workers.columnar.rows import FetchedRecord
from stream_workers.joining.processor import JoinerProcessor
from stream_workers.learning.processor import LearnerProcessor
from stream_workers.routing.processor import RouterProcessor
from stream_workers.runtime.stage import MemoryState

TENANT = "acme"


class Chains:
    """One tenant's partition.  Logs last; processors are made anew by `crash`, from the last checkpoint."""

    def __init__(self, *specs):
        self.logs = {name: [] for name in ("contexts", "decisions", "rewards", "outcomes")}
        self.dead = []
        self.now = 1000
        self._saved = [({}, {"decisions": 0, "rewards": 0}), ({}, {"outcomes": 0})]
        self._contexts = 0
        self._start()
        for version, spec in enumerate(specs):
            self.declare(spec, version)

    def _start(self):
        (joined, self._joined), (learned, self._learned) = (
            (dict(items), dict(positions)) for items, positions in self._saved
        )
        self.joiner_state, self.learner_state = MemoryState(), MemoryState()
        self.joiner_state.items, self.learner_state.items = joined, learned
        self.joiner = JoinerProcessor(0, self.joiner_state, self._emit, self._dead)
        self.learner = LearnerProcessor(0, self.learner_state, self._emit, self._dead)
        self.router = RouterProcessor(0, self._emit, self._dead, self.learner, joiner=self.joiner)

    def declare(self, spec, version=0):
        self._append("outcomes", wire.encode(SpecChange(version, spec.tenant, spec.domain, spec)))
        self.learn()

    def ask(self, id_, domain, features=(), unit=None, after=None, eligible=None):
        """One request, decided at once; the decision."""
        packed = np.asarray(features, "<f4").tobytes()
        self._append("contexts", wire.encode(Context(id_, TENANT, domain, packed, eligible, unit, after)))
        before = len(self.logs["decisions"])
        self.router.apply("contexts", self.logs["contexts"][-1:])
        made = self.logs["decisions"][before:]
        return wire.decode("decisions", made[0].value) if made else None

    def reward(self, decision, **observations):
        self._append("rewards", wire.encode(Reward("r", TENANT, decision, observations)))

    def join(self):
        """The joiner reads all there is."""
        for topic in ("decisions", "rewards"):
            records = self.logs[topic][self._joined[topic] :]
            self._joined[topic] += len(records)
            if records:
                self.joiner.apply(topic, records)

    def learn(self):
        """The learner reads all there is."""
        records = self.logs["outcomes"][self._learned["outcomes"] :]
        self._learned["outcomes"] += len(records)
        if records:
            self.learner.apply("outcomes", records)

    def settle(self):
        self.join()
        self.learn()

    def checkpoint(self):
        self.joiner.flush()
        self.learner.flush()
        self._saved = [
            (dict(self.joiner_state.items), dict(self._joined)),
            (dict(self.learner_state.items), dict(self._learned)),
        ]
        self._contexts = len(self.logs["contexts"])

    def crash(self):
        """As after SIGKILL: recovery, the router waits for the others, then decides again what was not saved."""
        self._start()
        self.settle()
        if again := self.logs["contexts"][self._contexts :]:
            self.router.apply("contexts", again)

    def decisions(self):
        """The decisions that count."""
        found = {}
        for record in self.logs["decisions"]:
            decision = wire.decode("decisions", record.value)
            found.setdefault(decision.id, decision)
        return found

    def outcomes(self):
        """All outcomes, once each."""
        found = {}
        for record in self.logs["outcomes"]:
            event = wire.decode("outcomes", record.value)
            if not isinstance(event, SpecChange):
                found.setdefault(event.ordinal, event)
        return list(found.values())

    def _emit(self, topic, key, value):
        self._append(topic, value)

    def _append(self, topic, value):
        self.now += 1
        self.logs[topic].append(FetchedRecord(len(self.logs[topic]), self.now, TENANT.encode(), value))

    def _dead(self, topic, record, error):
        self.dead.append((topic, msgspec.msgpack.decode(record.value), str(error)))
