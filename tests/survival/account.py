"""What became of every question and of every press of a button, from Discord and from Kafka, not from the bot."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from infra.bot.stores import open_people
from infra.reading.log import Log
from infra.rehearsal.following import Reply, refusals
from producers.discord.words import languages, say
from schemas import wire
from schemas.events import Reward
from schemas.topics import REWARDS

from .people import People

#: The end of every whole answer of the local models to a question that was not recorded.
END = "does."
_ATTEMPTS = 8


@dataclass
class Account:
    """questions: messages, and commands that Discord saw acknowledged.  violations: sentences, up to 20."""

    questions: int = 0
    commands: int = 0
    answered: int = 0
    refused: int = 0
    lost: int = 0
    unfinished: int = 0
    doubled: int = 0
    presses: int = 0
    presses_acknowledged: int = 0
    feedback_lost: int = 0
    rewards: int = 0
    violations: list[str] = field(default_factory=list)

    def as_json(self) -> dict:
        """Figures by name, and whether all is well."""
        return {"ok": self.ok, **asdict(self)}

    @property
    def ok(self) -> bool:
        """Every question once, no feedback lost."""
        return not (self.lost or self.unfinished or self.doubled or self.feedback_lost)

    def wrong(self, what: str, sentence: str) -> None:
        """One more."""
        setattr(self, what, getattr(self, what) + 1)
        if len(self.violations) < 20:
            self.violations.append(f"{what}: {sentence}")


def whole(text: str) -> bool:
    """An answer to its end."""
    return text.rstrip().endswith(END)


def polite(text: str) -> bool:
    """A refusal, or an answer that says that it was cut off."""
    return text in refusals() or any(text.endswith(say(each, "asking.cut")) for each in languages())


def open_questions(people: People, replies: Mapping[int, Sequence[Reply]]) -> int:
    """Questions that nobody can say of how they ended."""
    ended = {number for number, found in replies.items() if any(whole(r.content) or polite(r.content) for r in found)}
    commands = [told for told in people.commands.values() if told is not None and told["acknowledged"]]
    thinking = [told for told in commands if not any(_ended(each["content"]) for each in told["messages"])]
    return len(people.asked.keys() - ended) + len(thinking)


def account(people: People, replies: Mapping[int, Sequence[Reply]], rewards: Sequence[Reward], state: Path) -> Account:
    """All is over, and the bot has stopped.  state: its directory, where names of decisions are."""
    found = Account(questions=len(people.asked), rewards=len(rewards))
    for message, text in people.asked.items():
        there = [each.content for each in replies.get(message, ()) if not each.deleted]
        _count(found, f"{text} ({message})", there)
    for number, told in people.commands.items():
        if told is not None and told["acknowledged"]:
            found.questions += 1
            found.commands += 1
            _count(found, f"/ask {number}", [each["content"] for each in told["messages"] if not each["deleted"]])
    _presses(found, people, rewards, state)
    return found


def _count(found: Account, question: str, texts: Sequence[str]) -> None:
    if not texts:
        found.wrong("lost", f"{question} has no answer")
    elif len(texts) > 1:
        found.wrong("doubled", f"{question} has {len(texts)}: {[each[-60:] for each in texts]}")
    elif whole(texts[0]):
        found.answered += 1
    elif polite(texts[0]):
        found.refused += 1
    else:
        found.wrong("unfinished", f"{question} ends {texts[0][-80:]!r}")


def _ended(text: str) -> bool:
    return whole(text) or polite(text)


def _presses(found: Account, people: People, rewards: Sequence[Reward], state: Path) -> None:
    """Those of which people were told that they are noted must be in Kafka, under a decision about that question."""
    noted = {say(lang, f"feedback.{what}") for lang in languages() for what in ("thanks", "counted_before")}
    thumbs = {reward.decision for reward in rewards if "thumbs" in reward.observations}
    with open_people(state) as (_, names):
        rows = names._rows.rows("SELECT decision, name FROM names")
    named: dict[str, list[str]] = {}
    for decision, name in rows:
        named.setdefault(decision.split("-")[1], []).append(name)
    for number, told in people.presses.items():
        found.presses += 1
        if told is None or not any(each["content"] in noted for each in told["messages"]):
            continue
        found.presses_acknowledged += 1
        if not thumbs.intersection(named.get(str(people.pressed[number]), ())):
            found.wrong("feedback_lost", f"press {number} under the answer to {people.pressed[number]} is not in Kafka")


async def read_rewards(servers: str, prefix: str) -> list[Reward]:
    """The whole topic."""
    found: list[object] = []
    async with Log.open(servers, prefix) as log:
        async for batch in log.batches(REWARDS.name, await log.bounds(REWARDS.name)):
            found += [wire.decode(REWARDS.name, record.value) for record in batch]
    return [each for each in found if isinstance(each, Reward)]
