"""Components under messages and in modals, as a person handles them (Discord docs, "Component Reference")."""

from collections.abc import Iterator, Sequence
from typing import Any

from ..state.accounts import Json
from ..state.messages import Message

BUTTON, STRING_SELECT, USER_SELECT, ROLE_SELECT, MENTIONABLE_SELECT, CHANNEL_SELECT, LINK_STYLE = 2, 3, 5, 6, 7, 8, 5
SELECTS = (STRING_SELECT, USER_SELECT, ROLE_SELECT, MENTIONABLE_SELECT, CHANNEL_SELECT)
TEXT_INPUT, LABEL = 4, 18


def walk(components: Sequence[Json]) -> Iterator[Json]:
    """Every component, at any depth."""
    for component in components:
        yield component
        yield from walk(component.get("components") or ())
        for name in ("accessory", "component"):
            if component.get(name):
                yield from walk([component[name]])


def buttons(message: Message) -> list[str]:
    """Labels (or emoji) of the buttons of a message that can be clicked."""
    found = [c for c in walk(message.components) if c["type"] == BUTTON and not c.get("disabled")]
    return [c.get("label") or (c.get("emoji") or {}).get("name", "") for c in found]


def find(message: Message, name: str, kinds: tuple[int, ...]) -> Json:
    """The component of one of `kinds` by label, emoji, placeholder or custom id; "" for the only one there is."""
    found = [component for component in walk(message.components) if component.get("type") in kinds]
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


def choose(component: Json, value: str) -> str:
    """The value of a select menu's option, by its value or label."""
    for option in component["options"]:
        if value in (option["value"], option["label"]):
            return str(option["value"])
    raise LookupError(f"no option {value!r}; there are {[option['label'] for option in component['options']]}")


def filled(component: Json, values: dict[str, Any]) -> Json:
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
        return filled | {"values": [choose(component, one) for one in value] if "options" in component else list(value)}
    if component.get("required", True) and not value:
        raise ValueError(f"{label or component['custom_id']} must be filled in")
    least, most = component.get("min_length") or 0, component.get("max_length") or 4000
    if value and not least <= len(value) <= most:
        raise ValueError(f"{label or component['custom_id']} takes {least} to {most} characters, not {len(value)}")
    return filled | {"value": value}
