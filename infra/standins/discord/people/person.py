"""Simulated people: what a person can do in Discord's own app, done to the local Discord.

What a person does takes effect at once; what the bot does in return is waited for with `Channel.until`,
`Interaction.until` and `Interaction.answered`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ..permissions import Permission
from ..state import posting, reacting
from ..state.accounts import Json, Member, Role, User
from ..state.asking import ask
from ..state.interactions import Asked, Interaction
from ..state.messages import Message, Type
from ..state.places import Channel, Guild
from ..state.threads import start_thread
from ..state.world import World
from .components import BUTTON, LINK_STYLE, SELECTS, STRING_SELECT, choose, filled, find
from .options import ATTACHMENT, CHANNEL, GROUP, MENTIONABLE, ROLE, SUBCOMMAND, USER, check, paths


class Person:
    """A person.  Whatever Discord would not offer to a person raises: LookupError or PermissionError."""

    def __init__(self, world: World, user: User) -> None:
        self.world, self.user = world, user

    def __repr__(self) -> str:
        return f"Person({self.user.name!r})"

    @property
    def id(self) -> int:
        """The user's id."""
        return self.user.id

    @property
    def mention(self) -> str:
        """The text that mentions this person."""
        return self.user.mention

    def join(self, guild: Guild, *, permissions: int = 0, nick: str | None = None) -> Member:
        """Join a guild; with permissions beyond @everyone's through a role of one's own."""
        return self.world.join(guild, self.user, permissions=permissions, nick=nick)

    def leave(self, guild: Guild) -> None:
        """Leave a guild."""
        self.world.leave(guild, self.user)

    def direct(self) -> Channel:
        """The direct messages between this person and the bot."""
        return self.world.direct(self.user)

    def close_direct(self) -> None:
        """Take no more direct messages from the bot (it gets 50007)."""
        self.direct().closed = True

    # Messages

    def post(
        self,
        channel: Channel,
        content: str = "",
        *,
        reply_to: Message | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> Message:
        """Write a message.  files: name to bytes.  Mentions are those in the text, such as `discord.bot.mention`."""
        self._may(channel, Permission.SEND_MESSAGES if channel.thread is None else Permission.SEND_MESSAGES_IN_THREADS)
        message = Message(
            self.world.ids.next(),
            channel,
            self.user,
            content,
            Type.DEFAULT if reply_to is None else Type.REPLY,
            attachments=[self.world.file(channel, name, data) for name, data in (files or {}).items()],
            reply_to=reply_to,
        )
        return posting.post(self.world, message)

    def edit(self, message: Message, content: str) -> None:
        """Change one's own message."""
        self._own(message)
        message.content = content
        posting.mention(self.world, message, None)
        posting.edit(self.world, message, {"content": content})

    def delete(self, message: Message) -> None:
        """Delete one's own message; others' with MANAGE_MESSAGES."""
        if message.author is not self.user:
            self._may(message.channel, Permission.MANAGE_MESSAGES)
        posting.delete(self.world, message)

    def type(self, channel: Channel) -> None:
        """Type."""
        reacting.typing(self.world, channel, self.user)

    def start_thread(self, message: Message, name: str) -> Channel:
        """Start a thread from a message."""
        self._may(message.channel, Permission.CREATE_PUBLIC_THREADS)
        return start_thread(self.world, message.channel, name, self.user, message=message)

    def react(self, message: Message, emoji: str) -> None:
        """React."""
        if emoji not in message.reactions:
            self._may(message.channel, Permission.ADD_REACTIONS)
        reacting.react(self.world, message, self.user, emoji)

    def unreact(self, message: Message, emoji: str) -> None:
        """Take a reaction back."""
        reacting.unreact(self.world, message, self.user, emoji)

    def vote(self, message: Message, answer: int | str) -> None:
        """Vote in a poll.  answer: its id (from 1) or its text."""
        self._sees(message)
        if message.poll is None:
            raise LookupError("the message has no poll")
        if isinstance(answer, str):
            texts = {media.get("text"): number for number, media in message.poll.answers.items()}
            if answer not in texts:
                raise LookupError(f"no answer {answer!r}; there are {list(texts)}")
            answer = texts[answer]
        reacting.vote(self.world, message, self.user, answer)

    def unvote(self, message: Message, answer: int) -> None:
        """Take a vote back."""
        reacting.unvote(self.world, message, self.user, answer)

    # Interactions

    def commands(self, channel: Channel) -> list[str]:
        """The slash commands that this person is offered here, subcommands with their path."""
        offered = [command for command in self._commands(channel) if self._offered(command, channel)]
        return [path for command in offered for path in paths(command)]

    def use(self, channel: Channel, command: str, **options: Any) -> Interaction:
        """Use a slash command.  command: its name, for a subcommand its path: "settings models".

        options: by name; a Person, Channel or Role for options of those types, bytes or (name, bytes) for a file.
        LookupError for a command or an option that isn't offered, ValueError for a value that Discord's app refuses.
        """
        name, *path = command.split()
        found = self._command(channel, name, 1)
        data: Json = {"id": found["id"], "name": name, "type": 1}
        data["options"], resolved = self._options(found, path, options, channel)
        if resolved:
            data["resolved"] = resolved
        if "guild_id" in found:
            data["guild_id"] = found["guild_id"]
        return ask(self.world, Asked.COMMAND, data, self.user, channel)

    def use_on(self, target: "Message | Person", command: str, channel: Channel | None = None) -> Interaction:
        """Use a command of a message's or (in `channel`) a person's context menu."""
        if isinstance(target, Message):
            found = self._command(target.channel, command, 3)
            resolved: Json = {"messages": {str(target.id): target.wire(self.world.bot.id)}}
            where = target.channel
        else:
            assert channel is not None, "say in which channel"
            found = self._command(channel, command, 2)
            resolved, where = self._resolve_user(target.user, channel), channel
        data = {"id": found["id"], "name": command, "type": found["type"], "target_id": str(target.id)}
        return ask(self.world, Asked.COMMAND, data | {"resolved": resolved}, self.user, where)

    def complete(self, channel: Channel, command: str, option: str, typed: str, **options: Any) -> Interaction:
        """Type into an option with autocompletion; `choices` of the interaction is what it offers."""
        name, *path = command.split()
        found = self._command(channel, name, 1)
        given, _ = self._options(found, path, options | {option: typed}, channel, partial=True)
        level = given
        for _ in path:
            level = level[0]["options"]
        for part in level:
            if part["name"] == option:
                part["focused"] = True
        data = {"id": found["id"], "name": name, "type": 1, "options": given}
        return ask(self.world, Asked.AUTOCOMPLETE, data, self.user, channel)

    def click(self, message: Message, button: str) -> Interaction:
        """Click a button.  button: its label, emoji or custom id."""
        self._sees(message)
        component = find(message, button, (BUTTON,))
        if component.get("style") == LINK_STYLE:
            raise LookupError(f"{button!r} is a link to {component['url']}")
        data = {"custom_id": component["custom_id"], "component_type": BUTTON, "id": component.get("id", 0)}
        return ask(self.world, Asked.COMPONENT, data, self.user, message.channel, message=message)

    def select(self, message: Message, values: Sequence[Any], menu: str = "") -> Interaction:
        """Choose in a select menu.  values: labels or values of options, or Person, Channel, Role.

        menu: the custom id or the placeholder; may be left out when there is only one.
        """
        self._sees(message)
        component = find(message, menu, SELECTS)
        least, most = component.get("min_values", 1), component.get("max_values", 1)
        if not least <= len(values) <= most:
            raise ValueError(f"the menu takes {least} to {most} values, not {len(values)}")
        data: Json = {
            "custom_id": component["custom_id"],
            "component_type": component["type"],
            "id": component.get("id", 0),
        }
        if component["type"] == STRING_SELECT:
            data["values"] = [choose(component, value) for value in values]
        else:
            data["values"] = [str(value.id) for value in values]
            data["resolved"] = self._resolve(values, message.channel)
        return ask(self.world, Asked.COMPONENT, data, self.user, message.channel, message=message)

    def submit(self, opened: Interaction, **values: str | Sequence[str]) -> Interaction:
        """Fill in the modal that an interaction opened, and submit it.  values: by custom id or label of the input."""
        if opened.modal is None:
            raise LookupError("the interaction opened no modal")
        left = dict(values)
        components = [filled(component, left) for component in opened.modal["components"]]
        if left:
            raise LookupError(f"the modal has no input {sorted(left)}")
        data = {"custom_id": opened.modal["custom_id"], "components": components}
        return ask(self.world, Asked.MODAL, data, self.user, opened.channel, message=opened.message, origin=opened)

    # What Discord's app checks before it offers something

    def _may(self, channel: Channel, permission: Permission) -> None:
        if not channel.permissions(self.user.id) & permission:
            raise PermissionError(f"{self.user.name} lacks {permission.name} in #{channel.name}")

    def _own(self, message: Message) -> None:
        if message.author is not self.user:
            raise PermissionError(f"the message is {message.author.name}'s")

    def _sees(self, message: Message) -> None:
        if message.deleted:
            raise LookupError("the message was deleted")
        if message.ephemeral and message.audience is not self.user:
            raise PermissionError(f"only {message.audience.name if message.audience else 'nobody'} sees the message")
        if message.channel.guild is not None:
            self._may(message.channel, Permission.VIEW_CHANNEL)

    def _commands(self, channel: Channel) -> list[Json]:
        guild = self.world.commands.get(channel.guild.id, {}) if channel.guild is not None else {}
        return [*guild.values(), *self.world.commands[None].values()]

    def _offered(self, command: Json, channel: Channel) -> bool:
        if channel.guild is None:
            contexts = command.get("contexts")
            return 1 in contexts if contexts is not None else command["dm_permission"] is not False
        has = channel.permissions(self.user.id)
        needs = int(command.get("default_member_permissions") or 0)
        if command.get("contexts") is not None and 0 not in command["contexts"]:
            return False
        return bool(has & Permission.USE_APPLICATION_COMMANDS) and has & needs == needs

    def _command(self, channel: Channel, name: str, kind: int) -> Json:
        offered = [c for c in self._commands(channel) if c["type"] == kind and self._offered(c, channel)]
        for command in offered:
            if command["name"] == name:
                return command
        known = ", ".join(sorted(command["name"] for command in offered))
        raise LookupError(f"{self.user.name} is not offered {name!r} in #{channel.name}; offered: {known or 'nothing'}")

    def _options(
        self, command: Json, path: list[str], given: Json, channel: Channel, *, partial: bool = False
    ) -> tuple[list[Json], Json]:
        """The options of an interaction for the (sub)command at `path`, and the resolved objects."""
        declared = command["options"]
        kinds: list[int] = []
        for name in path:
            step = next((o for o in declared if o["name"] == name and o["type"] in (SUBCOMMAND, GROUP)), None)
            if step is None:
                raise LookupError(f"/{command['name']} has {', '.join(paths(command))}, not {' '.join(path)}")
            declared = step.get("options") or []
            kinds.append(step["type"])
        if any(option["type"] in (SUBCOMMAND, GROUP) for option in declared):
            raise LookupError(f"/{command['name']} needs one of {', '.join(paths(command))}")
        known = {option["name"]: option for option in declared}
        if unknown := set(given) - set(known):
            raise LookupError(f"no option {sorted(unknown)}; there are {sorted(known)}")
        missing = [name for name, option in known.items() if option.get("required") and name not in given]
        if missing and not partial:
            raise ValueError(f"/{command['name']} needs {missing}")
        resolved: Json = {}
        options = [
            {"name": n, "type": known[n]["type"], "value": self._value(known[n], v, channel, resolved, partial=partial)}
            for n, v in given.items()
        ]
        for name, kind in zip(reversed(path), reversed(kinds), strict=True):
            options = [{"name": name, "type": kind, "options": options}]
        return options, resolved

    def _value(self, option: Json, value: Any, channel: Channel, resolved: Json, *, partial: bool) -> Any:
        kind = option["type"]
        if kind in (USER, CHANNEL, ROLE, MENTIONABLE):
            for name, objects in self._resolve([value], channel).items():
                resolved.setdefault(name, {}).update(objects)
            return str(value.id)
        if kind == ATTACHMENT:
            name, data = ("file", value) if isinstance(value, bytes) else value
            attachment = self.world.file(channel, name, data)
            resolved.setdefault("attachments", {})[str(attachment.id)] = attachment.wire()
            return str(attachment.id)
        if not partial:
            check(option, value)
        return value

    def _resolve(self, values: Sequence[Any], channel: Channel) -> Json:
        resolved: Json = {}
        for value in values:
            if isinstance(value, Person | User):
                found = self._resolve_user(value.user if isinstance(value, Person) else value, channel)
            elif isinstance(value, Channel):
                shown = value.wire() | {"permissions": str(value.permissions(self.user.id))}
                found = {"channels": {str(value.id): shown}}
            elif isinstance(value, Role):
                found = {"roles": {str(value.id): value.wire()}}
            else:
                raise TypeError(f"give a Person, Channel or Role, not {value!r}")
            for name, objects in found.items():
                resolved.setdefault(name, {}).update(objects)
        return resolved

    def _resolve_user(self, user: User, channel: Channel) -> Json:
        found: Json = {"users": {str(user.id): user.wire()}}
        if channel.guild is not None and user.id in channel.guild.members:
            member = channel.guild.members[user.id]
            found["members"] = {str(user.id): member.wire(user=False, permissions=channel.permissions(user.id))}
        return found
