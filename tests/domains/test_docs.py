"""docs/domains.md says what is so."""

import re
from pathlib import Path

import pytest

from infra.domains.file import KEYS, parse, read_domains
from schemas.domains import Arm, Budget, Component, DomainSpec, Input, LearnerSpec
from stream_workers.bandits.registry import KINDS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "domains.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| ")]


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_examples_are_right(text):
    """Every domain file shown is one that can be applied."""
    specs, problems = parse(text, "docs/domains.md")
    assert specs
    assert not problems, "\n".join(map(str, problems))


def test_the_full_example_uses_every_key():
    """What says it shows every key does."""
    full = max(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL), key=len)
    fields = {each for struct in (Arm, Component, LearnerSpec, Budget, Input) for each in struct.__struct_fields__}
    for key in fields | set(KEYS):
        assert re.search(rf"\b{key}\b", full), key


def test_every_key_has_a_row():
    """Every key of every table is explained, with its default where that is a number or a word."""
    rows = {row[0].strip("`"): row for row in ROWS if len(row) == 4}
    for key in KEYS:
        assert key in rows, key
    for struct in (Arm, Component, LearnerSpec, Budget, Input):
        for key in struct.__struct_fields__:
            assert key in rows, key
    for struct in (DomainSpec, Component):
        for key, default in zip(reversed(struct.__struct_fields__), reversed(struct.__struct_defaults__), strict=False):
            if isinstance(default, int | float) and key in rows:
                said = str(default).lower() if isinstance(default, bool) else f"{default:g}"
                assert rows[key][3].strip("`") == said, key


def test_every_parameter_has_its_row():
    """Kinds, their parameters, ranges and defaults are those of the registry."""
    kind = ""
    told = {}
    for row in ROWS:
        if len(row) == 5 and row[0] != "kind" and "---" not in row[0]:
            kind = row[0].strip("`") or kind
            told[kind, row[1].strip("`")] = row
    known = {(name, each.name): each for name, entry in KINDS.items() for each in entry.parameters}
    assert {key for key in told if key[1]} == known.keys()
    assert {key[0] for key in told} == KINDS.keys()
    for key, parameter in known.items():
        if parameter.type is not str:
            low, high = re.match(r"([\d.]+) to ([\d.]+)", told[key][3]).groups()
            assert (float(low), float(high)) == (parameter.low, parameter.high), key
            assert float(told[key][4]) == parameter.default, key


def test_the_bundled_examples_are_right():
    """examples/domains.toml, which the demo applies, has no problem."""
    assert len(read_domains(ROOT / "examples" / "domains.toml")) >= 3
