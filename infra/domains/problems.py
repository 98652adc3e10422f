"""What is wrong with a domain file: every problem with its place, what was found, and what was expected."""

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .lines import Path

_FOUND_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend in a domain file."""

    file: str
    line: int
    domain: str  # "" outside any domain
    key: str  # within the domain; "" for the file or the domain as a whole
    found: str
    expected: str
    hint: str = ""

    def __str__(self) -> str:
        place = [f"{self.file}:{self.line}", self.domain and f"domain {self.domain}", self.key]
        text = f"{': '.join(part for part in place if part)}: found {self.found}; expected {self.expected}"
        return f"{text.rstrip('.')}. {self.hint}" if self.hint else text


@dataclass(slots=True)
class Problems:
    """Collects the problems of one file; knows where each key stands and what each domain is called."""

    file: str
    lines: Mapping[Path, int] = field(default_factory=dict)
    document: Mapping[str, object] = field(default_factory=dict)
    found: list[Problem] = field(default_factory=list)

    def add(self, path: Path, found: str, expected: str, hint: str = "") -> None:
        """Report what stands at `path`, which may be a key that is missing."""
        self.found.append(Problem(self.file, self._line(path), *self._place(path), found, expected, hint))

    def ordered(self) -> tuple[Problem, ...]:
        """Every problem, from the top of the file to its end."""
        return tuple(sorted(self.found, key=lambda problem: problem.line))

    def line(self, path: Path) -> int:
        """The line of `path`, or of the nearest table around it that is written."""
        return self._line(path)

    def _line(self, path: Path) -> int:
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def _place(self, path: Path) -> tuple[str, str]:
        """The domain and the key within it; elements of arrays go by their name when they have one."""
        node: object = self.document
        names: list[str] = []
        domain = ""
        for depth, part in enumerate(path):
            node = _child(node, part)
            if depth == 1 and path[0] == "domain" and isinstance(part, int):
                domain, names = domain_label(node, part), []
            elif isinstance(part, int):
                name = node.get("name") if isinstance(node, dict) else None
                names[-1] += f"[{name}]" if isinstance(name, str) else f"[{part}]"
            else:
                names.append(part if part.isidentifier() else json.dumps(part, ensure_ascii=False))
        return domain, ".".join(names)


def domain_label(table: object, index: int) -> str:
    """What people call a [[domain]] table: tenant/name, as far as it says."""
    values = table if isinstance(table, dict) else {}
    tenant, name = values.get("tenant"), values.get("name")
    tenants = values.get("tenants")
    if not isinstance(tenant, str) and isinstance(tenants, list) and tenants:
        tenant = ",".join(str(each) for each in tenants)
    if isinstance(name, str):
        return f"{tenant}/{name}" if isinstance(tenant, str) else name
    return f"number {index + 1}"


def show(value: object) -> str:
    """A value as the file's author would recognise it, cut when long."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
    elif isinstance(value, dict):
        return "a table"
    elif isinstance(value, list):
        return f"an array of {len(value)}" if value else "an empty array"
    else:
        text = str(value)
    return text if len(text) <= _FOUND_CHARACTERS else f"{text[:_FOUND_CHARACTERS]}..."


def suggestion(found: object, known: Iterable[str]) -> str:
    """'Did you mean ...?' when something known is spelled nearly like it, else nothing."""
    near = difflib.get_close_matches(str(found), list(known), n=1, cutoff=0.6)
    return f'Did you mean "{near[0]}"?' if near else ""


def _child(node: object, part: str | int) -> object:
    if isinstance(node, dict):
        return node.get(part)
    if isinstance(node, list) and isinstance(part, int) and part < len(node):
        return node[part]
    return None
