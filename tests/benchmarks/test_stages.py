"""The steps measured without a broker are the pipeline: every context ends as a learned outcome."""

from benchmarks.stages import measure


def test_every_step_is_measured_and_they_add_up():
    """A run in which a decision had no outcome ends with an error; what each step took is positive and adds up."""
    found = measure(600, 200)
    steps = found["microseconds"]
    assert {step.split(":")[0] for step in steps} == {
        "contexts", "decisions", "rewards", "outcomes", "joiner", "learner",
    }  # fmt: skip
    assert all(spent > 0 for spent in steps.values())
    assert abs(sum(steps.values()) - found["all"]) < 0.01
