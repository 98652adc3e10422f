"""Components of messages and modals, checked (Discord docs, "Component Reference")."""

from dataclasses import dataclass, field

from ..errors import invalid
from ..state.accounts import Json
from ..state.messages import Flag
from .checks import many, text

ACTION_ROW, BUTTON, STRING_SELECT, TEXT_INPUT, LABEL = 1, 2, 3, 4, 18
SELECTS = (3, 5, 6, 7, 8)
LINK_STYLE, PREMIUM_STYLE = 5, 6
ROWS, BUTTONS, OPTIONS, IN_ALL = 5, 5, 25, 40
LENGTHS = {"custom_id": 100, "label": 80, "placeholder": 150, "url": 512}
OPTION_LENGTHS = {"label": 100, "value": 100, "description": 100}
TITLE, MODAL_LABEL = 45, 45


@dataclass(slots=True)
class _Seen:
    """What a message's components have in common: custom ids that are taken, and how many there are."""

    ids: set[str] = field(default_factory=set)
    count: int = 0


def components(found: list[Json], flags: int) -> list[Json]:
    """A message's components, checked, with the ids that the API gives those without one."""
    if not flags & Flag.COMPONENTS_V2:
        many(found, "components", ROWS, 0)
        for i, row in enumerate(found):
            if row.get("type") != ACTION_ROW:
                raise invalid(f"components.{i}.type", "BASE_TYPE_CHOICES", "Value of field 'type' must be one of (1,).")
    seen = _Seen()
    checked = [_checked(component, f"components.{i}", seen) for i, component in enumerate(found)]
    if seen.count > IN_ALL:
        raise invalid("components", "BASE_TYPE_MAX_LENGTH", f"Must be {IN_ALL} or fewer in length.")
    return checked


def modal(data: Json) -> Json:
    """A modal, checked: custom id, title, one to five rows or labels of inputs."""
    text(data.get("custom_id"), "data.custom_id", 100, 1)
    text(data.get("title"), "data.title", TITLE, 1)
    seen = _Seen()
    rows = [
        _checked(component, f"data.components.{i}", seen)
        for i, component in enumerate(many(data.get("components"), "data.components", ROWS))
    ]
    for i, row in enumerate(rows):
        inner = row.get("components") or [row.get("component") or {}]
        for part in (row, *inner):
            if part.get("type") in (TEXT_INPUT, LABEL) and part.get("label") is not None:
                text(part["label"], f"data.components.{i}.label", MODAL_LABEL, 1)
    return data | {"components": rows}


def _checked(component: Json, where: str, seen: _Seen) -> Json:
    seen.count += 1
    kind = component.get("type")
    component = component | {"id": component.get("id") or seen.count}
    for name, longest in LENGTHS.items():
        if component.get(name):
            text(component[name], f"{where}.{name}", longest)
    _named(component, where, seen)
    if kind == STRING_SELECT:
        for k, option in enumerate(many(component.get("options"), f"{where}.options", OPTIONS)):
            for name, longest in OPTION_LENGTHS.items():
                if name != "description" or option.get(name):
                    text(option.get(name), f"{where}.options.{k}.{name}", longest, 1)
    inner = component.get("components")
    if inner is not None:
        if kind == ACTION_ROW:
            alone = any(part.get("type") in SELECTS for part in inner)
            many(inner, f"{where}.components", 1 if alone else BUTTONS)
        checked = [_checked(part, f"{where}.components.{k}", seen) for k, part in enumerate(inner)]
        component["components"] = checked
    for name in ("accessory", "component"):
        if component.get(name):
            component[name] = _checked(component[name], f"{where}.{name}", seen)
    return component


def _named(component: Json, where: str, seen: _Seen) -> None:
    """Interactive components need a custom id of their own, links an address."""
    kind, style, custom_id = component.get("type"), component.get("style"), component.get("custom_id")
    needed = kind in (*SELECTS, TEXT_INPUT) or (kind == BUTTON and style not in (LINK_STYLE, PREMIUM_STYLE))
    if needed and not custom_id:
        raise invalid(f"{where}.custom_id", "BASE_TYPE_REQUIRED", "This field is required")
    if kind == BUTTON and style == LINK_STYLE and not component.get("url"):
        raise invalid(f"{where}.url", "BASE_TYPE_REQUIRED", "This field is required")
    if custom_id is not None:
        if custom_id in seen.ids:
            code = "COMPONENT_CUSTOM_ID_DUPLICATED"
            raise invalid(f"{where}.custom_id", code, "Component custom id cannot be duplicated")
        seen.ids.add(custom_id)
