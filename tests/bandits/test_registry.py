"""Parameters are declared, checked and completed; what is wrong is said with its name, value and expectation."""

import pytest

from schemas.domains import LearnerSpec
from schemas.errors import SpecificationError
from stream_workers.bandits.registry import KINDS, check_params


def test_every_declared_kind():
    """The kinds a specification may name are the kinds there are."""
    assert set(LearnerSpec.__annotations__["kind"].__args__) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_described(kind):
    """Every kind and parameter says what it means, and defaults are in range."""
    assert KINDS[kind].meaning
    for each in KINDS[kind].parameters:
        assert each.meaning
        assert each.default is None or each.accepts(each.default)


def test_defaults():
    """What is not given has its default; what is given stays."""
    params = check_params("doubly_robust", {"gamma": 7})
    assert params["gamma"] == 7
    assert set(params) == {each.name for each in KINDS["doubly_robust"].parameters}


@pytest.mark.parametrize(
    ("kind", "params", "parts"),
    [
        ("doubly_robust", {"gama": 1.0}, ["gama", "1.0", "gamma"]),
        ("doubly_robust", {"gamma": -1.0}, ["gamma", "-1.0", "from 0"]),
        ("doubly_robust", {"gamma": float("nan")}, ["gamma", "nan"]),
        ("doubly_robust", {"gamma": "high"}, ["gamma", "high", "a number"]),
        ("doubly_robust", {"gamma": True}, ["gamma", "True"]),
        ("doubly_robust", {"width": 1.5}, ["width", "1.5", "whole number"]),
        ("fixed", {}, ["arm", "missing"]),
        ("fixed", {"arm": 3}, ["arm", "3", "name of an arm"]),
        ("fixed", {"arm": "c"}, ["arm", "'c'", "a, b"]),
        ("uniform", {"x": 1.0}, ["'x'", "none"]),
        ("oracle", {}, ["oracle", "doubly_robust"]),
    ],
)
def test_refused(kind, params, parts):
    """Each mistake is refused with everything needed to mend it."""
    with pytest.raises(SpecificationError) as error:
        check_params(kind, params, ["a", "b"])
    assert all(part in str(error.value) for part in parts)
