"""Users, roles and members (Discord docs, "User", "Guild": Guild Member Object, "Permissions": Role Object)."""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(slots=True, eq=False)
class User:
    """An account, of a person or of the bot."""

    id: int
    name: str
    bot: bool = False
    locale: str = "en-US"
    _wire: Json | None = field(default=None, repr=False)

    def wire(self) -> Json:
        """The user object; the same dict each time, not to be changed."""
        if self._wire is None:
            self._wire = {
                "id": str(self.id),
                "username": self.name.lower().replace(" ", "_"),
                "global_name": None if self.bot else self.name,
                "discriminator": "0000" if self.bot else "0",
                "avatar": None,
                "bot": self.bot,
                "public_flags": 0,
            }
        return self._wire

    @property
    def mention(self) -> str:
        """The text that mentions this user."""
        return f"<@{self.id}>"


@dataclass(slots=True, eq=False)
class Role:
    """A role of a guild; the one with the guild's id is @everyone's.  bot: whose own role it is, if it is a bot's."""

    id: int
    name: str
    permissions: int
    position: int = 0
    managed: bool = False
    bot: int | None = None

    def wire(self) -> Json:
        """The role object."""
        tags: Json = {} if self.bot is None else {"tags": {"bot_id": str(self.bot)}}
        return tags | {
            "id": str(self.id),
            "name": self.name,
            "permissions": str(self.permissions),
            "position": self.position,
            "managed": self.managed,
            "color": 0,
            "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
            "hoist": False,
            "icon": None,
            "unicode_emoji": None,
            "mentionable": False,
            "flags": 0,
        }


@dataclass(slots=True, eq=False)
class Member:
    """A user in a guild.  joined: ISO 8601."""

    user: User
    joined: str
    roles: list[int] = field(default_factory=list)
    nick: str | None = None

    def wire(self, *, user: bool = True, permissions: int | None = None) -> Json:
        """The guild member object, with the user unless it stands beside one already."""
        content: Json = {
            "nick": self.nick,
            "avatar": None,
            "banner": None,
            "roles": [str(role) for role in self.roles],
            "joined_at": self.joined,
            "premium_since": None,
            "deaf": False,
            "mute": False,
            "flags": 0,
            "pending": False,
            "communication_disabled_until": None,
        }
        if user:
            content["user"] = self.user.wire()
        if permissions is not None:
            content["permissions"] = str(permissions)
        return content
