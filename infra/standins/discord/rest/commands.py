"""Application commands, global and of a guild (Discord docs, "Application Commands")."""

import re

from ..errors import ApiError, invalid
from ..state.accounts import Json
from .call import NOTHING, Answer, Call, Route, answer
from .checks import many, text

CHAT_INPUT = 1
NAME = re.compile(r"^[-_'\w]{1,32}$")
SIZE = 8000
MOST = {1: 100, 2: 15, 3: 15}
"""Global commands an application may have, by type ("Registering a Command")."""


def _scope(call: Call) -> dict[int, Json]:
    if call.number("application") != call.world.bot.id:
        raise ApiError(50001)
    guild = call.world.find_guild(call.number("guild")).id if "guild" in call.path else None
    return call.world.commands.setdefault(guild, {})


def _command(call: Call, given: Json, number: int | None = None) -> Json:
    kind = given.get("type") or CHAT_INPUT
    name = given.get("name") or ""
    if kind == CHAT_INPUT:
        if not NAME.match(name) or name != name.lower():
            raise invalid("name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
        text(given.get("description"), "description", 100, 1)
    else:
        text(name, "name", 32, 1)
    options = given.get("options") or []
    _check_options(options, "options")
    if _size(given) > SIZE:
        raise invalid("", "APPLICATION_COMMAND_TOO_LARGE", f"Command exceeds maximum size ({SIZE})")
    content: Json = {
        "id": str(number or call.world.ids.next()),
        "application_id": str(call.world.bot.id),
        "version": str(call.world.ids.next()),
        "type": kind,
        "name": name,
        "name_localizations": given.get("name_localizations"),
        "description": given.get("description") or "",
        "description_localizations": given.get("description_localizations"),
        "options": options,
        "default_member_permissions": given.get("default_member_permissions"),
        "dm_permission": given.get("dm_permission", True),
        "contexts": given.get("contexts"),
        "integration_types": given.get("integration_types") or [0],
        "nsfw": bool(given.get("nsfw")),
    }
    if "guild" in call.path:
        content["guild_id"] = call.path["guild"]
    return content


def _check_options(options: list[Json], where: str) -> None:
    """Names, descriptions, choices, required ones first ("Application Commands": Option Structure)."""
    many(options, where, 25, 0)
    required = [bool(option.get("required")) for option in options]
    if required != sorted(required, reverse=True):
        code = "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID"
        raise invalid(where, code, "Required options must be placed before non-required options")
    for i, option in enumerate(options):
        if not NAME.match(option.get("name") or ""):
            raise invalid(f"{where}.{i}.name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
        text(option.get("description"), f"{where}.{i}.description", 100, 1)
        for k, choice in enumerate(many(option.get("choices") or [], f"{where}.{i}.choices", 25, 0)):
            text(choice.get("name"), f"{where}.{i}.choices.{k}.name", 100, 1)
        _check_options(option.get("options") or [], f"{where}.{i}.options")


def _size(given: Json) -> int:
    """Characters of a command's names, descriptions and values, of options and choices too."""
    own = sum(len(given.get(name) or "") for name in ("name", "description"))
    if isinstance(given.get("value"), str):
        own += len(given["value"])
    return own + sum(_size(part) for name in ("options", "choices") for part in given.get(name) or ())


def every(call: Call) -> Answer:
    """Get Global (Guild) Application Commands."""
    return answer(list(_scope(call).values()))


def overwrite(call: Call) -> Answer:
    """Bulk Overwrite: the commands given are those there are; one of the same name and type keeps its id."""
    scope = _scope(call)
    ids = {(old["type"], old["name"]): int(old["id"]) for old in scope.values()}
    made: dict[int, Json] = {}
    for given in call.items:
        command = _command(call, given, ids.get((given.get("type") or CHAT_INPUT, given.get("name"))))
        made[int(command["id"])] = command
    names = [(command["type"], command["name"]) for command in made.values()]
    if len(set(names)) < len(names):
        raise invalid("0", "APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique")
    for kind, most in MOST.items():
        if sum(command["type"] == kind for command in made.values()) > most:
            raise ApiError(50035, message=f"Maximum number of application commands reached ({most}).")
    scope.clear()
    scope.update(made)
    return answer(list(scope.values()))


def create(call: Call) -> Answer:
    """Create Application Command; one of the same name is replaced."""
    scope = _scope(call)
    kind, name = call.body.get("type") or CHAT_INPUT, call.body.get("name")
    old = next((n for n, command in scope.items() if (command["type"], command["name"]) == (kind, name)), None)
    command = _command(call, call.body, old)
    scope[int(command["id"])] = command
    return answer(command, 201 if old is None else 200)


def get(call: Call) -> Answer:
    """Get Application Command."""
    command = _scope(call).get(call.number("command"))
    if command is None:
        raise ApiError(10063)
    return answer(command)


def delete(call: Call) -> Answer:
    """Delete Application Command."""
    if _scope(call).pop(call.number("command"), None) is None:
        raise ApiError(10063)
    return NOTHING


def _routes(path: str, major: str | None = None) -> list[Route]:
    return [
        Route("GET", path, every, "commands", major),
        Route("PUT", path, overwrite, "commands", major),
        Route("POST", path, create, "commands", major),
        Route("GET", path + "/{command}", get, "commands", major),
        Route("DELETE", path + "/{command}", delete, "commands", major),
    ]


ROUTES = [
    *_routes("/applications/{application}/commands"),
    *_routes("/applications/{application}/guilds/{guild}/commands", "guild"),
]
