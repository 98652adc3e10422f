"""Simulated people: what a person can do in Discord's own app, done to the local Discord.

What a person does takes effect at once; what the bot does in return is waited for with `Channel.until`,
`Interaction.until` and `Interaction.answered`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .permissions import Permission
from .state import posting, reacting
from .state.accounts import Json, Member, Role, User
from .state.asking import ask
from .state.interactions import Asked, Interaction
from .state.messages import Message, Type
from .state.places import Channel, Guild
from .state.threads import start_thread
from .state.world import World

BUTTON, STRING_SELECT, USER_SELECT, ROLE_SELECT, MENTIONABLE_SELECT, CHANNEL_SELECT, LINK_STYLE = 2, 3, 5, 6, 7, 8, 5
SUBCOMMAND, GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = range(1, 12)
TEXT_INPUT, LABEL = 4, 18


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

    def direct(self) -> Channel:
        """The direct messages between this person and the bot."""
        return self.world.direct(self.user)

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
        return [path for command in offered for path in _paths(command)]

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
        component = _find(message, button, (BUTTON,))
        if component.get("style") == LINK_STYLE:
            raise LookupError(f"{button!r} is a link to {component['url']}")
        data = {"custom_id": component["custom_id"], "component_type": BUTTON, "id": component.get("id", 0)}
        return ask(self.world, Asked.COMPONENT, data, self.user, message.channel, message=message)

    def select(self, message: Message, values: Sequence[Any], menu: str = "") -> Interaction:
        """Choose in a select menu.  values: labels or values of options, or Person, Channel, Role.

        menu: the custom id or the placeholder; may be left out when there is only one.
        """
        self._sees(message)
        component = _find(message, menu, (STRING_SELECT, USER_SELECT, ROLE_SELECT, MENTIONABLE_SELECT, CHANNEL_SELECT))
        least, most = component.get("min_values", 1), component.get("max_values", 1)
        if not least <= len(values) <= most:
            raise ValueError(f"the menu takes {least} to {most} values, not {len(values)}")
        data: Json = {
            "custom_id": component["custom_id"],
            "component_type": component["type"],
            "id": component.get("id", 0),
        }
        if component["type"] == STRING_SELECT:
            data["values"] = [_option(component, value) for value in values]
        else:
            data["values"] = [str(value.id) for value in values]
            data["resolved"] = self._resolve(values, message.channel)
        return ask(self.world, Asked.COMPONENT, data, self.user, message.channel, message=message)

    def submit(self, opened: Interaction, **values: str | Sequence[str]) -> Interaction:
        """Fill in the modal that an interaction opened, and submit it.  values: by custom id or label of the input."""
        if opened.modal is None:
            raise LookupError("the interaction opened no modal")
        left = dict(values)
        components = [_filled(component, left) for component in opened.modal["components"]]
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
                raise LookupError(f"/{command['name']} has {', '.join(_paths(command))}, not {' '.join(path)}")
            declared = step.get("options") or []
            kinds.append(step["type"])
        if any(option["type"] in (SUBCOMMAND, GROUP) for option in declared):
            raise LookupError(f"/{command['name']} needs one of {', '.join(_paths(command))}")
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
            _check(option, value)
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


def _paths(command: Json) -> list[str]:
    """The names that a person can type: the command's, or those of its subcommands."""
    if command["type"] != 1:
        return [command["name"]]
    paths = []
    for option in command["options"]:
        if option["type"] == SUBCOMMAND:
            paths.append(f"{command['name']} {option['name']}")
        elif option["type"] == GROUP:
            paths += [f"{command['name']} {option['name']} {inner['name']}" for inner in option.get("options") or []]
    return paths or [command["name"]]


def _check(option: Json, value: Any) -> None:
    """What the app checks of a value before it sends it ("Application Commands", Application Command Option)."""
    name, kind = option["name"], option["type"]
    types = {STRING: (str,), INTEGER: (int,), BOOLEAN: (bool,), NUMBER: (int, float)}[kind]
    if not isinstance(value, types) or (kind in (INTEGER, NUMBER) and isinstance(value, bool)):
        raise ValueError(f"{name} takes {types[0].__name__}, not {value!r}")
    choices = [choice["value"] for choice in option.get("choices") or []]
    if choices and value not in choices:
        raise ValueError(f"{name} is one of {choices}, not {value!r}")
    size = len(value) if isinstance(value, str) else value
    least = option.get("min_length" if kind == STRING else "min_value")
    most = option.get("max_length" if kind == STRING else "max_value")
    if (least is not None and size < least) or (most is not None and size > most):
        raise ValueError(f"{name} goes from {least} to {most}, not {size}")


def _walk(components: Sequence[Json]) -> Iterator[Json]:
    for component in components:
        yield component
        yield from _walk(component.get("components") or ())
        for name in ("accessory", "component"):
            if component.get(name):
                yield from _walk([component[name]])


def buttons(message: Message) -> list[str]:
    """Labels (or emoji) of the buttons of a message that can be clicked."""
    found = [c for c in _walk(message.components) if c["type"] == BUTTON and not c.get("disabled")]
    return [c.get("label") or (c.get("emoji") or {}).get("name", "") for c in found]


def _find(message: Message, name: str, kinds: tuple[int, ...]) -> Json:
    found = [component for component in _walk(message.components) if component.get("type") in kinds]
    for component in found:
        names = (
            component.get("custom_id"),
            component.get("label"),
            component.get("placeholder"),
            (component.get("emoji") or {}).get("name"),
        )
        if name in names or (name == "" and len(found) == 1):
            if component.get("disabled"):
                raise LookupError(f"{name!r} is disabled")
            return component
    there = [c.get("label") or c.get("placeholder") or (c.get("emoji") or {}).get("name") for c in found]
    raise LookupError(f"no {name!r} under the message; there is {there or 'nothing'}")


def _option(component: Json, value: str) -> str:
    for option in component["options"]:
        if value in (option["value"], option["label"]):
            return str(option["value"])
    raise LookupError(f"no option {value!r}; there are {[option['label'] for option in component['options']]}")


def _filled(component: Json, values: dict[str, Any]) -> Json:
    """A component of a modal as it is submitted; takes its value out of `values`."""
    if component["type"] == LABEL:
        inner = component["component"]
        filled = _input(inner, values, component.get("label", ""))
        return {"type": LABEL, "id": component.get("id", 0), "component": filled}
    if "components" in component:
        inner = [_input(one, values, one.get("label", "")) for one in component["components"]]
        return {"type": component["type"], "id": component.get("id", 0), "components": inner}
    return {"type": component["type"], "id": component.get("id", 0)}


def _input(component: Json, values: dict[str, Any], label: str) -> Json:
    name = next((name for name in (component["custom_id"], label) if name in values), None)
    value = values.pop(name) if name is not None else component.get("value", "")
    filled = {"type": component["type"], "id": component.get("id", 0), "custom_id": component["custom_id"]}
    if component["type"] != TEXT_INPUT:
        return filled | {
            "values": [_option(component, one) for one in value] if "options" in component else list(value)
        }
    if component.get("required", True) and not value:
        raise ValueError(f"{label or component['custom_id']} must be filled in")
    least, most = component.get("min_length") or 0, component.get("max_length") or 4000
    if value and not least <= len(value) <= most:
        raise ValueError(f"{label or component['custom_id']} takes {least} to {most} characters, not {len(value)}")
    return filled | {"value": value}
