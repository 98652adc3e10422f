"""What can go wrong and which alert says so: `failure_modes.toml`, read."""

import tomllib
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

_FILE: Final = Path(__file__).with_suffix(".toml")


class FailureMode(Struct, frozen=True, forbid_unknown_fields=True):
    """alerts: any of these tells; injected or why_not: how the coverage run makes it happen, or why it does not."""

    part: str
    what: str
    alerts: Annotated[tuple[str, ...], Meta(min_length=1)]
    injected: str | None = None
    why_not: str | None = None


class _Modes(Struct, frozen=True, forbid_unknown_fields=True):
    mode: tuple[FailureMode, ...]


def failure_modes() -> tuple[FailureMode, ...]:
    """All, in the order of the file."""
    return msgspec.convert(tomllib.loads(_FILE.read_text(encoding="utf-8")), _Modes).mode


def table() -> str:
    """As docs/monitoring.md shows it."""
    lines = ["| part | what goes wrong | alert | injected by |", "| --- | --- | --- | --- |"]
    for mode in failure_modes():
        names = ", ".join(f"`{name}`" for name in mode.alerts)
        lines.append(f"| {mode.part} | {mode.what} | {names} | {mode.injected or f'not injected: {mode.why_not}'} |")
    return "\n".join(lines)
