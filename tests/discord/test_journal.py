"""What the journal says survives the process, however it ends; each question is taken on once."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from producers.discord.journal import Acted, Given, Journal, Question

ASKED = Question(11, "message", "guild-1", 5, 11)
ACTED = Acted("r-11-0", "small", ("small", "large"), ("large", "small"))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.sqlite", clock=lambda: 1_000.0)


def test_a_question_is_taken_on_once(journal: Journal) -> None:
    assert journal.begin(ASKED)
    assert not journal.begin(ASKED)
    assert [each.id for each in journal.not_done()] == [11]


def test_it_goes_from_open_by_way_of_shown_to_done(journal: Journal) -> None:
    journal.begin(ASKED)
    journal.acted(11, ACTED)
    journal.posted(11, 0, 100)
    journal.posted(11, 1, 101)
    (question,) = journal.not_done()
    assert (question.state, question.acted, question.begun) == ("open", ACTED, 1_000.0)
    journal.shown(11, {"success": 1.0})
    (question,) = journal.not_done()
    assert (question.state, question.rewards, question.ended) == ("shown", {"success": 1.0}, 1_000.0)
    journal.done(11)
    assert not journal.not_done()
    assert journal.answered_by(101) == journal.question(11)
    assert journal.answered_by(102) is None
    assert not journal.begin(ASKED), "what is done is not asked again"


def test_another_answer_takes_the_messages_and_has_its_own_decision(journal: Journal) -> None:
    journal.begin(ASKED)
    journal.posted(11, 0, 100)
    journal.done(11)
    again = Question(12, "again", "guild-1", 5, 11)
    assert journal.begin_again(again, before=11)
    assert not journal.begin_again(again, before=11)
    found = journal.question(12)
    assert found is not None and found.decision == "r-11-1"
    assert journal.messages(12) == [100] and journal.messages(11) == []
    journal.begin_again(Question(13, "again", "guild-1", 5, 11), before=12)
    third = journal.question(13)
    assert third is not None and third.decision == "r-11-2"
    assert [each.id for each in journal.others(third)] == [11, 12]


def test_whether_feedback_is_the_first_of_its_kind(journal: Journal) -> None:
    assert journal.hear("r-11-0", "thumbs")
    assert not journal.hear("r-11-0", "thumbs")
    assert journal.hear("r-11-0", "reaction")
    assert journal.heard("r-11-0", "thumbs") and not journal.heard("r-11-0", "deleted")


def test_text_of_commands_goes_when_it_is_needed_no_more(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = Journal(path, clock=lambda: 1_000.0)
    secret = "the text of a question"
    journal.begin(Question(14, "command", "direct", 5, 14, given=Given(77, secret, "token")))
    journal.shown(14, {})
    journal.done(14)
    assert [each.given for each in journal.to_settle(2_000.0, 9)] == [Given(77, secret, "token")]
    assert not journal.to_settle(1_000.0, 9), "not before its time"
    journal.settled([14])
    assert not journal.to_settle(2_000.0, 9)
    journal.close()
    assert not [each for each in tmp_path.iterdir() if secret.encode() in each.read_bytes()]


def test_what_is_done_is_forgotten_and_what_is_open_is_kept(journal: Journal) -> None:
    journal.begin(ASKED)
    journal.begin(Question(12, "message", "direct", 6, 12))
    journal.posted(11, 0, 100)
    journal.done(11)
    assert journal.forget(1_000.0) == 0
    assert journal.forget(1_001.0) == 1
    assert journal.question(11) is None and journal.answered_by(100) is None
    assert [each.id for each in journal.not_done()] == [12]


def test_a_decision_that_may_have_been_asked_for_is_asked_for_by_another_id(journal: Journal) -> None:
    journal.begin(ASKED)
    assert journal.next_attempt(ASKED).decision == "r-11-1"
    found = journal.question(11)
    assert found is not None and found.decision == "r-11-1"


def test_channels_and_marks(journal: Journal) -> None:
    journal.begin(Question(1, "message", "direct", 7, 1))
    journal.begin(Question(2, "message", "direct", 7, 2))
    journal.begin(Question(3, "message", "guild-1", 8, 3))
    assert journal.channels("direct", 10) == [7]
    assert journal.marked("alive") is None
    journal.mark("alive", 5.0)
    journal.mark("alive", 6.0)
    assert journal.marked("alive") == 6.0


def test_what_was_noted_survives_sigkill_at_once(tmp_path: Path) -> None:
    """Every note that the process told us of before it was killed is there."""
    path = tmp_path / "journal.sqlite"
    code = (
        "import sys; from pathlib import Path; from producers.discord.journal import Journal, Question\n"
        f"journal = Journal(Path({str(path)!r}))\n"
        "for n in range(1, 10_000_000):\n"
        "    journal.begin(Question(n, 'message', 'direct', 1, n)); print(n, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        last = 0
        for line in process.stdout:
            last = int(line)
            if last >= 500:
                os.kill(process.pid, signal.SIGKILL)
                break
    assert last >= 500
    assert len(Journal(path).not_done()) >= last
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)
