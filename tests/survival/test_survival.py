"""A short trial; the long one is `python -m tests.survival.run`."""

import pytest

from .faults import Plan
from .run import survive

#: Of everything a little; nobody decides, so that fallbacks answer all the time.
SHORT = Plan(
    reconnects=12, storms=3, outages=2, restarts=1, away_s=3.0, storm_s=0.5, outage_s=1.0, between_s=0.6
)  # fmt: skip


@pytest.mark.kafka
async def test_every_question_is_answered_or_refused_once_and_no_feedback_is_lost(tmp_path):
    """Among breaks of the gateway, 429s, outages of all models, Kafka gone, and SIGKILL in mid-answer."""
    found = await survive(
        tmp_path, SHORT, rate=4.0, workers=0, guilds=3, patience_s=60.0, say=lambda _: None
    )  # fmt: skip
    assert found["violations"] == []
    assert found["ok"]
    assert found["reconnects"] >= SHORT.reconnects and found["resumes"] and found["identifies"] > 2
    assert found["restarts"] == 1 and found["answers_interrupted"]
    assert found["questions"] > 20 and found["answered"] > found["refused"]
    assert found["presses_acknowledged"] > 5
