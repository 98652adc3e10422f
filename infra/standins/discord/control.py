"""The same for other processes: people, faults and figures over HTTP, a JSON object in and one out.

`python -m infra.standins.discord` serves it at /control; `remote.Remote` asks it.  Ids are numbers, times monotonic
seconds (one clock for all processes of a machine).
"""

import resource
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from .errors import ApiError
from .people.person import Person
from .permissions import TALKING
from .server import Discord
from .state.accounts import Json
from .state.messages import Message

MOST = 10_000
"""Messages in one answer of `wrote`."""

FAULTS = {
    "rest": ("fail", "limit", "slow", "cut", "clear"),
    "gateway": ("drop", "reconnect", "invalidate", "close", "ask_heartbeats", "mute", "refuse", "forget"),
}
"""Methods of `Faults` and of `Gateway`."""


class Control:
    """What can be asked: the names of the public methods, with their arguments."""

    def __init__(self, discord: Discord) -> None:
        self.discord = discord
        self.people: dict[int, Person] = {}
        self._acts: dict[str, Callable[[Person, Json], int | None]] = {
            "post": self._post,
            "edit": lambda person, act: person.edit(self._message(act), act["content"]),
            "delete": lambda person, act: person.delete(self._message(act)),
            "type": lambda person, act: person.type(self.discord.world.find_channel(act["channel"])),
            "react": lambda person, act: person.react(self._message(act), act["emoji"]),
            "unreact": lambda person, act: person.unreact(self._message(act), act["emoji"]),
            "vote": lambda person, act: person.vote(self._message(act), act["answer"]),
            "click": lambda person, act: person.click(self._message(act), act["button"]).id,
            "select": lambda person, act: person.select(self._message(act), act["values"], act.get("menu", "")).id,
            "use": self._use,
            "submit": self._submit,
        }
        self.asked: dict[str, Callable[..., Awaitable[Json]]] = {
            "describe": self.describe,
            "make": self.make,
            "act": self.act,
            "wrote": self.wrote,
            "interactions": self.interactions,
            "fault": self.fault,
            "figures": self.figures,
        }

    async def answer(self, asked: Json) -> Json:
        """Do what `asked["do"]` says with the rest as its arguments; {"error"} if that can't be done."""
        do = asked.pop("do", None)
        if do not in self.asked:
            return {"error": f"no {do!r}; there is {', '.join(self.asked)}"}
        try:
            return await self.asked[do](**asked)
        except (LookupError, PermissionError, ValueError, TypeError, ApiError) as error:
            return {"error": f"{do}: {error}"}

    async def describe(self) -> Json:
        """Where a bot finds the API and the gateway, and its token."""
        return {
            "api": self.discord.api,
            "gateway": self.discord.gateway.url,
            "token": self.discord.token,
            "bot": self.discord.bot.id,
        }

    async def make(
        self,
        guilds: int = 1,
        channels: list[str] | None = None,
        people: int = 1,
        permissions: int = 0,
        bot_permissions: int = int(TALKING),
        locale: str = "en-US",
    ) -> Json:
        """Guilds with channels of these names, and `people` in each with permissions beyond @everyone's."""
        made = []
        for _ in range(guilds):
            name = f"Guild {len(self.discord.world.guilds) + 1}"
            guild = self.discord.guild(name, *(channels or ()), locale=locale, bot_permissions=bot_permissions)
            members = [
                self.discord.person(f"Person {len(self.people) + k + 1}", guild, permissions=permissions)
                for k in range(people)
            ]
            self.people |= {person.id: person for person in members}
            made.append(
                {
                    "id": guild.id,
                    "channels": list(guild.channels),
                    "people": [person.id for person in members],
                    "directs": [person.direct().id for person in members],
                }
            )
        return {"guilds": made}

    async def act(self, acts: list[Json]) -> Json:
        """What people do, in order: `do`, `person` and what that takes; the id made by each, None, or {"error"}."""
        done: list[int | Json | None] = []
        for act in acts:
            try:
                done.append(self._acts[act["do"]](self.people[act["person"]], act))
            except (LookupError, PermissionError, ValueError, ApiError) as error:
                done.append({"error": f"{act.get('do')}: {error!r}"})
        return {"done": done}

    def _message(self, act: Json) -> Message:
        """By channel and id; with `interaction`, one of its answers, which nobody else may be able to see."""
        if "interaction" in act:
            answers = self.discord.world.interactions[act["interaction"]].messages
            return next(message for message in answers if message.id == act["message"])
        return self.discord.world.find_message(self.discord.world.find_channel(act["channel"]), act["message"])

    def _post(self, person: Person, act: Json) -> int:
        channel = self.discord.world.find_channel(act["channel"])
        reply_to = channel.messages.get(act["reply_to"]) if "reply_to" in act else None
        return person.post(channel, act.get("content", ""), reply_to=reply_to).id

    def _use(self, person: Person, act: Json) -> int:
        channel = self.discord.world.find_channel(act["channel"])
        return person.use(channel, act["command"], **act.get("options", {})).id

    def _submit(self, person: Person, act: Json) -> int:
        return person.submit(self.discord.world.interactions[act["interaction"]], **act.get("values", {})).id

    async def wrote(self, since: int = 0, wait: float = 0.0) -> Json:
        """What the bot wrote after its first `since` messages, at most 10,000; waits up to `wait` s for something.

        next: what to ask for next.  at, last: when it appeared and was last edited; asked: when what it replies to
        appeared.
        """
        world = self.discord.world
        if wait > 0 and world.wrote <= since:
            with suppress(TimeoutError):
                await world.changes.until(lambda: world.wrote > since, wait, str)
        held = len(world.written)
        first = max(since, world.wrote - held)
        messages = [world.written[i - (world.wrote - held)] for i in range(first, min(world.wrote, first + MOST))]
        return {"next": first + len(messages), "missed": first - since, "messages": [_told(one) for one in messages]}

    async def interactions(self, ids: list[int]) -> Json:
        """What became of interactions, by id; those older than 15 minutes are forgotten."""
        found = (self.discord.world.interactions.get(number) for number in ids)
        return {
            str(one.id): {
                "created": one.created,
                "acknowledged": one.acknowledged,
                "callback": None if one.callback is None else int(one.callback),
                "refused": one.refused,
                "messages": [_told(message) for message in one.messages],
                "modal": one.modal,
            }
            for one in found
            if one is not None
        }

    async def fault(self, on: str, name: str, **arguments: Any) -> Json:
        """Cause a fault: its name among `FAULTS[on]` with that method's arguments; `done` counts the connections."""
        if name not in FAULTS[on]:
            raise LookupError(f"no {name!r}; there is {', '.join(FAULTS[on])}")
        target = self.discord.faults if on == "rest" else self.discord.gateway
        done = getattr(target, name)(**arguments)
        return {"done": done if isinstance(done, int) else None}

    async def figures(self) -> Json:
        """Counts since the start, connections, its own mistakes, and what this process uses: cpu_s and rss_mb."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        discord = self.discord
        return {
            "now": time.monotonic(),
            "ready": discord.ready(),
            "connections": len(discord.gateway.connections),
            "gateway": discord.gateway.counts,
            "events": discord.world.events,
            "statuses": {str(status): n for status, n in discord.record.statuses.items()},
            "limited": discord.limiter.hits,
            "wrote": discord.world.wrote,
            "failures": [repr(failure) for failure in discord.failures],
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "rss_mb": _rss_mb(),
        }


def _rss_mb() -> float:
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 -- a line of the kernel's
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6


def _told(message: Message) -> Json:
    return {
        "id": message.id,
        "channel": message.channel.id,
        "content": message.content,
        "reply_to": None if message.reply_to is None else message.reply_to.id,
        "asked": None if message.reply_to is None else message.reply_to.versions[0][0],
        "interaction": None if message.interaction is None else message.interaction.id,
        "ephemeral": message.ephemeral,
        "loading": message.loading,
        "deleted": message.deleted,
        "at": message.versions[0][0],
        "last": message.versions[-1][0],
        "versions": len(message.versions),
    }
