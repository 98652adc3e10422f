"""The template of the bot's domains is right, and stays right whatever an admin chooses."""

import tomllib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.bot.template import read_template
from infra.domains.file import check_file, parse
from producers.discord.features import FEATURES
from producers.discord.ports import GuildSettings
from producers.providers.catalogue import read_catalogue
from schemas import observations
from schemas.errors import SpecificationError

ROOT = Path(__file__).parents[2]
BOT, MODELS = ROOT / "examples" / "bot.toml", ROOT / "examples" / "models.toml"
CATALOGUE = read_catalogue(MODELS)
TEMPLATE = read_template(BOT, CATALOGUE)

choices = st.builds(
    GuildSettings,
    models=st.none() | st.lists(st.sampled_from([*CATALOGUE.arms, "gone"]), unique=True).map(tuple),
    monthly_budget_usd=st.none() | st.floats(0.001, 1000),
    content_features=st.booleans(),
)


def _by_domain(specs):
    return {spec.domain: spec for spec in specs}


def test_every_model_of_the_catalogue_is_an_arm_at_its_price():
    arms = {arm.name: arm for arm in TEMPLATE.arms}
    assert list(arms) == list(CATALOGUE.arms)
    mini = arms["gpt-4o-mini"]  # 600 tokens at $0.15 and 350 at $0.60 per million
    assert mini.price == pytest.approx((600 * 0.15 + 350 * 0.6) / 1e6)
    assert mini.most == pytest.approx((14_000 * 0.15 + 1024 * 0.6) / 1e6)  # 20,000 characters and four pictures


def test_widths_are_those_of_the_features():
    specs = _by_domain(TEMPLATE.of("guild-1", GuildSettings()))
    assert {name: spec.features for name, spec in specs.items()} == {
        name: len(features) for name, features in FEATURES.items()
    }


def test_rewards_are_made_of_observations_that_somebody_sends():
    for spec in TEMPLATE.of("guild-1", GuildSettings()):
        assert set(spec.reward) <= set(observations.MEANINGS)


@settings(max_examples=60)
@given(choices)
def test_whatever_an_admin_chooses_is_a_valid_domain_file(chosen):
    """As a domain file they pass the check of `croupier domains check`, if the budget is enough."""
    if chosen.monthly_budget_usd is not None and chosen.monthly_budget_usd < TEMPLATE.least_budget(chosen):
        chosen = msgspec.structs.replace(chosen, monthly_budget_usd=TEMPLATE.least_budget(chosen))
    specs = TEMPLATE.of("guild-7", chosen)
    read, problems = parse(_toml(specs), "chosen.toml")
    assert problems == ()
    assert read == specs
    routing = _by_domain(specs).get("model_routing")
    allowed = [name for name in CATALOGUE.arms if chosen.models is None or name in chosen.models]
    assert [arm.name for arm in routing.arms if arm.enabled] == allowed if routing else not allowed
    if routing and chosen.monthly_budget_usd is not None:
        assert (routing.budget.hard_cap, routing.budget.period) == (chosen.monthly_budget_usd, "month")
    assert all(spec.tenant == "guild-7" for spec in specs)


def test_a_model_that_is_not_allowed_keeps_its_place():
    """Disabled, not removed: what was learned of it is there when it is allowed again."""
    few = GuildSettings(models=("gpt-4o", "gpt-4o-mini"))
    routing = _by_domain(TEMPLATE.of("guild-1", few))["model_routing"]
    assert [arm.name for arm in routing.arms] == list(CATALOGUE.arms)
    assert routing.quality.of == "gpt-4o"  # quality is measured by the dearest that is allowed
    one = _by_domain(TEMPLATE.of("guild-1", GuildSettings(models=("gpt-4o",))))["model_routing"]
    assert one.quality is None  # nothing to save


def test_a_model_without_a_key_is_a_disabled_arm():
    template = read_template(BOT, CATALOGUE, available={"gpt-4o-mini"})
    assert [arm.name for arm in template.arms if arm.enabled] == ["gpt-4o-mini"]
    assert len(template.arms) == len(CATALOGUE.arms)


def test_of_several_dearest_models_quality_is_measured_by_the_first():
    models = CATALOGUE.models
    alike = {"a": models["gpt-4o-mini"], "b": models["gpt-4o"], "c": models["gpt-4o"]}
    template = read_template(BOT, msgspec.structs.replace(CATALOGUE, models=alike))
    assert _by_domain(template.of("guild-1", GuildSettings()))["model_routing"].quality.of == "b"
    same = read_template(BOT, msgspec.structs.replace(CATALOGUE, models={"b": models["gpt-4o"], "c": models["gpt-4o"]}))
    assert _by_domain(same.of("guild-1", GuildSettings()))["model_routing"].quality is None


def test_content_is_used_only_where_it_is_allowed():
    for allowed in (False, True):
        specs = _by_domain(TEMPLATE.of("guild-1", GuildSettings(content_features=allowed)))
        assert {name: spec.content_features for name, spec in specs.items()} == {
            "model_routing": allowed,
            "content_analysis": allowed,
            "user_engagement": False,
        }


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("features = 32", "features = 31"), "the bot makes 32"),
        (('missing = "mean" ', "#"), 'expected "mean"'),
        (('name = "user_engagement"', 'name = "engagement"'), "no domain user_engagement"),
        (('tenant = "direct"', 'tenants = ["direct", "acme"]'), "several tenants"),
        (("weight = 0.8", "weigth = 0.8"), 'Did you mean "weight"'),
    ],
)
def test_a_template_that_does_not_fit_the_bot_is_refused_with_what_to_mend(tmp_path, change, expected):
    text = BOT.read_text()
    assert change[0] in text
    file = tmp_path / "bot.toml"
    file.write_text(text.replace(*change))
    with pytest.raises(SpecificationError, match=expected):
        read_template(file, CATALOGUE)


def test_without_the_catalogue_only_the_arms_are_missing():
    _, problems = check_file(BOT)
    assert [problem.key for problem in problems] == ["arms"]


def _toml(specs):
    """A domain file with these specifications, every key written."""
    return "\n".join(_table(msgspec.to_builtins(spec)) for spec in specs)


def _table(plain):
    plain["name"] = plain.pop("domain")
    plain["horizon"] = f"{plain.pop('horizon_ms')}ms"
    lines = ["[[domain]]", *(f"{key} = {_value(value)}" for key, value in plain.items() if value is not None)]
    assert tomllib.loads("\n".join(lines))
    return "\n".join(lines)


def _value(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}" = {_value(each)}' for key, each in value.items() if each is not None) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else repr(value)
