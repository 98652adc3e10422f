"""Durations as people write them in a domain file: one number and one unit, e.g. `"20s"`."""

import re
from typing import Final

UNITS_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

EXPECTED: Final = 'a duration in quotes: one number and one unit of ms, s, m, h, d, e.g. "20s"'

_DURATION = re.compile(r"\s*(\d{1,15}(?:\.\d{1,15})?)\s*(ms|s|m|h|d)\s*", re.ASCII)


def parse_duration(text: str) -> int | None:
    """Milliseconds, rounded to whole ones; None when `text` is not one number and one unit."""
    match = _DURATION.fullmatch(text)
    return round(float(match.group(1)) * UNITS_MS[match.group(2)]) if match else None


def format_duration(milliseconds: int) -> str:
    """The shortest exact form: the largest unit that gives a whole number."""
    for unit, size in sorted(UNITS_MS.items(), key=lambda item: -item[1]):
        if milliseconds % size == 0 and milliseconds:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"
