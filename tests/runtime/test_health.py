"""What standing still is, and what is not."""

from stream_workers.runtime.health import Health, Lag


def test_lag_without_progress_is_found_and_after_a_while_unhealthy():
    """A source that has records and does not move is reported at the second look, unhealthy after the limit, and
    healthy again as soon as it moves; one without lag never is."""
    now = [0.0]
    health = Health(30.0, lambda: now[0])
    idle = Lag("contexts", 1, 5, 5)
    assert health.observe([Lag("contexts", 0, 10, 20), idle]) == []
    now[0] = 2.0
    assert health.observe([Lag("contexts", 0, 10, 25), idle]) == [Lag("contexts", 0, 10, 25)]
    assert health.problem() is None
    now[0] = 31.0
    assert health.observe([Lag("contexts", 0, 10, 25), idle]) != []
    assert health.problem() == "contexts partition 0 stands at offset 10 for 31 s"
    assert health.observe([Lag("contexts", 0, 11, 25), idle]) == []
    assert health.problem() is None


def test_a_rebalance_starts_the_clock_anew():
    """What another process owns now is nobody's standstill here."""
    now = [0.0]
    health = Health(30.0, lambda: now[0])
    health.observe([Lag("rewards", 0, 1, 2)])
    now[0] = 100.0
    health.clear()
    assert health.problem() is None


def test_what_is_applied_must_become_durable():
    """Applied for longer than the limit without a checkpoint is unhealthy, whatever else moves."""
    now = [0.0]
    health = Health(30.0, lambda: now[0])
    assert health.checkpoint_age() is None
    health.applied()
    now[0] = 29.0
    health.applied()
    assert health.problem() is None
    now[0] = 31.0
    assert "no checkpoint was completed for 31 s" in health.problem()
    health.committed()
    assert health.problem() is None
    now[0] = 33.5
    assert health.checkpoint_age() == 2.5


def test_work_that_does_not_get_on_is_unhealthy_whatever_it_is():
    """Recovery, a group that does not settle, a broker that does not answer: at the same place for longer than the
    limit, and well again as soon as it moves or is done."""
    now = [0.0]
    health = Health(30.0, lambda: now[0])
    for at in range(4):
        now[0] += 20.0
        health.work("recovery", at, f"recovery stands at {at} of 9")
        assert health.problem() is None
    now[0] += 31.0
    health.work("recovery", 3, "recovery stands at 3 of 9")
    health.work("broker", None, "the broker has not answered")
    assert health.problem() == "recovery stands at 3 of 9 for 31 s"
    now[0] += 31.0
    assert health.problem() == "the broker has not answered for 31 s; recovery stands at 3 of 9 for 62 s"
    health.work("recovery", 4, "recovery stands at 4 of 9")
    health.done("broker")
    assert health.problem() is None
    now[0] += 31.0
    health.done("recovery")
    assert health.problem() is None


def test_the_reason_says_what_a_source_waits_for():
    """A router that waits for its learner is no riddle, and how far the learner is by now is in the sentence."""
    now = [0.0]
    health = Health(30.0, lambda: now[0])
    health.observe([Lag("contexts", 0, 3, 9, "waits for learner (outcomes 1 of 40)")])
    now[0] = 40.0
    health.observe([Lag("contexts", 0, 3, 9, "waits for learner (outcomes 17 of 40)")])
    assert health.problem() == (
        "contexts partition 0 stands at offset 3 for 40 s: it waits for learner (outcomes 17 of 40)"
    )
    health.clear()
    assert health.problem() is None
