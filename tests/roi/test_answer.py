"""The answer about a domain whose truth is known: what its policy is worth beside another, in USD."""

import json

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from infra.cli import app
from infra.evaluate.history import history_of
from infra.roi.answer import answer
from infra.roi.plan import Plan, PlanError, Scope, read_plan
from schemas.domains import Component
from schemas.events import Outcome

from ..evaluate.recorded import ARMS, SPEC, events, features_of, logging_policy, truth, write_export

COSTS = np.array([0.001, 0.004, 0.02])
VALUE = 0.05
MONTHLY = 100_000.0
N = 6_000
PAID = msgspec.structs.replace(SPEC, reward={**SPEC.reward, "cost": Component(0.0, 0.02, 0.0)})
PLAN = Plan(1000.0, VALUE, scope=(Scope("acme", "model_routing", "arm:large", interactions_per_month=MONTHLY),))


def paid(found):
    """The same with what each answer cost."""
    for event in found:
        if isinstance(event, Outcome):
            observed = {**event.observations, "cost": float(COSTS[ARMS.index(event.decision.arm)])}
            yield msgspec.structs.replace(event, observations=observed)
        else:
            yield event


def worth(p):
    """USD an interaction of a policy's probabilities, by the truth."""
    return float((p * (VALUE * truth(features_of(N)) - COSTS)).sum(axis=1).mean())


@pytest.fixture(scope="module")
def outcomes():
    return list(paid(events(N, spec=PAID)))


@pytest.fixture(scope="module")
def history(outcomes):
    return history_of(outcomes, "acme", "model_routing")


@pytest.fixture(scope="module")
def found(history):
    return answer(PLAN, {("acme", "model_routing"): history})


def test_the_benefit_covers_the_truth_and_is_known(found):
    """The policy costs less and serves better than always the large one."""
    always = np.tile([0.0, 0.0, 1.0], (N, 1))
    truly = MONTHLY * (worth(logging_policy(features_of(N).astype(float))) - worth(always))
    benefit = found.monthly_benefit
    assert benefit.low <= truly <= benefit.high
    assert benefit.low < benefit.estimate < benefit.high
    assert found.verdict == ("gain" if benefit.low > 0 else "not yet known")
    assert found.verdict == "gain"
    assert found.more_interactions is None


def test_costs_are_of_both(found):
    """What was paid, and what the baseline would have cost: exactly its price; the cut follows from them."""
    (scope,) = found.scopes
    assert scope.baseline_cost.estimate == pytest.approx(0.02, rel=0.02)
    assert scope.baseline_cost.low <= 0.02 <= scope.baseline_cost.high
    assert scope.cost.low <= scope.cost.estimate <= scope.cost.high
    assert scope.cost_cut.estimate == pytest.approx(1 - scope.cost.estimate / scope.baseline_cost.estimate)
    assert scope.cost_cut.low < scope.cost_cut.estimate < scope.cost_cut.high


def test_returns_follow_from_the_benefit(found):
    low, high = found.returns.payback_months.low, found.returns.payback_months.high
    assert low == pytest.approx(1000.0 / found.monthly_benefit.high)
    assert high == pytest.approx(1000.0 / found.monthly_benefit.low)


def test_little_is_not_yet_known_and_how_much_more_is_said(outcomes):
    """Beside a policy that is nearly as good, the first outcomes say nothing; as many more as are asked for do."""
    few = history_of(outcomes[:201], "acme", "model_routing")
    plan = msgspec.structs.replace(
        PLAN, scope=(Scope("acme", "model_routing", "arm:small", interactions_per_month=1.0),)
    )
    found = answer(plan, {("acme", "model_routing"): few})
    assert found.verdict == "not yet known"
    assert found.monthly_benefit.low <= 0.0 <= found.monthly_benefit.high
    assert found.more_interactions > 0


def test_a_control_group_is_another_mean(outcomes, history):
    """Other people, for whom the large one always answers."""
    rng = np.random.default_rng(5)

    def served(outcome):
        return truth(np.frombuffer(outcome.decision.features, "<f4"))[0, 2]

    others = [
        msgspec.structs.replace(
            each,
            decision=msgspec.structs.replace(
                each.decision, tenant="held", choice=0, arms=("large",), propensities=np.ones(1, "<f4").tobytes(),
                scores=np.zeros(1, "<f4").tobytes(),
            ),
            observations={"success": float(rng.random() < served(each)), "cost": 0.02},
        )
        for each in outcomes[1:]
    ]  # fmt: skip
    first = msgspec.structs.replace(outcomes[0], tenant="held", spec=msgspec.structs.replace(PAID, tenant="held"))
    control = history_of([first, *others], "held", "model_routing")
    scope = Scope("acme", "model_routing", control="held/model_routing", interactions_per_month=MONTHLY)
    found = answer(
        msgspec.structs.replace(PLAN, scope=(scope,)),
        {("acme", "model_routing"): history, ("held", "model_routing"): control},
    )
    always = np.tile([0.0, 0.0, 1.0], (N, 1))
    truly = MONTHLY * (worth(logging_policy(features_of(N).astype(float))) - worth(always))
    assert found.monthly_benefit.low <= truly <= found.monthly_benefit.high
    assert found.scopes[0].control == N


def test_running_costs_are_taken_off(history, found):
    less = answer(msgspec.structs.replace(PLAN, running_cost=100.0), {("acme", "model_routing"): history})
    for name in ("estimate", "low", "high"):
        assert getattr(less.monthly_benefit, name) == pytest.approx(getattr(found.monthly_benefit, name) - 100.0)


def test_command(tmp_path, outcomes):
    """From an export; as JSON with stable names, and as tables."""
    export = write_export(tmp_path / "outcomes.jsonl", outcomes[:1001])
    plan = tmp_path / "roi.toml"
    plan.write_text(
        'investment = 1000\nvalue_of_resolved = 0.05\n[[scope]]\ntenant = "acme"\ndomain = "model_routing"\n'
        'baseline = "arm:large"\n'
    )
    done = CliRunner().invoke(app, ["roi", str(plan), "--from", str(export), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout.splitlines()[-1])
    for name in ("net_roi", "gross_return", "payback_months", "three_year_gross", "npv", "monthly_benefit"):
        assert {name, f"{name}_low", f"{name}_high"} <= told.keys()
    assert told["scopes"][0]["trace"]["first_decision"] == "d-0"
    shown = CliRunner().invoke(app, ["roi", str(plan), "--from", str(export)])
    assert shown.exit_code == 0
    assert "payback, months" in shown.stdout


def test_an_assumed_benefit_is_called_one(tmp_path):
    plan = tmp_path / "roi.toml"
    plan.write_text("investment = 25000\ndiscount_rate = 0.0\nassumed_monthly_benefit = 2916\n")
    told = json.loads(CliRunner().invoke(app, ["roi", str(plan), "--json"]).stdout.splitlines()[-1])
    assert told["verdict"] == "assumed"
    assert round(100 * told["net_roi"], 2) == 39.97
    assert told["net_roi_low"] is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("investment = 0\n", "investment"),
        ("investment = 5\n", "no [[scope]]"),
        ("investment = 5\ninvestmnt = 3\n", "investmnt"),
        ('investment = 5\n[[scope]]\ntenant = "a"\ndomain = "b"\n', "exactly one"),
        ('investment = 5\n[[scope]]\ntenant = "a"\ndomain = "b"\ncontrol = "c"\n', "TENANT/DOMAIN"),
        ('investment = 5\nassumed_monthly_benefit = 1\n[[scope]]\ntenant = "a"\ndomain = "b"\n', "exclude"),
        ("investment = \n", "no TOML"),
    ],
)  # fmt: skip
def test_a_wrong_plan_says_what_is_wrong(tmp_path, text, said):
    path = tmp_path / "roi.toml"
    path.write_text(text)
    with pytest.raises(PlanError, match=said.replace("[", r"\[")) as error:
        read_plan(path)
    assert str(path) in str(error.value)


def test_the_example_is_read():
    from pathlib import Path

    assert read_plan(Path(__file__).parents[2] / "examples" / "roi.toml").scope
