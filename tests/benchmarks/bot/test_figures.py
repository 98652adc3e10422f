"""What is made of questions and samples."""

import numpy as np
import pytest

from benchmarks.bot.figures import of_decisions, of_memory, of_questions
from benchmarks.bot.load import Asked


def test_what_is_added_leaves_out_what_the_model_takes():
    """Ten ms until the model is asked, two seconds of the model's, five ms until the answer stands there."""
    asked = [Asked(1.0, 1.010, 3.010, 3.015, replies=1)]
    found = of_questions(asked, 1.0)
    assert found["added_latency_ms_p50"] == pytest.approx(15.0)
    assert found["whole_latency_ms_p99"] == pytest.approx(2015.0)


def test_every_question_counts_once():
    """Answered, refused and lost add up to what was asked; an answer too many is told beside."""
    asked = [
        Asked(0.0, 0.1, 0.2, 0.3, replies=1),
        Asked(0.0, 0.1, 0.2, 0.3, replies=2),
        Asked(0.0, replied=0.1, replies=1, refused=True),
        Asked(0.0),
    ]
    found = of_questions(asked, 2.0)
    assert (found["answered"], found["refused"], found["lost"], found["doubled"]) == (2, 1, 1, 1)
    assert found["messages_per_s"] == 1.5
    assert of_questions([], 1.0)["added_latency_ms_p99"] is None


def test_memory_that_is_flat_after_it_got_warm_has_not_grown():
    """What the first fifth brought is no growth; a leak is, and one sample that sticks out is not."""
    rng = np.random.default_rng(0)
    flat = np.concatenate([np.linspace(100, 200, 20), np.full(80, 200.0)]) + rng.normal(size=100) / 10
    flat[-3] = 900.0
    assert of_memory(flat.tolist())["rss_growth_mb"] == pytest.approx(0.0, abs=0.5)
    leaking = np.linspace(200, 300, 100)
    assert of_memory(leaking.tolist())["rss_growth_mb"] == pytest.approx(60.0, abs=2.0)
    assert of_memory([1.0])["rss_growth_mb"] is None


def test_fallbacks_are_those_of_the_time_that_was_measured():
    """What was before does not count."""
    before = {'croupier_bot_choices_total{how="late"}': 50.0}
    after = {
        'croupier_bot_choices_total{how="late"}': 51.0,
        'croupier_bot_choices_total{how="decided"}': 9.0,
        "croupier_path_wait_seconds_sum": 0.05,
        "croupier_path_wait_seconds_count": 10.0,
    }
    found = of_decisions(before, after)
    assert found["fallback_share"] == pytest.approx(0.1)
    assert found["decision_wait_ms_mean"] == pytest.approx(5.0)
