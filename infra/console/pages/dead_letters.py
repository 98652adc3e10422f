"""Dead letters: what nothing could be done with, why, and sending it again when that was mended."""

import asyncio
import json
from typing import Any, Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from infra.domains import clients
from infra.readable.characters import key_text, preview
from infra.readable.plain import plain
from infra.reading.latest import latest
from infra.reading.log import Log
from schemas import wire
from schemas.errors import BadRecordError, CroupierError
from schemas.events import Context, DeadLetter, Reward
from schemas.partitioning import partition
from schemas.topics import CONTEXTS, DEAD_LETTERS, REWARDS, full_name

from ..audit import Action
from ..deployment import within_patience
from ..rendering import View, address
from ..roles import Person
from ..site import Asked, Page

#: So many are listed, the last ones.
_LISTED: Final = 100
#: Written to from outside; what the stages write to each other must not be written again by anybody else.
_AGAIN: Final = (CONTEXTS.name, REWARDS.name)
ACTION: Final = "dead-letter-sent-again"


class Letter(NamedTuple):
    """A dead letter and where it is."""

    partition: int
    offset: int
    at_ms: int
    letter: DeadLetter
    tenant: str | None  # whose: its key's, and the event's, if it is one
    event: Any  # what the record was; None: nothing that can be read

    @property
    def place(self) -> str:
        """Names it: partition.offset."""
        return f"{self.partition}.{self.offset}"

    @property
    def why_not(self) -> str | None:
        """Why it cannot be sent again; None: it can."""
        if self.letter.topic not in _AGAIN:
            return f"Records of {self.letter.topic} are the stages' own; sent again they would count twice."
        if self.event is None:
            return "No program can read it, so it would come back here. Mend what wrote it."
        return None


async def listed(asked: Asked) -> View:
    """The last ones, by reason, topic and tenant."""
    reason, topic, tenant = (asked.query(name) for name in ("reason", "topic", "tenant"))

    def wanted(record: Any) -> bool:
        found = _letter(record)
        return (
            found is not None
            and asked.person.sees(found.tenant)
            and reason in (None, found.letter.reason)
            and topic in (None, found.letter.topic)
            and tenant in (None, found.tenant)
        )

    async with within_patience(), asked.console.deployment.log() as log:
        bounds = await log.bounds(DEAD_LETTERS.name)
        records = await latest(log, DEAD_LETTERS.name, bounds, _LISTED, wanted)
    letters = [found for record in reversed(records) if (found := _letter(record)) is not None]
    return View(
        "dead_letters.html",
        {
            "letters": letters, "again": _sent(asked), "most": _LISTED, "sent": asked.query("sent"),
            "filters": {"reason": reason, "topic": topic, "tenant": tenant},
        },
    )  # fmt: skip


async def one(asked: Asked) -> View:
    """One, whole."""
    async with within_patience(), asked.console.deployment.log() as log:
        found = await _read(log, asked.person, asked.query("place") or "")
    letter = found.letter
    context = {
        "found": found,
        "key": key_text(letter.key),
        "content": None if found.event is None else json.dumps(plain(found.event), indent=2, ensure_ascii=False),
        "preview": preview(letter.value, 4000),
        "again": _sent(asked).get(found.place),
    }
    return View("dead_letter.html", context)


async def again(asked: Asked) -> Any:
    """Send those that are named in the form again, to the topic they came from: first it is written down."""
    places = [name.removeprefix("letter.") for name in asked.form if name.startswith("letter.")]
    if not places:
        raise CroupierError("No dead letter was chosen: tick those that are to be sent again.")
    console = asked.console
    async with within_patience(30.0), console.deployment.log() as log:
        letters = [await _read(log, asked.person, place) for place in places]
        if refused := [each for each in letters if each.why_not is not None]:
            raise CroupierError(f"{refused[0].place} cannot be sent again: {refused[0].why_not} Nothing was sent.")
        counts = {name: log.partitions(name) for name in _AGAIN}
    actions = [
        Action(ACTION, each.tenant or "", each.place, f"to {each.letter.topic}; it was {each.letter.reason}")
        for each in letters
    ]
    await console.trail.write(asked.person, *actions)
    async with clients.producer(console.deployment.servers) as producer:
        sent = [
            await producer.send(
                full_name(each.letter.topic, console.deployment.prefix), each.letter.value,
                # By its own tenant: the key that it had may be what was wrong with it.
                key=each.event.tenant.encode(), partition=partition(each.event.tenant, counts[each.letter.topic]),
            )
            for each in letters
        ]  # fmt: skip
        await asyncio.gather(*sent)
    return RedirectResponse(address("/dead-letters", sent=len(letters)), 303)


def _letter(record: Any) -> Letter | None:
    try:
        letter: DeadLetter = wire.decode(DEAD_LETTERS.name, record.value)
    except BadRecordError:
        return None
    try:
        event = wire.decode(letter.topic, letter.value) if letter.topic in _AGAIN else None
    except BadRecordError:
        event = None
    if not isinstance(event, Context | Reward):
        event = None
    return Letter(record.partition, record.offset, record.timestamp, letter, _tenant(letter, event), event)


def _tenant(letter: DeadLetter, event: Context | Reward | None) -> str | None:
    """Whose it is; None where key and contents disagree: then it is shown to those who see all."""
    try:
        key = None if letter.key is None else letter.key.decode()
    except UnicodeDecodeError:
        return None
    if event is None:
        return key
    return event.tenant if key in (None, event.tenant) else None


async def _read(log: Log, person: Person, place: str) -> Letter:
    numbers = place.split(".")
    if len(numbers) != 2 or not all(each.isdecimal() and len(each) < 19 for each in numbers):
        raise HTTPException(404, "There is no such dead letter.")
    number, offset = map(int, numbers)
    if number < log.partitions(DEAD_LETTERS.name):
        record = await log.record(DEAD_LETTERS.name, number, offset)
        found = None if record is None else _letter(record)
        if found is not None and person.sees(found.tenant):
            return found
    raise HTTPException(404, "There is no such dead letter (any more: they are kept for 30 days), or it is not yours.")


def _sent(asked: Asked) -> dict[str, str]:
    """Those that were sent again, and by whom, as far as the audit log is remembered."""
    entries = asked.console.trail.entries
    return {entry.target: entry.who for _, entry in entries if entry.action == ACTION}


PAGES = (
    Page("/dead-letters", listed),
    Page("/dead-letter", one),
    Page("/dead-letters/again", again, role="operator", method="POST"),
)
