"""Checks of single values, with the errors that the API gives (Discord docs, "API Reference": Error Messages)."""

from typing import Any

from ..errors import invalid


def text(value: Any, field: str, longest: int, shortest: int = 0) -> str:
    """`value` if it is a text of `shortest` to `longest` characters; 50035 for `field` otherwise."""
    if not isinstance(value, str):
        raise invalid(field, "STRING_TYPE_CONVERT", "Could not interpret as string.")
    if shortest and not shortest <= len(value) <= longest:
        raise invalid(field, "BASE_TYPE_BAD_LENGTH", f"Must be between {shortest} and {longest} in length.")
    if len(value) > longest:
        raise invalid(field, "BASE_TYPE_MAX_LENGTH", f"Must be {longest} or fewer in length.")
    return value


def many(values: Any, field: str, most: int, least: int = 1) -> list[Any]:
    """`values` if they are `least` to `most`; 50035 for `field` otherwise."""
    if not isinstance(values, list) or not least <= len(values) <= most:
        raise invalid(field, "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length.")
    return values
