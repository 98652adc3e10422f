"""docs/standins.md against the local Discord that it is about."""

import re
from pathlib import Path

from infra.standins.discord.control import FAULTS, Control
from infra.standins.discord.errors import JSON_ERRORS
from infra.standins.discord.intents import NEEDED
from infra.standins.discord.people.person import Person
from infra.standins.discord.rest import commands, interactions, messages, places
from infra.standins.discord.server import Discord

PAGE = Path("docs/standins.md").read_text(encoding="utf-8")
COVERED, MISSING = PAGE.split("## What is not")


def test_every_route_is_listed() -> None:
    """The page lists the routes that there are, and no others."""
    tables = (messages.ROUTES, places.ROUTES, commands.ROUTES, interactions.ROUTES)
    served = {f"{route.method} {route.path}" for table in tables for route in table}
    listed = re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`]*)`", COVERED)
    assert sorted(listed) == sorted(served | {"GET /gateway", "GET /gateway/bot"})


def test_every_event_and_error_is_listed() -> None:
    """The events that the code emits and the error codes that it knows are those on the page."""
    code = "".join(path.read_text(encoding="utf-8") for path in Path("infra/standins/discord").rglob("*.py"))
    emitted = set(re.findall(r"\"([A-Z]+(?:_[A-Z]+)+|READY|RESUMED)\"", code)) & _events(COVERED)
    assert emitted == _events(COVERED)
    assert set(NEEDED) <= _events(COVERED)
    listed = COVERED.split("JSON error codes:")[1]
    assert {int(number) for number in re.findall(r"\b(\d{5,6}|0)\b", listed)} == set(JSON_ERRORS)


def _events(text: str) -> set[str]:
    return set(re.findall(r"`([A-Z_]+)`", text.split("Events:")[1].split("JSON error codes:", maxsplit=1)[0]))


def test_faults_and_people() -> None:
    """Every fault, every thing a person can do and every question of the control endpoint is on the page."""
    for names in FAULTS.values():
        assert all(f"`{name}(" in COVERED for name in names)
    acts = [name for name in vars(Person) if not name.startswith("_") and name not in ("id", "mention")]
    assert all(re.search(rf"\b{name}\b", COVERED) for name in acts)
    assert all(f"`{name}`" in COVERED for name in Control(Discord()).asked)
