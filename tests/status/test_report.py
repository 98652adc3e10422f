"""What samples and answers are said to mean."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from infra.reading.groups import Member
from infra.status.processes import Process
from infra.status.report import report
from infra.status.sample import ROLES, Group, Place, Sample, sources
from infra.status.tables import tables
from stream_workers.topology import STAGES

from .shown import shown

PARTITIONS = 4


def places(role, lags=(), committed=10):
    """Every source of a role; lags by (topic, partition)."""
    lag = dict(lags)
    return tuple(
        Place(topic, number, 0, committed + lag.get((topic, number), 0), committed)
        for topic in sources(role)
        for number in range(PARTITIONS)
    )


def member(role, numbers=range(PARTITIONS), prefix="p-"):
    return Member("faust", "/10.0.0.1", frozenset((f"{prefix}{topic}", n) for topic in sources(role) for n in numbers))


def group(role, lags=(), members=None, state="Stable", committed=10):
    owners = (member(role),) if members is None else members
    return Group(role, f"p-croupier-{role}", state if owners else "Empty", owners, places(role, lags, committed))


def sample(*groups, at=0.0, ends=0):
    flow = dict.fromkeys(("contexts", "decisions", "rewards", "outcomes", "kpis"), ends)
    given_roles = {each.role: each for each in groups}
    return Sample(at, PARTITIONS, flow, tuple(given_roles.get(role, group(role)) for role in ROLES), 0, None)


def process(state="running", healthy=True, reason=None, role="worker", pid=1, **status):
    return Process(role, pid, "http://127.0.0.1:1", state, healthy, reason, {"pid": pid, **status})


def told(after, processes=(), before=None):
    return report(before or after, after, processes, "p-", "run")


def test_roles_are_those_of_the_topology():
    """What each role reads, by the table of topics, is what its stages read; and the stages have those names."""
    for role, make in STAGES.items():
        stages = make()
        assert {stage.name for stage in stages} == set(ROLES[role])
        assert {topic for stage in stages for topic in stage.sources} == set(sources(role))
    assert set(STAGES) == set(ROLES)


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100), st.none() | st.integers(0, 200))
def test_lag_is_what_is_there_and_not_handled(begin, read, left, committed):
    """Lag is never negative, at most what the log has, and counts nothing that retention took or that was handled."""
    end = begin + read + left
    lag = Place("contexts", 0, begin, end, committed).lag
    assert lag == len([offset for offset in range(begin, end) if committed is None or offset >= committed])


def test_rates_are_between_two_samples():
    """Appended and handled records a second are differences over the time between the samples."""
    before = sample(group("worker", {("contexts", 1): 5}), at=10.0, ends=100)
    after = sample(group("worker", {("contexts", 1): 1}, committed=14), at=12.0, ends=150)
    found = told(after, before=before)
    assert {topic.appended_per_second for topic in found.topics} == {25.0}
    worker = next(each for each in found.groups if each.role == "worker")
    assert worker.applied_per_second == len(places("worker")) * 4 / 2
    assert worker.lag == 1


def test_quiet_without_processes_is_no_fault():
    """A deployment in which nothing waits and nobody runs is healthy, and says how to start it."""
    found = told(sample(group("worker", members=()), group("analytics", members=())))
    assert (found.healthy, found.problems) == (True, [])
    assert any("croupier worker" in note for note in found.notes)
    assert any("croupier analytics" in note for note in found.notes)


@given(st.dictionaries(st.tuples(st.sampled_from(sources("worker")), st.integers(0, 3)), st.integers(1, 9), min_size=1))
def test_records_that_nobody_reads(lags):
    """Lag with an empty group is a problem that names every such partition, and the command that mends it."""
    found = told(sample(group("worker", lags, members=())))
    (problem,) = found.problems
    assert not found.healthy
    assert "croupier worker" in problem
    for topic, number in lags:
        numbers = next(each for each in problem.split(": ")[0].split("; ") if each.startswith(f"{topic} "))
        assert str(number) in numbers.removeprefix(topic).replace(",", " ").split()
    assert told(sample(group("worker", lags))).healthy


def test_a_partition_that_no_member_owns():
    """Lag where the group is settled and nobody owns the partition is a problem; while it rebalances it is a note."""
    some = (member("worker", [0, 1, 2]),)
    found = told(sample(group("worker", {("rewards", 3): 2, ("rewards", 1): 2}, members=some)))
    (problem,) = found.problems
    assert problem.startswith("rewards 3:")
    moving = told(sample(group("worker", {("rewards", 3): 2}, members=some, state="PreparingRebalance")))
    assert moving.healthy
    assert any("rebalancing" in note for note in moving.notes)


def test_processes_that_are_not_well():
    """What says it is unhealthy or does not answer is a problem with its reason; what is gone is only a note."""
    ill = process(healthy=False, reason="contexts/3 stands still for 40 s")
    assert told(sample(), [ill]).problems == ["worker 1 (http://127.0.0.1:1): contexts/3 stands still for 40 s"]
    silent = process("silent", False, "it lives, and has not answered")
    assert "has not answered" in told(sample(), [silent]).problems[0]
    gone = told(sample(), [process("gone", False, "killed?"), process()])
    assert gone.healthy
    assert any("killed?" in note for note in gone.notes)


def test_members_elsewhere_are_told_kindly():
    """With members in the groups and no process here, the page says what it cannot know and where to ask."""
    found = told(sample())
    assert found.healthy
    assert any("No process announces itself in run" in note for note in found.notes)


def test_tallies_and_domains_of_all_processes():
    """Tenants and domains come from whichever process owns them; a process that is gone is not asked."""
    first = process(tenants={"b": {"decisions": 2}, "": {"bad": 1}}, domains=[{"tenant": "b", "domain": "x"}])
    second = process(pid=2, tenants={"a": {"decisions": 3}, "": {"bad": 4}}, domains=[{"tenant": "a", "domain": "y"}])
    gone = process("gone", False, "killed?", pid=3)
    found = told(sample(), [first, second, gone])
    assert found.tenants == {"": {"bad": 5}, "a": {"decisions": 3}, "b": {"decisions": 2}}
    assert [each["tenant"] for each in found.domains] == ["a", "b"]


def test_decisions_that_nobody_followed_are_told():
    """A column of their own where there are some, and what it means; nothing where there are none."""
    domain = {"tenant": "acme", "domain": "routing", "counts": {"outcomes": 1234, "unfollowed": 56}}
    for unfollowed, seen in ((56, True), (0, False)):
        domain["counts"]["unfollowed"] = unfollowed
        here = process(domains=[{**domain}], partitions=[])
        page = shown(tables(told(sample(group("worker")), [here])))
        assert ("not followed" in page) == seen
        assert ("fallback arms answered" in page) == seen
        assert (" 56 " in page) == seen


def test_reports_are_json_and_tables():
    """A report is plain data, and shows owners, lag, tallies and values with their intervals."""
    value = {"n": 99, "estimate": 0.7, "lower": 0.6, "upper": 0.8}
    domain = {
        "tenant": "a", "domain": "routing", "version": 3, "counts": {"outcomes": 99},
        "policies": [{"name": "learned", "value": value}], "arms": [{"name": "weak", "value": value}],
        "best_fixed": "weak", "champion_less_best_fixed": {"n": 9, "estimate": 0.1, "lower": None, "upper": None},
    }  # fmt: skip
    running = process(
        tenants={"a\x1b[2J": {"decisions": 3, "rewards_orphan": 7}},
        domains=[domain, {"tenant": "a", "domain": "new"}],
        partitions=[{"topic": "contexts", "partition": 0, "lag": 0}],
        checkpoint_age_seconds=0.5,
    )
    found = told(sample(group("worker", {("contexts", 2): 1_234})), [running])
    assert msgspec.json.decode(msgspec.json.encode(found)) == msgspec.to_builtins(found, str_keys=True)
    text = shown(tables(found))
    for part in (
        "1,234",
        "faust at /10.0.0.1",
        "learned 0.700 ±0.100",
        "weak 0.700",
        "0.5 s ago",
        "a\\x1b[2J",
        "orphan",
    ):
        assert part in text, part
    assert "surplus" not in text
    assert "\x1b" not in text


def test_recovery_is_told_with_its_share_rate_and_time_left():
    """A process that recovers is no fault; the page says how far it is, and so does its table."""
    progress = {"read": 4_000, "of": 10_000, "bytes_per_second": 120_000_000, "seconds_left": 12.4}
    found = told(sample(), [process(recovering=progress)])
    assert found.healthy
    assert "worker 1 recovers its state: 40% (4,000 of 10,000 changelog records, 120 MB/s, 12 s left)" in found.notes
    assert "recovering 40%" in shown(tables(found))
    nothing = told(sample(), [process(recovering={"read": 0, "of": 0, "bytes_per_second": 0, "seconds_left": None})])
    assert any("100% (0 of 0 changelog records)" in note for note in nothing.notes)


def test_what_a_source_waits_for_is_told():
    """A router that waits for its learner: which partition, how many records, and how far the learner is."""
    place = {"topic": "contexts", "partition": 3, "lag": 5, "why": "waits for learner (outcomes 17 of 40)"}
    free = {"topic": "contexts", "partition": 4, "lag": 5, "why": None}
    found = told(sample(), [process(partitions=[place, free])])
    assert "contexts 3: 5 records; it waits for learner (outcomes 17 of 40)" in found.notes
    assert not any("contexts 4" in note for note in found.notes)


def test_a_rolling_upgrade_can_be_followed():
    """As long as processes of two releases run, the page says so; of one, it says nothing."""
    both = told(sample(), [process(version="0.2.0"), process(pid=2, version="0.1.0")])
    assert "Processes of several releases run: 0.1.0, 0.2.0." in both.notes
    one = told(sample(), [process(version="0.2.0"), process(pid=2, version="0.2.0")])
    assert not any("releases" in note for note in one.notes)
