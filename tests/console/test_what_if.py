"""What if: the answer against a truth that is known, and the page that asks for it."""

import re
import time

import msgspec
import numpy as np
import pytest

from infra.console.what_if import change, found
from infra.evaluate.history import history_of
from schemas.domains import Component
from schemas.events import Outcome

from ..evaluate.recorded import ARMS, SPEC, events, features_of, logging_policy, truth

COSTS = np.array([0.001, 0.004, 0.02])
N = 2_000
PAID = msgspec.structs.replace(SPEC, reward={**SPEC.reward, "cost": Component(0.5, 0.02, 0.0)})


def paid(recorded):
    for event in recorded:
        if isinstance(event, Outcome):
            observed = {**event.observations, "cost": float(COSTS[ARMS.index(event.decision.arm)])}
            event = msgspec.structs.replace(event, observations=observed)  # noqa: PLW2901
        yield event


@pytest.fixture(scope="module")
def history():
    return history_of(paid(events(N, spec=PAID)), "acme", "model_routing")


@pytest.fixture(scope="module")
def as_declared(history):
    return found(history, {}, {})


def prices(history):
    return {arm.name: arm.price for arm in history.spec.arms}


def test_nothing_changed(as_declared):
    """Then what was logged is worth what it was, and always each arm costs what it costs."""
    answer = as_declared
    assert answer.logged == answer.unchanged
    rows = {row.policy: row for row in answer.rows}
    for arm, cost in zip(ARMS, COSTS, strict=True):
        row = rows[f"arm:{arm}"]
        assert row.cost.lower <= cost <= row.cost.upper
        assert row.cost.value == pytest.approx(cost, rel=0.02)
        assert row.shares[arm] == pytest.approx(1.0)
    p = logging_policy(features_of(N).astype(float))
    assert answer.logged_cost.value == pytest.approx(float((p @ COSTS).mean()), rel=0.1)


def test_without_the_weight_of_cost(history):
    """The value of always an arm is its success, by the truth, within its interval."""
    answer = found(history, {"cost": 0.0}, {})
    successes = truth(features_of(N)).mean(axis=0)
    for arm, success in zip(ARMS, successes, strict=True):
        row = next(row for row in answer.rows if row.policy == f"arm:{arm}")
        assert row.reward.lower <= success <= row.reward.upper
        assert abs(row.reward.value - success) < 0.06
    assert answer.logged.value != answer.unchanged.value


def test_another_price(history, as_declared):
    """What was observed to cost is scaled with the price of its arm, and with no other's."""
    dearest = ARMS[-1]
    changed = change(history, {}, {dearest: 2 * prices(history)[dearest]})
    for before, after in zip(history.outcomes, changed.outcomes, strict=True):
        factor = 2 if before.decision.arm == dearest else 1
        assert after.observations["cost"] == factor * before.observations["cost"]
    answer = found(history, {}, {dearest: 2 * prices(history)[dearest]})
    costs = [{row.policy: row.cost.value for row in each.rows} for each in (as_declared, answer)]
    assert costs[1][f"arm:{dearest}"] == pytest.approx(2 * costs[0][f"arm:{dearest}"], rel=0.05)
    assert costs[1][f"arm:{ARMS[0]}"] == pytest.approx(costs[0][f"arm:{ARMS[0]}"], rel=0.05)


@pytest.mark.kafka
def test_the_page(as_):
    """It says that it computes, then what was found; nonsense is refused with what is expected."""
    browser = as_("acme-viewer")
    path = "/what-if?tenant=acme&domain=routing&ask=1&weight.cost=0.25&price.strong=0.05"
    page = browser.get(path)
    assert page.status_code == 200
    deadline = time.monotonic() + 120
    while "Evaluating since" in page.text:
        assert time.monotonic() < deadline
        time.sleep(0.1)
        page = browser.get(path)
    assert "What was logged would have earned" in page.text, re.sub(r"<[^>]+>", "", page.text)[-800:]
    assert "always-strong" in page.text
    for wrong in ("weight.cost=-1", "weight.cost=x", "price.strong=nan", "weight.cost=0&weight.success=0"):
        assert browser.get(f"/what-if?tenant=acme&domain=routing&ask=1&{wrong}").status_code == 400, wrong
