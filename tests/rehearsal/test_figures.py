"""What answers cost and were worth, beside always the strongest model's."""

import numpy as np
import pytest

from infra.rehearsal.crowd import Question
from infra.rehearsal.figures import beside_strongest
from infra.rehearsal.following import Reply
from infra.rehearsal.guilds import Guild
from infra.standins.models import recordings, stated_model, stated_quality
from infra.standins.models.reply import Turn, reply
from producers.replay.bundled import load, read
from producers.replay.recording import strongest


def _asked(tenant: str, arm: str, rows: range):
    """A guild in which one model answered everything, in the words of the local models."""
    recording = load(tenant, content=False)
    guild = Guild(recording, read(tenant)["texts"], 1, (1,), (1,))
    asked = {100 + row: Question(0, row, 1, 1) for row in rows}
    replies = {}
    for message, question in asked.items():
        text = "".join(reply(recordings(), arm, [Turn("user", guild.texts[question.row])], None).pieces)
        replies[message] = [Reply(message + 1, 1, message, text, 0.0, 0.1, deleted=False)]
    return guild, asked, replies


def test_always_the_strongest_costs_and_is_worth_what_it_is():
    """Its own share is one, with an interval of no width."""
    guild, asked, replies = _asked("paretobandit", "gemini-2.5-pro", range(60))
    assert strongest(guild.recording) == ("gemini-2.5-pro",)
    found, together = beside_strongest([guild], asked, replies)
    assert found.answered == 60
    assert found.cost_share == pytest.approx((1.0, 1.0, 1.0))
    assert found.quality_share == together.quality_share == pytest.approx((1.0, 1.0, 1.0))


def test_another_model_is_held_against_the_recording():
    """Mean quality and cost are the recording's own, and the shares their ratios; what nobody answered is left out."""
    guild, asked, replies = _asked("paretobandit", "mistral-large-2512", range(40, 90))
    del replies[100 + 41]
    rows = [row for row in range(40, 90) if row != 41]
    (found, _) = beside_strongest([guild], asked, replies)
    arm, dear = (guild.recording.arms.index(each) for each in ("mistral-large-2512", "gemini-2.5-pro"))
    quality, cost = (guild.recording.observed[name][rows] for name in ("quality", "cost"))
    assert (found.asked, found.answered) == (50, 49)
    assert found.quality == pytest.approx(quality[:, arm].mean())
    assert found.cost_share[0] == pytest.approx(cost[:, arm].sum() / cost[:, dear].sum())
    low, high = found.quality_share[1:]
    assert low < found.quality_share[0] < high


def test_an_answer_says_who_gave_it_and_what_it_was_worth():
    """As the recording has it, for both kinds of judgements."""
    for tenant, arm, name in (("mmlu", "mixtral-8x7b-instruct", "success"), ("llmrouter", "gemma-2-9b-it", "quality")):
        guild, asked, replies = _asked(tenant, arm, range(40))
        for message, question in asked.items():
            text = replies[message][0].content
            recorded = guild.recording.observed[name][question.row, guild.recording.arms.index(arm)]
            first = guild.texts.index(guild.texts[question.row]) == question.row
            assert stated_model(text) == arm
            assert not first or stated_quality(text) == pytest.approx(recorded, abs=1e-5)
    assert np.isnan(beside_strongest([guild], {}, {})[0].quality)
