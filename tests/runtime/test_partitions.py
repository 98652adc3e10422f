"""What may be applied: records in sequence, of the generation that owns the partition, and nothing twice."""

from types import SimpleNamespace

import pytest

from stream_workers.columnar.rows import FetchedRecord, FetchedRecords
from stream_workers.runtime.partitions import Ledger, OwnedPartition, OwnedStage
from stream_workers.runtime.stage import Stage


def records(*offsets):
    return FetchedRecords.of([FetchedRecord(offset, 0, None, None) for offset in offsets])


class Here:
    def __init__(self):
        self.generation, self.flowing, self.applied = 4, True, []
        self.ledger = Ledger(lambda: self.generation, lambda: self.flowing)
        first = self.stage("learner", "outcomes")
        second = self.stage("router", "contexts", waits_for=("learner",))
        first.barrier = {"outcomes": 3}
        self.ledger.own(
            OwnedPartition(0, 4, {"learner": first, "router": second}, {"outcomes": first, "contexts": second})
        )

    def stage(self, name, topic, **fields):
        processor = SimpleNamespace(apply=lambda topic, batch: self.applied.extend(each.offset for each in batch))
        return OwnedStage(Stage(name, (topic,), lambda work: processor, **fields), processor, {topic: 0})

    def deliver(self, topic, *offsets, generation=4):
        verdict = self.ledger.in_order(topic, 0, generation, records(*offsets))
        if verdict.owned is not None and verdict.records is not None:
            self.ledger.apply(verdict.owned, topic, verdict.records)
        return verdict.seek_to


@pytest.fixture
def here():
    return Here()


def test_repetitions_are_cut_off_and_gaps_refused(here):
    """Applied once and in sequence, whatever is delivered twice, overlapping or too late."""
    assert here.deliver("outcomes", 0, 1, 2) is None
    assert here.deliver("outcomes", 1, 2, 3, 4) is None
    assert here.deliver("outcomes", 3) is None
    assert here.deliver("outcomes", 9, 10) == 5
    assert here.deliver("outcomes", 9, 10) == 5  # asking twice proves nothing
    assert here.deliver("outcomes", 5, 6) is None
    assert here.applied == [0, 1, 2, 3, 4, 5, 6]
    assert here.ledger.position("outcomes", 0) == 7


def test_a_hole_is_passed_over_only_where_an_independent_reader_found_it(here):
    """The very hole that was found, once: not a longer one, not elsewhere, not after the partition was lost."""
    here.ledger.hole("outcomes", 0, 0, 4)
    assert here.deliver("outcomes", 6) == 0
    assert here.deliver("outcomes", 4, 5) is None
    assert here.deliver("outcomes", 9) == 6
    assert here.applied == [4, 5]
    here.ledger.hole("outcomes", 0, 6, 9)
    owned = here.ledger.owned
    here.ledger.forget()
    here.ledger.owned = owned
    assert here.deliver("outcomes", 9) == 6


def test_a_batch_of_another_generation_or_while_nothing_flows_is_not_applied(here):
    """Fetched before a rebalance, delivered during or after it."""
    assert here.deliver("outcomes", 0, generation=3) is None
    here.flowing = False
    assert here.deliver("outcomes", 0) is None
    here.flowing, here.generation = True, 5
    assert here.deliver("outcomes", 0) is None
    assert here.applied == []


def test_a_stage_waits_for_the_one_it_reads_from(here):
    """The router decides nothing before its learner has seen what the log held when the partition was assigned."""
    tp = SimpleNamespace(topic="contexts", partition=0)
    assert here.deliver("contexts", 0) is None
    assert here.ledger.fetchable([tp], {"contexts": "contexts"}) == set()
    here.deliver("outcomes", 0, 1, 2)
    assert len(here.ledger.owned) == 1
    assert here.ledger.owned[0].open_for("contexts")
    here.deliver("contexts", 0, 1)
    assert here.applied == [0, 1, 2, 0, 1]
