"""Options of commands, as a person fills them in (Discord docs, "Application Commands")."""

from typing import Any

from ..state.accounts import Json

SUBCOMMAND, GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = range(1, 12)


def paths(command: Json) -> list[str]:
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


def check(option: Json, value: Any) -> None:
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
