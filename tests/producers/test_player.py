import dataclasses
import math
from collections import Counter

import numpy as np
import pytest
from scripted_router import read_all, scripted_router

from infra.kafka.topics import create_topics
from producers.replay import player
from producers.replay.feedback import FeedbackPlan
from producers.replay.player import play
from producers.replay.recording import Recording
from producers.replay.schedule import rows_played, schedule
from schemas import wire
from schemas.errors import BrokerUnavailableError, TopicsMismatchError
from schemas.partitioning import partition

pytestmark = pytest.mark.kafka

PARTITIONS = 4
ARMS = ("a", "b", "c")


def recording(tenant, rows=200, kind=Recording):
    """Results that tell where they come from: quality = row / 1000 + arm / 10."""
    quality = np.arange(rows)[:, None] / 1000 + np.arange(3) / 10
    return kind(
        tenant=tenant,
        domain="model_routing",
        arms=ARMS,
        prices=(1.0, 2.0, 3.0),
        size=2,
        features=lambda row: np.array([row, -row], dtype=np.float32),
        observed={"quality": quality, "cost": quality / 100, "success": np.ones((rows, 3))},
        basis=dict.fromkeys(("quality", "cost", "success"), "made for this test"),
    )


def by_id(context):
    """An arm that the id alone decides."""
    return ARMS[sum(context.id.encode()) % 3]


@pytest.fixture
async def deployment(kafka, deployment_prefix):
    await create_topics(kafka.bootstrap_servers, prefix=deployment_prefix, partitions=PARTITIONS)
    return kafka.bootstrap_servers, deployment_prefix


async def test_what_is_played_is_what_was_recorded(deployment):
    """Contexts are keyed, placed and filled as the schedule says; each reward holds the recorded result of the arm that
    the first decision record chose, although decisions come twice and among noise; the report agrees with the topics.
    """
    bootstrap, prefix = deployment
    recordings = [recording("north"), recording("south", rows=80)]
    plan = FeedbackPlan(delay_s=0.02, split=0.5, lost=0.1, late=0.1, duplicate=0.2, orphan=0.1)
    reports = []
    async with scripted_router(bootstrap, prefix, by_id, ARMS, twice=True, noise=True):
        report = await play(
            bootstrap, prefix, recordings, interactions=280, rate=2000, seed=5, plan=plan, progress=reports.append
        )
    todo = schedule([200, 80], 280, 5)
    assert (report.contexts, report.decisions, report.undecided) == (280, 280, 0)
    assert reports[-1] is report

    contexts = [
        (record, wire.decode("contexts", record.value)) for record in await read_all(bootstrap, f"{prefix}contexts")
    ]
    decisions = {}
    for record in await read_all(bootstrap, f"{prefix}decisions"):
        if record.value.startswith(b"\xc1") or type(wire.decode("decisions", record.value)).__name__ == "Clock":
            continue
        decisions.setdefault(
            wire.decode("decisions", record.value).id, (record, wire.decode("decisions", record.value))
        )
    rewards = [
        (record, wire.decode("rewards", record.value)) for record in await read_all(bootstrap, f"{prefix}rewards")
    ]

    assert len({context.id for _, context in contexts}) == 280
    for number, each in enumerate(recordings):
        mine = [context for _, context in contexts if context.tenant == each.tenant]
        rows = [int(np.frombuffer(context.features, "<f4")[0]) for context in mine]
        assert rows == rows_played(todo, number)
        assert sorted(report.tenants[each.tenant].rows) == sorted(rows)
    for record, event in contexts + rewards:
        assert record.key == event.tenant.encode()
        assert record.partition == partition(event.tenant, PARTITIONS)

    row_of = {context.id: int(np.frombuffer(context.features, "<f4")[0]) for _, context in contexts}
    source = {each.tenant: each for each in recordings}
    counted = Counter()
    seen = set()
    for record, reward in rewards:
        if reward.decision not in decisions:
            counted["orphans"] += 1
            continue
        decided, decision = decisions[reward.decision]
        recorded = source[reward.tenant].result(row_of[reward.decision], decision.arm)
        assert reward.observations.items() <= recorded.items()
        if reward.id in seen:
            counted["duplicates"] += 1
        elif record.timestamp > decided.timestamp + decision.horizon_ms:
            counted["late"] += 1
        else:
            counted["on_time"] += 1
        seen.add(reward.id)
    totals = Counter()
    for each in report.tenants.values():
        for name in ("orphans", "duplicates"):
            totals[name] += getattr(each, name)
        totals["first"] += each.on_time + each.late
        totals["late"] += each.late
    assert counted["orphans"] == totals["orphans"] > 0
    assert counted["duplicates"] == totals["duplicates"] > 0
    assert counted["on_time"] + counted["late"] == totals["first"]
    assert counted["late"] >= totals["late"] > 0  # a slow machine may make more of them late, never fewer
    assert len(rewards) == report.rewards
    assert any(len(reward.observations) == 1 for _, reward in rewards), "partial rewards happen"


class Sealed(Recording):
    """A recording whose results may be touched for one arm of a request only."""

    allowed: dict[int, str] = {}  # noqa: RUF012 - set by the test's router
    touched: list[int] = []  # noqa: RUF012

    def result(self, row, arm):
        assert self.allowed[row] == arm, f"row {row}: {arm} was not chosen, {self.allowed[row]} was"
        self.touched.append(row)
        return super().result(row, arm)

    def __getattribute__(self, name):
        if name == "observed":
            values = super().__getattribute__("observed")
            allowed = super().__getattribute__("allowed")
            return {component: Column(array, allowed) for component, array in values.items()} if allowed else values
        return super().__getattribute__(name)


class Column:
    """An array that gives away one element of a row: the chosen arm's."""

    def __init__(self, array, allowed):
        self.array, self.allowed = array, allowed

    def __len__(self):
        return len(self.array)

    def __getitem__(self, place):
        row, column = place
        assert self.allowed[row] == ARMS[column]
        return self.array[place]


async def test_only_the_chosen_arms_results_are_touched(deployment):
    """No figure can come from an answer the policy did not choose: reading any other raises, and none does."""
    bootstrap, prefix = deployment
    sealed = recording("sealed", rows=60, kind=Sealed)

    def choose(context):
        row = int(np.frombuffer(context.features, "<f4")[0])
        Sealed.allowed[row] = by_id(context)
        return by_id(context)

    Sealed.touched.clear()
    Sealed.allowed.clear()
    async with scripted_router(bootstrap, prefix, choose, ARMS):
        report = await play(
            bootstrap, prefix, [sealed], interactions=60, rate=math.inf, seed=1, plan=FeedbackPlan(delay_s=0.0)
        )
    assert report.decisions == 60
    assert sorted(Sealed.touched) == list(range(60))
    other = next(arm for arm in ARMS if arm != Sealed.allowed[0])
    with pytest.raises(AssertionError, match="was not chosen"):
        sealed.result(0, other)


async def test_a_slow_router_bounds_what_waits(deployment, monkeypatch):
    """However fast the player could be, no more than the window is without a decision; and all are decided."""
    bootstrap, prefix = deployment
    monkeypatch.setattr(player, "WINDOW", 20)
    waiting = []

    async with scripted_router(bootstrap, prefix, by_id, ARMS, at_a_time=20) as router:
        report = await play(
            bootstrap,
            prefix,
            [recording("slow")],
            interactions=200,
            rate=math.inf,
            seed=1,
            plan=FeedbackPlan(delay_s=0.0, late=0.0),
            progress=lambda so_far: waiting.append(so_far.undecided),
        )
    assert len(router.seen) == report.decisions == 200
    assert max(waiting) <= 20


async def test_without_a_router_a_play_ends_and_says_so(deployment):
    """Contexts that nobody decides are reported as undecided; no reward is made up for them."""
    bootstrap, prefix = deployment
    report = await play(bootstrap, prefix, [recording("alone")], interactions=30, rate=math.inf, seed=1, patience_s=0.2)
    assert (report.contexts, report.decisions, report.undecided, report.rewards) == (30, 0, 30, 0)


async def test_an_arm_that_was_never_recorded_gets_no_feedback(deployment):
    """An operator may add an arm in mid-run: decisions for it are counted, and nothing is invented about them."""
    bootstrap, prefix = deployment
    async with scripted_router(bootstrap, prefix, lambda _: "new", (*ARMS, "new")):
        report = await play(bootstrap, prefix, [recording("added")], interactions=20, rate=math.inf, seed=1)
    assert report.tenants["added"].unrecorded == report.decisions == 20
    assert report.rewards == 0


async def test_a_second_play_does_not_take_the_firsts_decisions(deployment):
    """Ids are new in every run, and decisions are read from now on: the same seed can be played again."""
    bootstrap, prefix = deployment
    async with scripted_router(bootstrap, prefix, by_id, ARMS):
        first, second = [
            await play(bootstrap, prefix, [recording("again")], interactions=20, rate=math.inf, seed=1)
            for _ in range(2)
        ]
    assert first.run != second.run
    assert first.decisions == second.decisions == 20
    assert sorted(first.tenants["again"].rows) == sorted(second.tenants["again"].rows)
    ids = [wire.decode("contexts", each.value).id for each in await read_all(bootstrap, f"{prefix}contexts")]
    assert len(set(ids)) == 40


async def test_what_cannot_be_played_is_refused(kafka, deployment_prefix):
    """No topics, no broker, a rate of nothing, one tenant twice: an error that names it, before anything is sent."""
    one = recording("t", rows=3)
    with pytest.raises(TopicsMismatchError, match="topics create"):
        await play(kafka.bootstrap_servers, deployment_prefix, [one], interactions=1, rate=1, seed=1)
    with pytest.raises(BrokerUnavailableError, match=r"127\.0\.0\.1:1"):
        await play("127.0.0.1:1", deployment_prefix, [one], interactions=1, rate=1, seed=1)
    with pytest.raises(ValueError, match="rate is 0"):
        await play(kafka.bootstrap_servers, deployment_prefix, [one], interactions=1, rate=0, seed=1)
    with pytest.raises(ValueError, match="one tenant"):
        await play(kafka.bootstrap_servers, deployment_prefix, [one, one], interactions=1, rate=1, seed=1)


def test_a_recording_that_contradicts_itself_is_refused():
    """Shapes, arms, prices and stated sources must fit together."""
    good = recording("t", rows=3)
    for wrong in ({"prices": (1.0,)}, {"arms": ("a", "a", "b")}, {"basis": {}}, {"observed": {"q": np.ones((3, 2))}}):
        with pytest.raises(ValueError, match="t"):
            dataclasses.replace(good, **wrong)
