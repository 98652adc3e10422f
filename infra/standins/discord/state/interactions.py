"""Interactions: commands, components, autocomplete and modals (Discord docs, "Receiving and Responding")."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeVar

from ..changes import Changes
from .accounts import Json, User
from .messages import Message
from .places import Channel

T = TypeVar("T")


USER_MENU, MESSAGE_MENU = 2, 3
"""Types of commands in context menus."""


class Asked(IntEnum):
    """Interaction types."""

    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL = 5


class Answered(IntEnum):
    """Interaction callback types."""

    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE = 7
    CHOICES = 8
    MODAL = 9


@dataclass(slots=True, eq=False)
class Interaction:
    """What a person did to the bot, and what the bot answered.  Times are monotonic seconds.

    acknowledged: when the first response came; None until then, and for ever if it came too late.
    callback: the type of that response.  response: its message; followups: those that came later.
    modal: the modal that it opened.  choices: what autocomplete offered.
    refused: responses that came after the first one or too late.
    """

    id: int
    token: str
    type: Asked
    data: Json
    person: User
    channel: Channel
    application_id: int
    created: float
    message: Message | None = None
    acknowledged: float | None = None
    callback: Answered | None = None
    response: Message | None = None
    followups: list[Message] = field(default_factory=list)
    modal: Json | None = None
    choices: list[Json] | None = None
    refused: int = 0
    origin: "Interaction | None" = None
    changes: Changes = field(default_factory=Changes)

    @property
    def messages(self) -> list[Message]:
        """All that the bot answered: the response, then the followups."""
        return ([] if self.response is None else [self.response]) + self.followups

    async def until(self, look: "Callable[[Interaction], T]", timeout: float = 10.0) -> T:
        """What `look(interaction)` gives as soon as that is true; TimeoutError after `timeout` seconds."""
        return await self.changes.until(lambda: look(self), timeout, self._seen)

    async def answered(self, timeout: float = 10.0) -> Message:
        """The message that answers, once it is more than "is thinking..."; TimeoutError after `timeout` seconds."""
        found = await self.until(lambda asked: next((m for m in asked.messages if not m.loading), None), timeout)
        assert found is not None
        return found

    def _seen(self) -> str:
        callback = "no response" if self.callback is None else self.callback.name.lower()
        said = "; ".join(repr(message.content[:200]) for message in self.messages)
        return f"{self.type.name.lower()} {self.data.get('name') or self.data.get('custom_id')}: {callback}, {said}"

    def wire(self) -> Json:
        """The interaction object of INTERACTION_CREATE."""
        guild = self.channel.guild
        content: Json = {
            "id": str(self.id),
            "application_id": str(self.application_id),
            "type": int(self.type),
            "token": self.token,
            "version": 1,
            "data": self.data,
            "channel_id": str(self.channel.id),
            "channel": self.channel.wire() | {"permissions": str(self.channel.permissions(self.person.id))},
            "locale": self.person.locale,
            "entitlements": [],
            "entitlement_sku_ids": [],
            "attachment_size_limit": 10 * 1024 * 1024,
            "authorizing_integration_owners": {"0": "0" if guild is None else str(guild.id)},
            "context": 1 if guild is None else 0,
            "app_permissions": str(self.channel.permissions(self.application_id)),
        }
        if guild is None:
            content["user"] = self.person.wire()
        else:
            content["guild_id"] = str(guild.id)
            content["guild"] = {"id": str(guild.id), "locale": guild.locale, "features": []}
            content["guild_locale"] = guild.locale
            permissions = self.channel.permissions(self.person.id)
            content["member"] = guild.members[self.person.id].wire(permissions=permissions)
        if self.message is not None:
            content["message"] = self.message.wire(self.application_id)
        return content

    def metadata(self, message: Message | None = None) -> Json:
        """The interaction metadata of a message that answers it ("Message", Message Interaction Metadata)."""
        owners = {"0": "0" if self.channel.guild is None else str(self.channel.guild.id)}
        content: Json = {
            "id": str(self.id),
            "type": int(self.type),
            "user": self.person.wire(),
            "authorizing_integration_owners": owners,
        }
        if message is not None and message in self.followups and self.response is not None:
            content["original_response_message_id"] = str(self.response.id)
        if self.type is Asked.COMPONENT and self.message is not None:
            content["interacted_message_id"] = str(self.message.id)
        elif self.type is Asked.MODAL and self.origin is not None:
            content["triggering_interaction_metadata"] = self.origin.metadata()
        elif self.data.get("type") == MESSAGE_MENU:
            content["target_message_id"] = self.data["target_id"]
        elif self.data.get("type") == USER_MENU:
            content["target_user"] = self.data["resolved"]["users"][self.data["target_id"]]
        return content

    def legacy(self) -> Json | None:
        """The older interaction object of a message, for commands only ("Receiving and Responding")."""
        if self.type is not Asked.COMMAND:
            return None
        names, options = [self.data["name"]], self.data.get("options") or []
        while options and options[0]["type"] in (1, 2):
            names.append(options[0]["name"])
            options = options[0].get("options") or []
        return {
            "id": str(self.id),
            "type": int(self.type),
            "name": " ".join(names),
            "user": self.person.wire(),
        }
