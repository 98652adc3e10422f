"""Reads a domain file: TOML in, checked specifications out, or every problem with its line.

A [[domain]] table has the fields of `schemas.domains.DomainSpec` as keys, with three differences for people's sake:
`name` is the domain's name, `tenant` may be a list `tenants`, and `horizon` is a duration such as "20s".
"""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any, Final

from msgspec import inspect

from schemas.domains import DomainSpec
from schemas.errors import SpecificationError

from .duration import EXPECTED as A_DURATION
from .duration import format_duration, parse_duration
from .inputs import check_inputs
from .lines import Path, key_lines
from .problems import Problem, Problems, show, suggestion
from .rules import check_rules
from .structure import REFUSED, expected, missing, read, read_fields

_SPEC: Final = {field.name: field for field in inspect.type_info(DomainSpec).fields}  # type: ignore[attr-defined]
_HORIZON: Final = _SPEC["horizon_ms"]
#: The keys of a [[domain]] table, as people write them, whose values are read by their type.
_TYPED: Final = {key: field for key, field in _SPEC.items() if key not in {"tenant", "domain", "horizon_ms"}}
_OWN: Final = ("tenant", "tenants", "name", "horizon")
KEYS: Final = (*_OWN, *_TYPED)

#: Changes a document in place.
Complete = Callable[[dict[str, Any]], None]

_SYNTAX_PLACE = re.compile(r"^(.*) \(at (?:line (\d+), column (\d+)|end of document)\)$", re.DOTALL)


def read_domains(path: FilePath) -> list[DomainSpec]:
    """The specifications a file declares, in its order; SpecificationError lists everything wrong with it."""
    specs, problems = check_file(path)
    if problems:
        raise SpecificationError("\n".join(map(str, problems)))
    return specs


def check_file(path: FilePath, complete: Complete | None = None) -> tuple[list[DomainSpec], tuple[Problem, ...]]:
    """As `parse`, from a file; a file that cannot be read is a problem, too."""
    try:
        data = path.read_bytes()
    except OSError as error:
        found = f"nothing that can be read ({error.strerror or error})"
        return [], (Problem(str(path), 1, "", "", found, "a domain file, e.g. examples/domains.toml"),)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"the byte 0x{data[error.start]:02x}"
        return [], (Problem(str(path), line, "", "", found, "text in UTF-8, as TOML asks for"),)
    return parse(text, str(path), complete)


def parse(text: str, file: str, complete: Complete | None = None) -> tuple[list[DomainSpec], tuple[Problem, ...]]:
    """The specifications in `text`, or none and every problem in the order of the lines.

    file: its name, to cite.  complete: adds to the document what is known elsewhere, before it is checked.
    """
    try:
        document = tomllib.loads(text)
        if complete is not None:
            complete(document)
        problems = Problems(file, key_lines(text), document)
    except tomllib.TOMLDecodeError as error:
        return [], (_syntax_problem(error, text, file),)
    except (RecursionError, ValueError) as error:  # e.g. a thousand nested arrays; a number of 5,000 digits
        return [], (Problem(file, 1, "", "", f"TOML that cannot be read ({error})", "tables, arrays and plain values"),)
    specs = _read_document(document, problems)
    return ([] if problems.found else specs), problems.ordered()


def _syntax_problem(error: tomllib.TOMLDecodeError, text: str, file: str) -> Problem:
    match = _SYNTAX_PLACE.match(str(error))
    what, line, column = match.groups() if match else (str(error), None, None)
    place = f" in column {column}" if column else " at the end of the file" if match else ""
    number = int(line) if line else max(1, len(text.splitlines()))
    lines = text.splitlines()
    written = f" {show(lines[number - 1].strip())}" if line and number <= len(lines) and lines[number - 1] else ""
    return Problem(file, number, "", "", f"text{written} that is not TOML{place}", f"valid TOML. {what}")


def _read_document(document: dict[str, Any], problems: Problems) -> list[DomainSpec]:
    for key in document:
        if key != "domain":
            hint = suggestion(key, ["domain", *KEYS])
            problems.add((key,), f'"{key[:64]}" outside any domain', "only [[domain]] tables at the top", hint)
    tables = document.get("domain", [])
    if isinstance(tables, dict):
        problems.add(("domain",), "[domain], a single table", "[[domain]], with two brackets, for each domain")
        return []
    if not isinstance(tables, list) or not tables:
        problems.add((), "no domain", "at least one [[domain]] table")
        return []
    specs: list[DomainSpec] = []
    declared: dict[tuple[str, str], int] = {}
    for index, table in enumerate(tables):
        path: Path = ("domain", index)
        if not isinstance(table, dict):
            problems.add(path, show(table), "a [[domain]] table")
            continue
        specs += _read_domain(table, path, problems)
        _check_unique(table, path, declared, problems)
    check_inputs([(each, ("domain", index)) for index, each in enumerate(tables) if isinstance(each, dict)], problems)
    return specs


def _read_domain(table: dict[str, Any], path: Path, problems: Problems) -> list[DomainSpec]:
    """One specification for each tenant; none when the table has a problem."""
    before = len(problems.found)
    tenants = _read_tenants(table, path, problems)
    name = _read_name(table, path, problems)
    horizon_ms = _read_horizon(table, path, problems)
    values = read_fields(_TYPED, table, path, problems, read_elsewhere=_OWN)
    check_rules(table, path, problems)
    if len(problems.found) > before or values is None:
        return []
    return [DomainSpec(tenant=tenant, domain=name, horizon_ms=horizon_ms, **values) for tenant in tenants]


def _read_tenants(table: dict[str, Any], path: Path, problems: Problems) -> list[str]:
    kind = _SPEC["tenant"].type
    if "tenant" in table and "tenants" in table:
        problems.add((*path, "tenants"), "both tenant and tenants", "one of the two")
        return []
    if "tenant" in table:
        tenant = read(kind, table["tenant"], (*path, "tenant"), problems)
        return [] if tenant is REFUSED else [tenant]
    if "tenants" not in table:
        missing("tenant", expected(kind), path, problems)
        return []
    tenants = table["tenants"]
    if not isinstance(tenants, list) or not tenants:
        problems.add((*path, "tenants"), show(tenants), 'an array of one or more tenants, e.g. ["acme", "globex"]')
        return []
    return [read(kind, tenant, (*path, "tenants", index), problems) for index, tenant in enumerate(tenants)]


def _read_name(table: dict[str, Any], path: Path, problems: Problems) -> Any:
    kind = _SPEC["domain"].type
    if "name" in table:
        return read(kind, table["name"], (*path, "name"), problems)
    missing("name", expected(kind), path, problems)
    return REFUSED


def _read_horizon(table: dict[str, Any], path: Path, problems: Problems) -> int:
    default: int = _HORIZON.default
    if "horizon" not in table:
        return default
    value = table["horizon"]
    horizon_ms = parse_duration(value) if isinstance(value, str) else None
    if horizon_ms is None:
        problems.add((*path, "horizon"), show(value), A_DURATION)
        return default
    kind: Any = _HORIZON.type
    if not kind.ge <= horizon_ms <= kind.le:
        limits = f"a duration from {format_duration(kind.ge)} to {format_duration(kind.le)}"
        problems.add((*path, "horizon"), show(value), limits)
    return horizon_ms


def _check_unique(table: dict[str, Any], path: Path, declared: dict[tuple[str, str], int], problems: Problems) -> None:
    """A (tenant, domain) is declared once: two declarations would take turns on every apply."""
    tenants = table.get("tenants", [table.get("tenant")])
    name = table.get("name")
    for index, tenant in enumerate(tenants if isinstance(tenants, list) else []):
        if not isinstance(tenant, str) or not isinstance(name, str):
            continue
        where = (*path, "tenants", index) if "tenants" in table else (*path, "name")
        line = problems.line(where)
        if (tenant, name) in declared:
            first = f"the first is on line {declared[tenant, name]}"
            problems.add(where, f"a second domain {name} of tenant {tenant}", f"each domain once: {first}")
        declared.setdefault((tenant, name), line)
