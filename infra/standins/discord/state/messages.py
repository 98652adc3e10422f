"""Messages, attachments, reactions and polls (Discord docs, "Message", "Poll")."""

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING

from ..snowflakes import iso, timestamp
from .accounts import Json, User
from .places import Channel

if TYPE_CHECKING:
    from .interactions import Interaction


class Type(IntEnum):
    """Message types."""

    DEFAULT = 0
    THREAD_CREATED = 18
    REPLY = 19
    COMMAND = 20
    THREAD_STARTER = 21
    CONTEXT_COMMAND = 23
    POLL_RESULT = 46


class Flag(IntFlag):
    """Message flags."""

    SUPPRESS_EMBEDS = 1 << 2
    HAS_THREAD = 1 << 5
    EPHEMERAL = 1 << 6
    LOADING = 1 << 7
    SUPPRESS_NOTIFICATIONS = 1 << 12
    COMPONENTS_V2 = 1 << 15


@dataclass(slots=True, eq=False)
class Attachment:
    """A file; the server keeps its bytes and serves them at `url`."""

    id: int
    filename: str
    data: bytes
    content_type: str
    url: str
    description: str | None = None
    ephemeral: bool = False

    def wire(self) -> Json:
        """The attachment object."""
        content: Json = {
            "id": str(self.id),
            "filename": self.filename,
            "size": len(self.data),
            "url": self.url,
            "proxy_url": self.url,
            "content_type": self.content_type,
        }
        if self.description is not None:
            content["description"] = self.description
        if self.ephemeral:
            content["ephemeral"] = True
        return content


@dataclass(slots=True, eq=False)
class Reaction:
    """An emoji (partial emoji object) and who reacted with it, in order."""

    emoji: Json
    users: list[User] = field(default_factory=list)

    def wire(self, viewer: int) -> Json:
        """The reaction object as `viewer` sees it."""
        return {
            "emoji": self.emoji,
            "count": len(self.users),
            "count_details": {"burst": 0, "normal": len(self.users)},
            "me": any(user.id == viewer for user in self.users),
            "me_burst": False,
            "burst_colors": [],
        }


@dataclass(slots=True, eq=False)
class Poll:
    """A poll.  answers: answer id (from 1) to its poll media; votes: answer id to voters; expires: s since 1970."""

    question: Json
    answers: dict[int, Json]
    multiselect: bool
    expires: float
    votes: dict[int, list[User]] = field(default_factory=dict)
    finalized: bool = False

    def wire(self, viewer: int) -> Json:
        """The poll object as `viewer` sees it."""
        return {
            "question": self.question,
            "answers": [{"answer_id": answer, "poll_media": media} for answer, media in self.answers.items()],
            "allow_multiselect": self.multiselect,
            "layout_type": 1,
            "expiry": iso(self.expires),
            "results": {
                "is_finalized": self.finalized,
                "answer_counts": [
                    {"id": answer, "count": len(users), "me_voted": any(user.id == viewer for user in users)}
                    for answer, users in self.votes.items()
                    if users
                ],
            },
        }


@dataclass(slots=True, eq=False)
class Message:
    """A message.

    versions: (monotonic seconds, content) of what it said at first and after each edit.
    audience: for an ephemeral message, the only one who sees it.
    reply_to: the message that it answers, even when that is deleted since.
    """

    id: int
    channel: Channel
    author: User
    content: str = ""
    type: Type = Type.DEFAULT
    flags: int = 0
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    mentions: list[User] = field(default_factory=list)
    mention_roles: list[int] = field(default_factory=list)
    mention_everyone: bool = False
    reply_to: "Message | None" = None
    reactions: dict[str, Reaction] = field(default_factory=dict)
    poll: Poll | None = None
    nonce: str | int | None = None
    tts: bool = False
    edited: str | None = None
    interaction: "Interaction | None" = None
    audience: User | None = None
    thread: Channel | None = None
    deleted: bool = False
    versions: list[tuple[float, str]] = field(default_factory=list)

    @property
    def ephemeral(self) -> bool:
        """Whether only its audience sees it."""
        return bool(self.flags & Flag.EPHEMERAL)

    @property
    def loading(self) -> bool:
        """Whether it is the "is thinking..." of a deferred response."""
        return bool(self.flags & Flag.LOADING)

    def wire(self, viewer: int, *, hide: bool = False, nested: bool = True) -> Json:
        """The message object as the user with id `viewer` gets it.

        hide: without what needs the message content intent.  nested: with the message that it answers.
        """
        content: Json = {
            "id": str(self.id),
            "channel_id": str(self.channel.id),
            "author": self.author.wire(),
            "content": "" if hide else self.content,
            "timestamp": timestamp(self.id),
            "edited_timestamp": self.edited,
            "tts": self.tts,
            "mention_everyone": self.mention_everyone,
            "mentions": [user.wire() for user in self.mentions],
            "mention_roles": [str(role) for role in self.mention_roles],
            "attachments": [] if hide else [attachment.wire() for attachment in self.attachments],
            "embeds": [] if hide else self.embeds,
            "components": [] if hide else self.components,
            "pinned": False,
            "type": int(self.type),
            "flags": self.flags,
        }
        if self.reactions:
            content["reactions"] = [reaction.wire(viewer) for reaction in self.reactions.values()]
        if self.poll is not None and not hide:
            content["poll"] = self.poll.wire(viewer)
        if self.nonce is not None:
            content["nonce"] = self.nonce
        if self.thread is not None:
            content["thread"] = self.thread.wire()
        if self.reply_to is not None:
            content |= self._reference(self.reply_to, viewer, hide=hide, nested=nested)
        if self.interaction is not None:
            content["webhook_id"] = content["application_id"] = str(self.author.id)
            content["interaction_metadata"] = self.interaction.metadata(self)
            legacy = self.interaction.legacy()
            if legacy is not None:
                content["interaction"] = legacy
        return content

    def _reference(self, target: "Message", viewer: int, *, hide: bool, nested: bool) -> Json:
        reference = {"type": 0, "message_id": str(target.id), "channel_id": str(target.channel.id)}
        if target.channel.guild is not None:
            reference["guild_id"] = str(target.channel.guild.id)
        content: Json = {"message_reference": reference}
        if nested and self.type in (Type.REPLY, Type.THREAD_STARTER):
            shown = hide and target.author.id != viewer
            content["referenced_message"] = None if target.deleted else target.wire(viewer, hide=shown, nested=False)
        return content
