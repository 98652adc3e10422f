"""What is in force can be written as a file that says the same."""

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.domains.file import parse, read_domains
from infra.domains.written import to_toml
from tests.docs.pages import ROOT

from .written import specs


@settings(max_examples=25)
@given(st.lists(specs(), min_size=1, max_size=2, unique_by=lambda spec: (spec.tenant, spec.domain)))
def test_a_file_says_the_same(wanted):
    """Read again, a file of any valid specifications gives these, without a problem."""
    found, problems = parse(to_toml(wanted), "written")
    assert not problems, problems
    assert found == wanted


def test_the_examples():
    """The examples go through, and a default is not written."""
    wanted = read_domains(ROOT / "examples" / "domains.toml")
    text = to_toml(wanted)
    assert parse(text, "written") == (wanted, ())
    assert "fleet" not in text
