"""An export: the lines that `croupier tail outcomes --json` prints, one JSON object each, in log order.

Of a line only `type` and `event` are read, so that other programs can write exports, too (docs/evaluation.md).
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from schemas.events import Decision, Outcome, SpecChange

from .history import EvaluationError

_EVENTS: Final = {str(kind.__struct_config__.tag): kind for kind in (Outcome, SpecChange)}
_PACKED: Final = ("features", "propensities", "scores")


def read_export(path: Path) -> Iterator[SpecChange | Outcome]:
    """The events of an export.  EvaluationError says which line is wrong, and how."""
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    try:
                        yield _event(json.loads(line))
                    except (ValueError, KeyError, TypeError, AttributeError) as error:  # whatever somebody else wrote
                        raise EvaluationError(
                            f"{path}:{number}: no outcome and no change of a specification ({_said(error)}); expected "
                            "is a line as `croupier tail outcomes --json` or `croupier evaluate --export` write it"
                        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"the export {path} cannot be read: {error}") from None


def _event(line: Any) -> SpecChange | Outcome:
    if not isinstance(line, dict) or line.get("type") not in _EVENTS:
        raise ValueError(f'"type" must be one of {", ".join(_EVENTS)}')
    kind = _EVENTS[line["type"]]
    event = dict(line["event"])
    if kind is Outcome:
        decision = dict(event["decision"])
        for name in _PACKED:
            decision[name] = np.array(decision[name], "<f4").tobytes()
        event["decision"] = _fields(Decision, decision)
    found: Any = msgspec.convert(_fields(kind, event), kind, strict=False)
    return found  # type: ignore[no-any-return]


def _fields(kind: type[msgspec.Struct], event: dict[str, Any]) -> list[Any]:
    """As on the wire: tag, then the fields in order; those that an older writer did not know have their defaults."""
    values: list[Any] = [kind.__struct_config__.tag]
    for field in msgspec.structs.fields(kind):
        if field.name in event:
            values.append(event[field.name])
        elif field.required:
            raise KeyError(f"the event has no {field.name}")
        else:
            values.append(field.default if field.default is not msgspec.NODEFAULT else field.default_factory())
    return values


def _said(error: Exception) -> str:
    return " ".join(str(each) for each in error.args) or type(error).__name__
