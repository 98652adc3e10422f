"""Reads TOML values by the types of `schemas.domains`, and reports everything that does not fit instead of the first.

The types are the only list of keys, bounds and defaults: a field added there is read, checked and explained here.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, Final, TypeGuard

from msgspec import inspect

from schemas.domains import Identifier

from .lines import Path
from .problems import Problems, show, suggestion

#: What `read` gives for a value that was refused; the problem is already reported.
REFUSED: Final = object()

_PATTERNS: Final = {
    inspect.type_info(Identifier).pattern: "a name: 1 to 64 letters, digits or _ . : / @ + -, "  # type: ignore[attr-defined]
    "beginning with a letter or a digit",
}
_ARRAYS = (inspect.VarTupleType, inspect.ListType)


def read(kind: inspect.Type, value: object, path: Path, problems: Problems) -> Any:
    """The value as its type wants it, or REFUSED with every reason in `problems`."""
    if isinstance(kind, inspect.StructType):
        return _read_struct(kind, value, path, problems)
    if isinstance(kind, _ARRAYS):
        return _read_array(kind, value, path, problems)
    if isinstance(kind, inspect.DictType):
        return _read_dict(kind, value, path, problems)
    if isinstance(kind, inspect.UnionType):
        chosen = next((each for each in kind.types if _fits_roughly(each, value)), None)
        if chosen is not None:
            return read(chosen, value, path, problems)
    elif _fits(kind, value):
        return float(value) if isinstance(kind, inspect.FloatType) else value  # type: ignore[arg-type]
    hint = suggestion(value, map(str, kind.values)) if isinstance(kind, inspect.LiteralType) else ""
    problems.add(path, show(value), expected(kind), hint)
    return REFUSED


def read_fields(
    fields: Mapping[str, inspect.Field],
    table: dict[str, object],
    path: Path,
    problems: Problems,
    read_elsewhere: tuple[str, ...] = (),
) -> dict[str, Any] | None:
    """The values of a table's keys, without those left to their default; None when any was refused.

    fields: the known keys and what they hold.  Unknown and missing keys are reported.
    read_elsewhere: keys that are known, too, and left to the caller.
    """
    values: dict[str, Any] = {}
    known = (*read_elsewhere, *fields)
    unknown = [key for key in table if key not in known]
    for key in unknown:
        hint = suggestion(key, known) or f"Known are: {', '.join(known)}."
        problems.add((*path, key), f"an unknown key {show(key)}", "a key that is known here", hint)
    for key, field in fields.items():
        if key in table:
            values[key] = read(field.type, table[key], (*path, key), problems)
        elif field.required:
            missing(key, expected(field.type), path, problems)
            values[key] = REFUSED
    return None if unknown or any(value is REFUSED for value in values.values()) else values


def missing(key: str, expectation: str, path: Path, problems: Problems) -> None:
    """Report a key that has no default and is not there."""
    problems.add((*path, key), "nothing", f"{expectation} (the key {key} is missing here)")


def expected(kind: inspect.Type) -> str:
    """What a type accepts, in plain words."""
    if isinstance(kind, inspect.FloatType):
        return f"a number{_bounds(kind)}"
    if isinstance(kind, inspect.IntType):
        return f"a whole number{_bounds(kind)}"
    if isinstance(kind, inspect.StrType):
        return _PATTERNS.get(kind.pattern, f"text like {kind.pattern}") if kind.pattern else "text in quotes"
    if isinstance(kind, inspect.BoolType):
        return "true or false"
    if isinstance(kind, inspect.LiteralType):
        return f"one of {', '.join(show(value) for value in kind.values)}"
    if isinstance(kind, inspect.UnionType):
        return " or ".join(expected(each) for each in kind.types if not isinstance(each, inspect.NoneType))
    if isinstance(kind, _ARRAYS):
        return f"an array{_lengths(kind)}"
    return f"a table{_lengths(kind)}" if isinstance(kind, inspect.DictType) else "a table"


def _read_struct(kind: inspect.StructType, value: object, path: Path, problems: Problems) -> Any:
    if not isinstance(value, dict):
        problems.add(path, show(value), f"a table with {', '.join(field.name for field in kind.fields)}")
        return REFUSED
    values = read_fields({field.name: field for field in kind.fields}, value, path, problems)
    return REFUSED if values is None else kind.cls(**values)


def _read_array(kind: inspect.VarTupleType | inspect.ListType, value: object, path: Path, problems: Problems) -> Any:
    if not isinstance(value, list) or not _length_fits(kind, len(value)):
        problems.add(path, show(value), expected(kind))
        return REFUSED
    items = [read(kind.item_type, item, (*path, index), problems) for index, item in enumerate(value)]
    return REFUSED if any(item is REFUSED for item in items) else tuple(items)


def _read_dict(kind: inspect.DictType, value: object, path: Path, problems: Problems) -> Any:
    if not isinstance(value, dict) or not _length_fits(kind, len(value)):
        problems.add(path, f"a table of {len(value)}" if isinstance(value, dict) else show(value), expected(kind))
        return REFUSED
    items = {}
    for key, item in value.items():
        if not _fits(kind.key_type, key):
            problems.add((*path, key), f"the key {show(key)}", expected(kind.key_type))
            items[key] = REFUSED
            continue
        items[key] = read(kind.value_type, item, (*path, key), problems)
    return REFUSED if any(item is REFUSED for item in items.values()) else items


def _fits_roughly(kind: inspect.Type, value: object) -> bool:
    """Whether a value is of the sort that this member of a union is about; its bounds are checked when it is read."""
    if isinstance(kind, inspect.FloatType | inspect.IntType):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(kind, inspect.StructType | inspect.DictType):
        return True  # a table that may be left out: say what it needs
    return _fits(kind, value)


def _fits(kind: inspect.Type, value: object) -> bool:
    if isinstance(kind, inspect.FloatType):
        return is_number(value) and _in_bounds(kind, value)
    if isinstance(kind, inspect.IntType):
        return isinstance(value, int) and not isinstance(value, bool) and _in_bounds(kind, value)
    if isinstance(kind, inspect.StrType):
        return isinstance(value, str) and (kind.pattern is None or re.fullmatch(kind.pattern, value) is not None)
    if isinstance(kind, inspect.BoolType):
        return isinstance(value, bool)
    if isinstance(kind, inspect.LiteralType):
        return isinstance(value, str) and value in kind.values
    return False


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a TOML value is a number that a float64 holds: not nan, inf, true or a 400-digit integer."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def _in_bounds(kind: inspect.FloatType | inspect.IntType, value: Any) -> bool:
    return (
        (kind.ge is None or value >= kind.ge)
        and (kind.gt is None or value > kind.gt)
        and (kind.le is None or value <= kind.le)
        and (kind.lt is None or value < kind.lt)
    )


def _bounds(kind: inspect.FloatType | inspect.IntType) -> str:
    low = f"at least {kind.ge:g}" if kind.ge is not None else f"above {kind.gt:g}" if kind.gt is not None else ""
    high = f"at most {kind.le:g}" if kind.le is not None else f"below {kind.lt:g}" if kind.lt is not None else ""
    if kind.ge is not None and kind.le is not None:
        return f" from {kind.ge:g} to {kind.le:g}"
    limits = " and ".join(limit for limit in (low, high) if limit)
    return f" {limits}" if limits else ""


def _lengths(kind: inspect.VarTupleType | inspect.ListType | inspect.DictType) -> str:
    low, high = kind.min_length, kind.max_length
    if high is None:
        return f" of at least {low}" if low else ""
    return f" of {low} to {high}" if low else f" of at most {high}"


def _length_fits(kind: inspect.VarTupleType | inspect.ListType | inspect.DictType, length: int) -> bool:
    return (kind.min_length or 0) <= length and (kind.max_length is None or length <= kind.max_length)
