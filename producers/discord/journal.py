"""What the bot was asked, how far each answer is, which feedback has come: on its own disk, before anybody is told.

A question goes from `open` (somebody is to be answered) by way of `shown` (the whole answer can be seen; what came of
it is to be recorded) to `done`.  docs/decisions/0013-answering-once.md says why that is enough to answer once.

There are no user ids here beside those of open slash commands, and no text beside theirs; both go with the answer
(`Given`), because Discord keeps the text of messages and that of commands it does not.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from .database import Database

Kind = Literal["message", "command", "again"]
State = Literal["open", "shown", "done"]

#: Of the file in the bot's state directory.
JOURNAL: Final = "journal.sqlite"

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS questions (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, tenant TEXT NOT NULL, channel INTEGER NOT NULL, first INTEGER NOT NULL,
    asker TEXT NOT NULL, attempt INTEGER NOT NULL, begun REAL NOT NULL, state TEXT NOT NULL, acted BLOB, rewards BLOB,
    given BLOB, ended REAL, settled INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS questions_not_done ON questions (state) WHERE state <> 'done';
CREATE INDEX IF NOT EXISTS questions_to_settle ON questions (begun) WHERE state = 'done' AND settled = 0;
CREATE INDEX IF NOT EXISTS questions_to_forget ON questions (begun);
CREATE INDEX IF NOT EXISTS questions_of_tenant ON questions (tenant, begun);
CREATE INDEX IF NOT EXISTS questions_in_channel ON questions (channel, id);
CREATE INDEX IF NOT EXISTS questions_of_first ON questions (first);
CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY, question INTEGER NOT NULL, part INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS messages_of_question ON messages (question, part);
CREATE TABLE IF NOT EXISTS heard (
    decision TEXT NOT NULL, component TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (decision, component)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS heard_at ON heard (at);
CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID;
"""


class Acted(Struct, frozen=True):
    """The choice that an answer follows: of a restart, too."""

    decision: str  # its id
    arm: str
    ranking: tuple[str, ...]
    arms: tuple[str, ...] | None  # of the decision record; None: no decision came in time
    recorded: bool = True  # False: this guild has model_routing switched off, and nobody was asked for a decision

    def index(self, arm: str) -> int:
        """Of an arm that answered, in the decision's arms; -1: it is not among them."""
        return self.arms.index(arm) if self.arms is not None and arm in self.arms else -1


class Given(Struct, frozen=True):
    """What of a slash command Discord does not keep."""

    user: int
    text: str
    token: str  # Discord takes it for 15 minutes
    locale: str | None = None
    acknowledged: bool = False  # Discord knows that we got it, and shows that we think


class Question(Struct, frozen=True):
    """One row."""

    id: int  # of the message or interaction that asks: who asks again in another way asks another question
    kind: Kind
    tenant: str
    channel: int
    first: int  # the same, except when another answer is asked for: that of the question
    asker: str = ""  # pseudonym
    attempt: int = 0  # of a decision about `first`
    begun: float = 0.0  # Unix seconds
    state: State = "open"
    acted: Acted | None = None
    rewards: Mapping[str, float] | None = None
    given: Given | None = None
    ended: float | None = None

    @property
    def decision(self) -> str:
        """The id that a decision about it has."""
        return f"r-{self.first}-{self.attempt}"


class Journal:
    """The file.  Everything is on it when a method returns; the machine may lose the last moments, the process not."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._database = Database(path, _SCHEMA)
        self._clock = clock

    def begin(self, question: Question) -> bool:
        """Take on a question; False: it is known already."""
        return bool(
            self._database.write(
                "INSERT OR IGNORE INTO questions (id, kind, tenant, channel, first, asker, attempt, begun,"
                " state, given) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'open', ?)",
                question.id,
                question.kind,
                question.tenant,
                question.channel,
                question.first,
                question.asker,
                question.attempt,
                self._clock(),
                _packed(question.given),
            )
        )

    def begin_again(self, question: Question, before: int) -> bool:
        """Take on that another answer is wanted: it takes the place of that to `before`, in the same messages."""
        with self._database.together():
            row = self._database.row("SELECT max(attempt) FROM questions WHERE first = ?", question.first)
            attempt = 1 + (row[0] if row and row[0] is not None else question.attempt)
            if not self.begin(msgspec.structs.replace(question, attempt=attempt)):
                return False
            self._database.write("UPDATE messages SET question = ? WHERE question = ?", question.id, before)
        return True

    def question(self, number: int) -> Question | None:
        """By its id."""
        return _one(self._database.rows("SELECT * FROM questions WHERE id = ?", number))

    def answered_by(self, message: int) -> Question | None:
        """The question that a message of ours answers."""
        return _one(
            self._database.rows(
                "SELECT * FROM questions WHERE id = (SELECT question FROM messages WHERE id = ?)", message
            )
        )

    def not_done(self) -> list[Question]:
        """What is to be gone on with after a restart, oldest first."""
        rows = self._database.rows("SELECT * FROM questions WHERE state <> 'done' ORDER BY begun")
        return [_question(each) for each in rows]

    def others(self, question: Question) -> list[Question]:
        """The earlier answers to the same question."""
        rows = self._database.rows(
            "SELECT * FROM questions WHERE first = ? AND id <> ? ORDER BY attempt",
            question.first,
            question.id,
        )
        return [_question(each) for each in rows]

    def last_answer(self, first: int) -> Question | None:
        """The last one to a question; None also while it is not known."""
        return _one(self._database.rows("SELECT * FROM questions WHERE first = ? ORDER BY attempt DESC LIMIT 1", first))

    def last_of(self, tenant: str, asker: str) -> Question | None:
        """The last question of somebody about which something was chosen."""
        return _one(
            self._database.rows(
                "SELECT * FROM questions WHERE tenant = ? AND asker = ? AND acted IS NOT NULL"
                " ORDER BY begun DESC LIMIT 1",
                tenant,
                asker,
            )
        )

    def last_in(self, tenant: str, channel: int, before: int) -> Question | None:
        """The last question that was asked in a channel before `before`."""
        return _one(
            self._database.rows(
                "SELECT * FROM questions WHERE channel = ? AND tenant = ? AND id < ? ORDER BY id DESC LIMIT 1",
                channel,
                tenant,
                before,
            )
        )

    def acknowledged(self, number: int, given: Given, response: int | None) -> None:
        """Discord knows that we got the command.  response: the message that shows that we think."""
        known = msgspec.structs.replace(given, acknowledged=True)
        with self._database.together():
            self._database.write("UPDATE questions SET given = ? WHERE id = ?", _packed(known), number)
            if response is not None:
                self.posted(number, 0, response)

    def acted(self, number: int, acted: Acted) -> None:
        """The choice is made."""
        self._database.write("UPDATE questions SET acted = ? WHERE id = ?", _packed(acted), number)

    def next_attempt(self, question: Question) -> Question:
        """Whether its decision was asked for is not known: another is asked for, with the next id."""
        self._database.write("UPDATE questions SET attempt = attempt + 1 WHERE id = ?", question.id)
        return msgspec.structs.replace(question, attempt=question.attempt + 1)

    def posted(self, number: int, part: int, message: int) -> None:
        """A message of the answer is there."""
        self._database.write(
            "INSERT OR REPLACE INTO messages (id, question, part) VALUES (?, ?, ?)", message, number, part
        )

    def removed(self, message: int) -> None:
        """It is there no more."""
        self._database.write("DELETE FROM messages WHERE id = ?", message)

    def messages(self, number: int) -> list[int]:
        """Of an answer, in order."""
        return [
            each[0] for each in self._database.rows("SELECT id FROM messages WHERE question = ? ORDER BY part", number)
        ]

    def shown(self, number: int, rewards: Mapping[str, float]) -> None:
        """The whole answer can be seen."""
        self._database.write(
            "UPDATE questions SET state = 'shown', rewards = ?, ended = ? WHERE id = ?",
            msgspec.msgpack.encode(rewards),
            self._clock(),
            number,
        )

    def done(self, number: int) -> None:
        """What came of it is recorded."""
        self._database.write(
            "UPDATE questions SET state = 'done', ended = coalesce(ended, ?) WHERE id = ?", self._clock(), number
        )

    def hear(self, decision: str, component: str) -> bool:
        """Feedback is recorded; False: there was some of this component before, which counts."""
        return bool(
            self._database.write("INSERT OR IGNORE INTO heard VALUES (?, ?, ?)", decision, component, self._clock())
        )

    def heard(self, decision: str, component: str) -> bool:
        """Whether there was any."""
        return (
            self._database.row("SELECT 1 FROM heard WHERE decision = ? AND component = ?", decision, component)
            is not None
        )

    def to_settle(self, before: float, most: int) -> list[Question]:
        """What was asked before then, and people's silence about it not recorded yet."""
        rows = self._database.rows(
            "SELECT * FROM questions WHERE state = 'done' AND settled = 0 AND begun < ? ORDER BY begun LIMIT ?",
            before,
            most,
        )
        return [_question(each) for each in rows]

    def settled(self, numbers: Sequence[int]) -> None:
        """It is recorded; what of commands had to be kept for another answer goes."""
        with self._database.together():
            for each in numbers:
                self._database.write("UPDATE questions SET settled = 1, given = NULL WHERE id = ?", each)

    def mark(self, name: str, value: float) -> None:
        """Remember a number."""
        self._database.write("INSERT OR REPLACE INTO marks VALUES (?, ?)", name, value)

    def marked(self, name: str) -> float | None:
        """The number remembered."""
        row = self._database.row("SELECT value FROM marks WHERE name = ?", name)
        return None if row is None else row[0]

    def channels(self, tenant: str, most: int) -> list[int]:
        """Where a tenant's questions were asked, the last first."""
        rows = self._database.rows(
            "SELECT channel, max(begun) FROM questions WHERE tenant = ? GROUP BY channel ORDER BY 2 DESC LIMIT ?",
            tenant,
            most,
        )
        return [each[0] for each in rows]

    def channels_since(self, tenant: str, since: float) -> frozenset[int]:
        """Where a tenant's questions were asked since then."""
        rows = self._database.rows(
            "SELECT DISTINCT channel FROM questions WHERE tenant = ? AND begun >= ?", tenant, since
        )
        return frozenset(each[0] for each in rows)

    def forget(self, before: float) -> int:
        """Drop what ended before then; how many questions."""
        with self._database.together():
            self._database.write(
                "DELETE FROM messages WHERE question IN (SELECT id FROM questions WHERE begun < ? AND state = 'done')",
                before,
            )
            self._database.write("DELETE FROM heard WHERE at < ?", before)
            return self._database.write("DELETE FROM questions WHERE begun < ? AND state = 'done'", before)

    def asked_by(self, tenant: str, asker: str) -> list[Question]:
        """Of one person, by pseudonym; oldest first."""
        rows = self._database.rows(
            "SELECT * FROM questions WHERE tenant = ? AND asker = ? ORDER BY begun", tenant, asker
        )
        return [_question(each) for each in rows]

    def ask_as(self, tenant: str, before: str | None, after: str) -> int:
        """Whoever was `before` (None: anybody there) is `after` from now on, "" nobody; how many questions.

        What was asked stays, or it would be answered once more.  Of nobody's commands the text goes with the answer.
        """
        return self._database.write(
            "UPDATE questions SET asker = ?1, given = CASE WHEN ?1 = '' AND state = 'done' THEN NULL ELSE given END "
            "WHERE tenant = ?2 AND asker = coalesce(?3, asker) AND asker <> ''",
            after,
            tenant,
            before,
        )

    async def settle(self) -> None:
        """Wait until what was taken out is not on the disk any more."""
        await self._database.settle()

    def close(self) -> None:
        """Put everything on the disk."""
        self._database.close()


def _packed(value: Struct | None) -> bytes | None:
    return None if value is None else msgspec.msgpack.encode(value)


def _one(rows: list[tuple[Any, ...]]) -> Question | None:
    return _question(rows[0]) if rows else None


def _question(row: tuple[Any, ...]) -> Question:
    number, kind, tenant, channel, first, asker, attempt, begun, state, acted, rewards, given, ended, _settled = row
    return Question(
        number,
        kind,
        tenant,
        channel,
        first,
        asker,
        attempt,
        begun,
        state,
        None if acted is None else msgspec.msgpack.decode(acted, type=Acted),
        None if rewards is None else msgspec.msgpack.decode(rewards, type=dict[str, float]),
        None if given is None else msgspec.msgpack.decode(given, type=Given),
        ended,
    )
