"""Data out of what a model wrote, and text of it that is safe to show.

Models are asked for JSON and mostly give it: alone, in a fence, with a sentence before it, or cut off where their
tokens ended.  What cannot be read as data is text.
"""

import json
import re
from itertools import islice
from typing import Any, Final

_FENCE: Final = re.compile(r"```(?:json|JSON)?\s*\n?(.*?)(?:```|\Z)", re.DOTALL)
_MASKED_LINK: Final = re.compile(r"\[([^\]\n]{1,300})\]\(<?([^)\s>]{1,2048})>?[^)\n]*\)")
_OPENING: Final = re.compile(r"\{\s*[\"}]|\[\s*[\"{]")
_TRIES: Final = 4
_BULLET: Final = re.compile(r"^\s*(?:[-*\u2022\u2013]|\d{1,2}[.)])\s+")
_decoder: Final = json.JSONDecoder(strict=False)


def data_of(text: str) -> Any:
    """The first JSON object, or array of texts or objects, in a text; what was cut off is closed.  None: none."""
    for candidate in (text, *_FENCE.findall(text)):
        for opening in islice(_OPENING.finditer(candidate), _TRIES):
            try:
                return _decoder.raw_decode(candidate, opening.start())[0]
            except (ValueError, RecursionError):
                if (closed := _closed(candidate[opening.start() :])) is not None:
                    return closed
    return None


def lines_of(text: str) -> list[str]:
    """The items of a list in plain text; without bullets, its lines."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    items = [_BULLET.sub("", line) for line in lines if _BULLET.match(line)]
    return items or lines


def shown(text: Any, longest: int) -> str:
    """One line that can be shown: links say where they lead, and nothing is longer than `longest` characters."""
    if not isinstance(text, str):
        return ""
    one = " ".join(_MASKED_LINK.sub(r"\1 (\2)", text).split())
    return one if len(one) <= longest else one[: longest - 1].rstrip() + "\u2026"


def texts(value: Any, longest: int, most: int) -> tuple[str, ...]:
    """The texts of a list that a model gave, as they can be shown; of objects in it, their first text."""
    if isinstance(value, str):
        value = lines_of(value)
    if not isinstance(value, list):
        return ()
    flat = [next(iter(each.values()), "") if isinstance(each, dict) else each for each in value]
    found = [_BULLET.sub("", shown(each, longest)) for each in flat]
    return tuple(dict.fromkeys(each for each in found if each))[:most]


def _closed(text: str) -> Any:
    """What was cut off, up to its last whole part."""
    stack: list[str] = []  # closing brackets that are due
    ends: list[tuple[int, str]] = []  # ends of whole parts, and what closes the text there
    inside = escaped = False
    for place, each in enumerate(text):
        if inside:
            if escaped:
                escaped = False
            elif each == "\\":
                escaped = True
            elif each == '"':
                inside = False
                ends.append((place + 1, "".join(reversed(stack))))
        elif each == '"':
            inside = True
        elif each in "{[":
            stack.append("}" if each == "{" else "]")
        elif each in "}]":
            if not stack or stack.pop() != each:
                return None
            ends.append((place + 1, "".join(reversed(stack))))
    if not stack:
        return None
    if inside and not escaped:
        ends.append((len(text), '"' + "".join(reversed(stack))))
    for end, closing in reversed(ends[-4:]):
        try:
            return json.loads(text[:end] + closing, strict=False)
        except (ValueError, RecursionError):
            continue
    return None
