"""Whatever was shown on the way, failed, or was interrupted: at its end an answer's messages are the answer."""

import asyncio
import itertools
from types import SimpleNamespace

import aiohttp
import discord
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from producers.discord.delivery import Delivery, GoneError
from producers.discord.journal import Journal, Question
from producers.discord.splitting import split

IDS = itertools.count(1)
TEXTS = st.integers(1, 6_000).map(lambda n: ("A sentence of the answer. " * 300)[:n])
#: What happens to a request: it works, is lost on its way there, or on its way back.
FATES = st.sampled_from(["works", "works", "works", "lost", "unheard"])


def refused(status):
    return discord.HTTPException(SimpleNamespace(status=status, reason=""), "")


class Channel:
    """What Discord keeps of a channel, for `Surface`: nonces make a repeated post the same message."""

    def __init__(self, question, fates=()):
        self.question = question
        self.fates = list(fates)
        self.messages = {}  # id: (text, view, refers to)
        self.nonces = {}
        self.numbers = itertools.count(next(IDS) * 1_000)

    def _fate(self):
        return self.fates.pop(0) if self.fates else "works"

    def _fails(self, fate):
        if fate != "works":
            raise aiohttp.ClientOSError("lost")

    async def post(self, part, text, view, first):
        fate = self._fate()
        if fate == "lost":
            self._fails(fate)
        number = self.nonces.setdefault(part, next(self.numbers))
        self.messages.setdefault(number, (text, view, first or self.question.id))
        self._fails(fate)
        return number

    async def edit(self, message, part, text, view):
        fate = self._fate()
        if fate != "lost":
            self.messages[message] = (text, view, self.messages[message][2])
        self._fails(fate)

    async def remove(self, message):
        self.messages.pop(message)
        self.nonces = {part: number for part, number in self.nonces.items() if number != message}

    async def found(self):
        first = [number for number, (_, _, refers) in self.messages.items() if refers == self.question.id]
        return first + [number for number, (_, _, refers) in self.messages.items() if first and refers == first[0]]

    async def typing(self):
        pass

    def bucket(self):
        return None


@pytest.fixture(scope="module")
def journal(tmp_path_factory):
    journal = Journal(tmp_path_factory.mktemp("journal") / "journal.sqlite")
    yield journal
    journal.close()


def asked(journal):
    number = next(IDS) * 1_000
    question = Question(number, "message", "guild-1", 5, number)
    journal.begin(question)
    return question


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    """Repetitions do not wait."""

    async def at_once(_):
        await asyncio.sleep(0)

    monkeypatch.setattr("tenacity.asyncio._portable_async_sleep", at_once)


LONG = ("A sentence of the answer. " * 300)[:3000]


@example(fates=["works", "unheard"], lives=[["A", LONG]], answer="A")  # the second message is there, and not wanted
@example(fates=["works", "lost"], lives=[["A", LONG]], answer="A")
@settings(max_examples=40)
@given(
    fates=st.lists(FATES, max_size=20),
    lives=st.lists(st.lists(TEXTS, max_size=4), min_size=1, max_size=4),
    answer=TEXTS,
)
def test_the_last_word_is_the_answer_however_often_it_began_anew(journal, fates, lives, answer):
    """Each life but the last ends wherever it is; what it noted and what is in the channel is all the next one has."""

    async def play():
        question = asked(journal)
        channel = Channel(question, fates)
        for texts in lives:
            delivery = Delivery(channel, journal, question, journal.messages(question.id))
            if texts is not lives[0]:
                channel.nonces.clear()  # it was away for long: Discord has forgotten them
                await delivery.look()
            for each in texts:
                await delivery.progress(each)
        last = await delivery.finish(answer, "buttons", 60.0)
        shown = [channel.messages[number] for number in sorted(channel.messages)]
        assert [text for text, _, _ in shown] == [part.text for part in split(answer)]
        assert [view for _, view, _ in shown] == [None] * (len(shown) - 1) + ["buttons"]
        assert last == max(channel.messages) and journal.messages(question.id) == sorted(channel.messages)

    asyncio.run(play())


@pytest.mark.parametrize("status", [403, 404])
async def test_what_is_gone_is_not_tried_for_ever(journal, status):
    question = asked(journal)
    channel = Channel(question)
    kind = {403: discord.Forbidden, 404: discord.NotFound}[status]

    async def post(*_):
        raise kind(SimpleNamespace(status=status, reason=""), "")

    channel.post = post
    delivery = Delivery(channel, journal, question, [])
    with pytest.raises(GoneError):
        await delivery.progress("x")
    with pytest.raises(GoneError):
        await delivery.finish("x", None, 60.0)


async def test_a_request_that_is_wrong_is_a_defect_and_not_repeated(journal):
    question = asked(journal)
    channel = Channel(question)
    calls = []

    async def post(*_):
        calls.append(1)
        raise refused(400)

    channel.post = post
    with pytest.raises(discord.HTTPException):
        await Delivery(channel, journal, question, []).finish("x", None, 60.0)
    assert len(calls) == 1
