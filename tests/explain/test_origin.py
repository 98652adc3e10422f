"""What is said about who a decision is about and what it follows from."""

import io

from msgspec.structs import replace
from rich.console import Console

from infra.explain.evidence import Evidence, Placed
from infra.explain.explanation import explain
from infra.explain.words import words
from schemas.domains import Input
from stream_workers.joining.rules import Spans

from ..cli.written import SPEC, decision, packed

INPUTS = (
    Input("analysis", "choice", ("light", "deep")),
    Input("analysis", "observation", name="toxicity"),
    Input("analysis", "recent_reward"),
)
OWN = (0.5,) * SPEC.features


def told(spec, **fields):
    made = replace(decision("d"), **fields)
    at = Placed(made, 0, 0, 100, 100)
    found = explain(Evidence((at,), (), None, (), None, spec, None), Spans(), 200)
    told = io.StringIO()
    Console(file=told, width=200).print(words(found))
    return found.origin, told.getvalue()


def test_what_other_domains_told_it():
    """Each input by its name with what was known, an arm by its name, and what was not known as such."""
    spec = replace(SPEC, inputs=INPUTS)
    features = packed(*OWN, 0, 1, 1, 0.25, 1, 0, 0)
    origin, text = told(spec, unit="u-1", after="p", chain=0.125, features=features)
    assert origin.inputs == {
        "choice of analysis (light, deep)": "deep", "observation toxicity of analysis": "0.25",
        "recent reward of analysis": None,
    }  # fmt: skip
    for sentence in (
        "It is about u-1.",
        "It follows from p, and that came about with probability 0.125, with all before it.",
        "Choice of analysis (light, deep): deep.",
        "Recent reward of analysis: not known.",
    ):
        assert sentence in text
    other = packed(*OWN, 0, 0, 1, 0.25, 1, 0, 0)
    assert told(spec, features=other)[0].inputs["choice of analysis (light, deep)"] == "another arm"


def test_what_is_not_there_is_not_said():
    """Without unit, parent and inputs there is nothing to say; an unknown parent, and a specification that is gone."""
    origin, text = told(SPEC)
    assert (origin.unit, origin.after, origin.chain, origin.inputs) == (None, None, None, {})
    assert "follows" not in text
    assert "It follows from p, which the router did not know." in told(SPEC, after="p")[1]
    assert told(None, features=packed(1.0))[0].inputs == {}
