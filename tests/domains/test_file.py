"""Reading domain files: what is right comes back whole, what is wrong is named with its line."""

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.domains.duration import UNITS_MS, format_duration, parse_duration
from infra.domains.file import check_file, parse, read_domains
from schemas.domains import DomainSpec
from schemas.errors import SpecificationError

from .broken import BROKEN, GOOD, broken_line, broken_text
from .written import specs, to_toml


@given(st.lists(specs(), min_size=1, max_size=3, unique_by=lambda spec: (spec.tenant, spec.domain)))
def test_written_specifications_are_read_back(written):
    """Any valid specification, written as TOML, is read back equal."""
    assert parse(to_toml(written), "x.toml") == (written, ())


@given(spec=specs(), tenants=st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, unique=True))
def test_tenants_get_a_domain_each(spec, tenants):
    """`tenants` declares the same domain once for each of them."""
    text = re.sub(r"^tenant = .*$", f"tenants = {tenants}", to_toml([spec]), flags=re.MULTILINE)
    read, problems = parse(text, "x.toml")
    assert not problems
    assert [each.tenant for each in read] == tenants
    assert all(msgspec.structs.replace(each, tenant=spec.tenant) == spec for each in read)


def test_defaults_are_those_of_the_schema():
    """Keys left out take the defaults of schemas.domains."""
    text = """
    domain = [{ tenant = "t", name = "d", features = 0, arms = [{ name = "a" }], reward.success = {},
                champion = { name = "c", kind = "uniform" } }]
    """.replace("\n                ", " ")
    (spec,), problems = parse(text, "x.toml")
    assert not problems
    fields = {each: getattr(spec, each) for each in ("tenant", "domain", "features", "arms", "reward", "champion")}
    assert spec == DomainSpec(**fields)


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case.name)
def test_a_broken_file_names_the_place_and_what_is_expected(case, tmp_path):
    """Each mistake gives exactly one problem, on its line, with what was found, what is expected and what to do."""
    path = tmp_path / "domains.toml"
    path.write_text(broken_text(case))
    read, problems = check_file(path)
    assert read == []
    assert len(problems) == 1, "\n".join(map(str, problems))
    message = str(problems[0])
    assert message.startswith(f"{path}:{broken_line(case)}: ")
    for part in case.says:
        assert part in message
    with pytest.raises(SpecificationError, match=re.escape(message)):
        read_domains(path)


def test_the_good_file_is_good():
    """The file the broken ones are made from has no problem: what is reported there is due to the one change."""
    assert parse(GOOD, "x.toml")[1] == ()


def test_all_problems_are_reported_at_once():
    """Mistakes in several lines of several domains are reported together, in the order of the lines."""
    cases = [case for case in BROKEN if case.together]
    text = GOOD
    for case in cases:
        assert case.old in text, case.name
        text = text.replace(case.old, case.new, 1)
    problems = parse(text, "x.toml")[1]
    assert len(problems) == len(cases)
    assert [problem.line for problem in problems] == sorted(problem.line for problem in problems)
    for case in cases:
        assert any(all(part in str(problem) for part in case.says) for problem in problems), case.name


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(tmp_path_factory, data):
    """Any bytes give specifications or problems, never another error."""
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(data)
    read, problems = check_file(path)
    assert bool(read) != bool(problems)


_VALUES = st.recursive(
    st.sampled_from(["1", "-1", "nan", "inf", "1e999", "true", '""', '"x"', "2020-01-01", "9" * 400, "[]", "{}"]),
    lambda inner: (
        st.lists(inner, max_size=2).map(lambda each: f"[{', '.join(each)}]")
        | inner.map(lambda each: f"{{ name = {each} }}")
    ),
    max_leaves=4,
)


@given(st.integers(0, len(GOOD.splitlines()) - 1), _VALUES)
def test_any_value_anywhere_is_read_or_refused(number, value):
    """Whatever stands after any key of a good file, the file is read or refused with a line; nothing is raised."""
    lines = GOOD.splitlines()
    key, equals, _ = lines[number].partition("=")
    if equals:
        lines[number] = f"{key}= {value}"
    read, problems = parse("\n".join(lines), "x.toml")
    assert bool(read) != bool(problems)
    assert all(1 <= problem.line <= len(lines) for problem in problems)


@pytest.mark.parametrize("make", ["missing", "directory", "latin-1"])
def test_a_file_that_cannot_be_read_is_a_problem(make, tmp_path):
    """A missing file, a directory and text in another encoding get a message, not a traceback."""
    path = tmp_path / "domains.toml"
    if make == "directory":
        path.mkdir()
    elif make == "latin-1":
        path.write_bytes(b"# first\n# caf\xe9\n")
    read, (problem,) = check_file(path)
    assert read == []
    assert str(problem).startswith(f"{path}:{2 if make == 'latin-1' else 1}: ")
    assert ("UTF-8" if make == "latin-1" else "nothing that can be read") in str(problem)


@given(st.integers(0, 10**10))
def test_durations_read_back(milliseconds):
    """A duration written in its shortest form is read back exactly."""
    assert parse_duration(format_duration(milliseconds)) == milliseconds


@given(st.integers(0, 1000), st.sampled_from(sorted(UNITS_MS)))
def test_durations_have_the_units_people_know(number, unit):
    """A number with a unit is that many of it; two numbers, none, or an unknown unit are refused."""
    assert parse_duration(f"{number}{unit}") == number * UNITS_MS[unit]
    for wrong in (f"{number}", unit, f"{number}{unit}1s", f"-{number}{unit}", f"{number}y", f"{number}{unit.upper()}x"):
        assert parse_duration(wrong) is None
