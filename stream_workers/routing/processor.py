"""The router's work in one partition.

It reads the learner's state in memory (same partition, same process) and keeps none of its own: after a crash it
decides again what no checkpoint covered, and the first decision record with an id wins for every reader.  A decision
is repeatable: the draw is a function of its id, and `learned` says which outcomes the policy had seen.  Of what
requests follow from it remembers only what others have not read yet (`parents`).

Plain contexts go through in three calls for a whole batch, whatever the number of domains: read, decide, write.
"""

from collections.abc import Sequence

import numpy as np

from schemas import topics

from ..columnar.rows import FetchedRecords
from ..joining.processor import JoinerProcessor
from ..learning.processor import LearnerProcessor
from ..runtime.stage import Dead, Emit, EmitRows, Record, one_by_one
from .contexts import UNKNOWN_DOMAIN, ContextReader
from .decisions import encode
from .parents import Parents
from .purse import Purse
from .single import SingleContexts
from .table import RouteTable


class RouterProcessor:
    """`stage.Processor` from contexts to decisions."""

    def __init__(
        self,
        partition: int,
        emit: Emit,
        dead: Dead,
        learner: LearnerProcessor,
        emit_rows: EmitRows | None = None,
        joiner: JoinerProcessor | None = None,
    ) -> None:
        """joiner: who knows what requests follow from while that is open; without it, only what ended is known."""
        self._partition = partition
        self._learner = learner
        self._emit = emit
        self._emit_rows = emit_rows or one_by_one(emit)
        self._parents = Parents(learner, joiner)
        self._single = SingleContexts(self._emit_one, dead, learner, self._parents, Purse(learner, joiner))
        self._reader = ContextReader()
        self._routes = RouteTable(learner)

    def apply(self, topic: str, records: Sequence[Record]) -> None:
        """Decide a batch of contexts."""
        fetched, routes = FetchedRecords.of(records), self._routes
        plain, verdicts = self._reader.read(fetched, routes.lookup)
        unknown = np.flatnonzero(verdicts == UNKNOWN_DOMAIN)
        if len(unknown) and routes.take_up(fetched[int(index)] for index in unknown):
            plain, verdicts = self._reader.read(fetched, routes.lookup)
        if len(plain.row):
            choices = routes.decide(plain)
            rows = encode(fetched, plain, routes.widths, choices, self._learner.applied, routes.templates)
            self._emit_rows(topics.DECISIONS.name, rows)
            self._parents.decided(rows)
        if len(plain.row) < len(fetched):
            self._single.apply(topic, [fetched[int(index)] for index in np.flatnonzero(verdicts < 0)])

    def inputs(self) -> dict[str, int]:
        """Inputs of decisions since this processor was made: known, and unknown."""
        return {"known": self._single.inputs.known, "unknown": self._single.inputs.unknown}

    def _emit_one(self, topic: str, key: bytes, value: bytes | None) -> None:
        assert value is not None, "a decision"
        self._emit(topic, key, value)
        self._parents.decided_one(value)

    def flush(self) -> None:
        """Nothing is kept."""
