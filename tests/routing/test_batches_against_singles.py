"""Contexts decided as whole batches are decided as single ones are, to the byte."""

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import wire
from schemas.domains import Arm, Component, DomainSpec, LearnerSpec
from schemas.events import Context, SpecChange
from stream_workers.columnar.rows import FetchedRecord
from stream_workers.learning.processor import LearnerProcessor
from stream_workers.routing.processor import RouterProcessor
from stream_workers.routing.single import SingleContexts
from stream_workers.runtime.stage import MemoryState

CHAMPIONS = ("uniform", "doubly_robust", "offset_tree", "squarecb", "fixed", "corral")


def spec(index, version):
    """Domains of several sizes and kinds; each version has another set of enabled arms."""
    kind = CHAMPIONS[(index + version) % 6]
    arms = tuple(Arm(f"arm-{i}", price=0.01 * i, enabled=(i + version) % 4 != 3) for i in range(2 + index))
    return DomainSpec(
        f"guild-{index // 2}", f"domain-{index % 2}", 5 * index, arms, {"quality": Component(required=index % 2 == 0)},
        LearnerSpec(f"a-{kind}", kind, {"arm": "arm-0"} if kind == "fixed" else {}), horizon_ms=300 * 10**index,
        missing=("refuse", "mean")[index // 2 % 2],
    )  # fmt: skip


def changes(version):
    return [
        FetchedRecord(
            version * 10 + i, 1, each.tenant.encode(), wire.encode(SpecChange(version, each.tenant, each.domain, each))
        )
        for i in range(5)
        for each in [spec(i, version)]
    ]


def put_long(text):
    """A text in a form that is not the shortest: allowed, and read as well."""
    data = text.encode()
    return b"\xdb" + len(data).to_bytes(4, "big") + data


@st.composite
def values(draw):
    index = draw(st.integers(0, 5))
    tenant, domain = f"guild-{index // 2}", f"domain-{index % 2}"
    ids = draw(st.sampled_from(["c1", "c2", "x" * 31, "y" * 32, "z" * 128, "é", "", "w" * 129, "日本" * 10]))
    width = 5 * index + draw(st.sampled_from([0, 0, 0, 0, 0, 1]))
    features = draw(st.lists(st.floats(width=32), min_size=width, max_size=width) | st.just([0.5] * width))
    packed = np.asarray(features, "<f4").tobytes()
    kind = draw(
        st.sampled_from(["plain"] * 8 + ["nil", "unit", "eligible", "long", "cut", "rest", "tag", "later", "none"])
    )
    unit = draw(st.sampled_from([None, None, "u-5a1f", "v" * 64, "v" * 65, "", "\u00fc"]))
    after = draw(st.sampled_from([None] * 5 + ["m-1", "x" * 129]))
    reasons = draw(st.sampled_from([None] * 6 + [{}, {"arm-0": "unhealthy"}, {"none": "disabled"}]))
    value = wire.encode(Context(ids, tenant, domain, packed, None, unit, after, reasons))
    if kind == "nil":
        value = msgspec.msgpack.encode(["context.1", ids, tenant, domain, packed, None])
    elif kind == "unit":
        value = msgspec.msgpack.encode(["context.1", ids, tenant, domain, packed, None, unit])
    elif kind == "eligible":
        value = wire.encode(Context(ids, tenant, domain, packed, ("arm-1", "arm-0"), unit, None, reasons))
    elif kind == "long":
        value = (
            b"\xdc\0\5"
            + b"".join(map(put_long, ("context.1", ids, tenant, domain)))
            + b"\xc6"
            + len(packed).to_bytes(4, "big")
            + packed
        )
    elif kind == "cut":
        value = value[: draw(st.integers(0, len(value)))]
    elif kind == "rest":
        value += b"\xc0"
    elif kind == "tag":
        value = value.replace(b"context.1", b"context.2")
    elif kind == "later":
        value = msgspec.msgpack.encode(
            ["context.1", ids, tenant, domain, packed, None, unit, None, None, "of a newer writer"]
        )
    elif kind == "none":
        value = None
    key = draw(st.sampled_from([tenant.encode()] * 9 + [b"another", None]))
    return key, value


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(values(), min_size=1, max_size=15), min_size=1, max_size=4), st.sampled_from([0, 10**9]))
def test_batches_are_decided_as_singles_are(logs, cached):
    """The same decisions, byte for byte, under the same keys, and the same dead letters with the same reasons, for
    plain contexts, odd encodings, bad records and unknown domains mixed, over changes of specification, and with a
    learner that keeps all domains in memory or drops each at every checkpoint."""
    learner = LearnerProcessor(0, MemoryState(), lambda *_: None, None, cached_bytes=cached)  # refuses nothing
    together, alone = Out(), Out()
    batch = RouterProcessor(0, together.emit, together.dead, learner)
    single = SingleContexts(alone.emit, alone.dead, learner)
    for number, log in enumerate(logs):
        learner.apply("outcomes", changes(number))
        records = [FetchedRecord(number * 1000 + i, 5, key, value) for i, (key, value) in enumerate(log)]
        batch.apply("contexts", records)
        for record in records:
            single.apply("contexts", [record])
        if number % 2:
            learner.flush()
            assert cached or not list(learner.recent())
            batch.apply("contexts", records)
            for record in records:
                single.apply("contexts", [record])
    assert sorted(together.emitted) == sorted(alone.emitted)
    assert sorted(together.kept) == sorted(alone.kept)
    assert len(together.emitted) + len(together.kept) == sum(
        (1 + number % 2) * len(log) for number, log in enumerate(logs)
    )


def test_missing_features_are_read_in_batches():
    """NaN is decided with its batch where the domain says so, an infinite feature nowhere, and neither where not."""
    learner = LearnerProcessor(0, MemoryState(), lambda *_: None, lambda *_: None)
    learner.apply("outcomes", changes(0))
    out = Out()
    router = RouterProcessor(0, out.emit, out.dead, learner)
    alone = []
    router._single.apply = lambda topic, records: alone.extend(records)
    asked = []
    for index in (1, 3):  # refuse, mean
        for i, odd in enumerate((0.5, np.nan, np.inf)):
            features = np.full(5 * index, 0.5, "<f4")
            features[2] = odd
            asked.append(Context(f"c{index}{i}", f"guild-{index // 2}", "domain-1", features.tobytes(), None))
    records = [FetchedRecord(i, 5, each.tenant.encode(), wire.encode(each)) for i, each in enumerate(asked)]
    router.apply("contexts", records)
    decided = [wire.decode("decisions", value).id for _, _, value in out.emitted]
    assert sorted(decided) == ["c10", "c30", "c31"]
    assert sorted(wire.decode("contexts", each.value).id for each in alone) == ["c11", "c12", "c32"]


def test_units_are_read_in_batches():
    """A context with a unit, and without, is decided with its batch; one that follows from another decision, alone."""
    learner = LearnerProcessor(0, MemoryState(), lambda *_: None, lambda *_: None)
    learner.apply("outcomes", changes(0))
    out = Out()
    router = RouterProcessor(0, out.emit, out.dead, learner)
    alone = []
    router._single.apply = lambda topic, records: alone.extend(records)
    units = (None, "u", "v" * 64)
    asked = [Context(f"c{i}", "guild-0", "domain-0", b"", None, unit) for i, unit in enumerate(units)]
    asked.append(Context("c3", "guild-0", "domain-0", b"", None, None, "c2"))
    router.apply("contexts", [FetchedRecord(i, 5, b"guild-0", wire.encode(each)) for i, each in enumerate(asked)])
    assert [wire.decode("decisions", value).unit for _, _, value in out.emitted] == list(units)
    assert [wire.decode("contexts", each.value).id for each in alone] == ["c3"]


class Out:
    """What comes out of a router."""

    def __init__(self):
        self.emitted, self.kept = [], []

    def emit(self, topic, key, value):
        self.emitted.append((topic, key, value))

    def dead(self, topic, record, error):
        self.kept.append(
            (topic, record.offset, record.key or b"", record.value or b"", error.reason.value, error.detail)
        )
