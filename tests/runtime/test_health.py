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
    health.checkpointed()
    assert health.problem() is None
    now[0] = 33.5
    assert health.checkpoint_age() == 2.5
