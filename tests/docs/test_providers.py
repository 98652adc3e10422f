"""docs/providers.md and docs/standins-models.md against the code they are about."""

import re
from typing import get_args

import msgspec
from prometheus_client import CollectorRegistry

from infra.standins.models.faults import Fault, Kind
from producers.providers import Attempt, Catalogue, Model, Provider, Providers
from producers.providers.answering import Restriction
from producers.providers.catalogue import BreakerLimits, Limits, ThrottleLimits

from .pages import code, rows, text

PAGE = text("providers.md")


def _documented(part):
    """Keys and defaults of the table under `[part]`."""
    table = PAGE.split(f"`[{part}]`", 1)[1]
    return {key: default for keys, default, _ in rows(table, "key", "unless given", "is") for key in code(keys)}


def test_every_key_of_the_catalogue_is_on_the_page():
    """Tables of keys are the types that read them, with the defaults that are numbers."""
    for part, kind in (
        ("providers.NAME", Provider),
        ("models.NAME", Model),
        ("limits", Limits),
        ("breaker", BreakerLimits),
        ("throttle", ThrottleLimits),
    ):
        documented = _documented(part)
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        assert set(documented) == set(fields), part
        for name, field in fields.items():
            assert (documented[name] == "required") == field.required, name
            if isinstance(field.default, int | float) and not isinstance(field.default, bool):
                assert float(documented[name]) == field.default, name


def test_every_end_of_an_attempt_and_every_restriction_is_on_the_page():
    """Each way an attempt can end badly has a section; the table of reasons is the code's."""
    sections = set(re.findall(r"^### (.+)$", PAGE, re.MULTILINE))
    hows = set(get_args(Attempt.__annotations__["how"]))
    assert hows - {"answered"} == {each for each in sections if each.islower()}
    assert [code(reason)[0] for reason, _ in rows(PAGE, "reason", "is")] == list(get_args(Restriction))


def test_every_metric_is_on_the_page():
    """The table has every metric, with its labels, and no other."""
    registry = CollectorRegistry()
    model = Model("p", "m", 1.0, 1.0, 1000, 100)
    Providers(Catalogue({"p": Provider("openai", "http://127.0.0.1:9/v1")}, {"m": model}), registry=registry)
    served = {}
    for family in registry.collect():
        labels = {"arm", "state"} if family.name == "croupier_model_breaker" else set(_labels(registry, family.name))
        served[f"{family.name}_total" if family.type == "counter" else family.name] = labels
    table = {code(name)[0]: set(labels.split(", ")) - {""} for name, labels, _ in rows(PAGE, "metric", "labels", "is")}
    assert table == served


def test_every_fault_of_the_local_models_is_on_their_page():
    """The table of kinds is the type's, and each field of a fault is named."""
    page = text("standins-models.md")
    assert [code(kind)[0] for kind, _ in rows(page, "kind", "is")] == list(get_args(Kind))
    assert all(f"`{name}`" in page for name in Fault.__struct_fields__ if name != "kind")


def _labels(registry, name):
    collector = registry._names_to_collectors[name]
    return collector._labelnames
