"""What the bot remembers of its choices is there after a restart, once, and goes with the person it is about."""

import pytest

from producers.deciding import SpoolFullError
from producers.discord.aftermath import Aftermath
from producers.discord.ports import CONTENT_ANALYSIS, USER_ENGAGEMENT
from producers.discord.remembered import REMEMBERED, Made, Remembered

SKIP = Made("a-1-0", "guild-1", CONTENT_ANALYSIS, "skip", True, 1, "ada")
QUICK = Made("a-2-0", "guild-1", CONTENT_ANALYSIS, "quick", True, 2, "bea")
FALLBACK = Made("e-3-0", "guild-2", USER_ENGAGEMENT, "nothing", False, 3, "ada")


class Clock:
    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


class Spool:
    """`Deciding` of which only the writing half is there; `full`: nothing more fits."""

    def __init__(self):
        self.sent = []
        self.full = False

    async def observe(self, tenant, decision, observations, *, id):  # noqa: A002
        if self.full:
            raise SpoolFullError("full")
        self.sent.append((tenant, decision, dict(observations), id))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def remembered(tmp_path, clock):
    found = Remembered(tmp_path / REMEMBERED, clock)
    for each in (SKIP, QUICK, FALLBACK):
        assert found.made(each)
    found.showed(QUICK.decision, 20, 9)
    found.showed(QUICK.decision, 21, 9)
    yield found
    found.close()


def same(found, made):
    return found is not None and (found.decision, found.arm, found.unit) == (made.decision, made.arm, made.unit)


def test_a_choice_is_made_once_and_found_by_everything_that_leads_to_it(remembered, tmp_path):
    assert not remembered.made(SKIP), "the process before has acted on it"
    again = Remembered(tmp_path / REMEMBERED)
    for found in (again.by_decision("a-2-0"), again.by_source(2), again.by_message(20), again.by_message(21)):
        assert same(found, QUICK)
    assert again.messages("a-2-0") == [(20, 9), (21, 9)]
    assert again.hidden(20)
    assert not again.hidden(20)
    assert again.by_message(20) is None
    assert again.by_message(1) is None
    again.close()


async def test_what_is_about_a_person_goes_with_the_person_and_nothing_else(remembered):
    assert (await remembered.export("guild-1", "ada"))["posts_and_follow_ups"][0]["chosen"] == "skip"
    assert await remembered.forget("guild-1", "ada") == 1
    assert remembered.by_decision("a-1-0") is None
    assert same(remembered.by_decision("e-3-0"), FALLBACK), "another server's"
    remembered.moved("guild-1", "bea", "new")
    assert await remembered.forget("guild-1", "bea") == 0
    assert await remembered.forget("guild-1", "new") == 1
    assert remembered.messages("a-2-0") == []
    await remembered.forget_tenant("guild-2")
    assert remembered.by_decision("e-3-0") is None


async def test_what_is_old_is_cleared_away(remembered, clock):
    clock.now += 3 * 24 * 3600
    remembered.made(Made("a-9-0", "guild-1", CONTENT_ANALYSIS, "full", True, 9, "ada"))
    await remembered.sweep()
    assert remembered.by_decision("a-2-0") is None
    assert remembered.by_message(20) is None
    assert remembered.by_decision("a-9-0") is not None


async def test_silence_is_recorded_once_when_it_is_due_and_nothing_of_what_was_not_followed(remembered, clock):
    spool = Spool()
    aftermath = Aftermath(remembered, spool, silent_after_s=480.0, clock=clock)
    assert await aftermath.settle() == 0
    clock.now += 481.0
    spool.full = True
    assert await aftermath.settle() == 0, "it is tried again"
    spool.full = False
    assert await aftermath.settle() == 3
    assert spool.sent == [
        ("guild-1", "a-1-0", {"requested": 0.0, "wanted": 0.5}, "a-1-0:silence"),
        ("guild-1", "a-2-0", {"wanted": 0.4}, "a-2-0:silence"),
    ]
    assert await aftermath.settle() == 0


async def test_a_signal_means_what_it_means_for_what_was_chosen(remembered):
    aftermath = Aftermath(remembered, Spool(), silent_after_s=1.0)
    assert aftermath.meaning("a-2-0", "thumbs", 1.0) == {"thumbs": 1.0, "wanted": 1.0}
    assert aftermath.meaning("r-2-0", "thumbs", 1.0) == {"thumbs": 1.0}
    assert aftermath.meaning("a-77-0", "thumbs", 0.0) == {"thumbs": 0.0}, "forgotten meanwhile"
