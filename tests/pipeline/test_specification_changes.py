"""A domain changes while workers run: through the log, for every decision after it, and exactly."""

import pytest

from infra.verify.verify import verify
from schemas.domains import Arm
from schemas.events import Decision, Outcome
from tests.pipeline.conftest import EARLY_MS, spec


async def interact(live, name, count, quality):
    """Decide `count` contexts and give each chosen arm its quality; the decisions."""
    for number in range(count):
        await live.context(f"{name}-{number}", features=(number % 3, 1.0))
    made = await live.until("decisions", Decision, count, lambda each: each.id.startswith(f"{name}-"))
    for decision in made:
        await live.reward(decision.id, quality=quality[decision.arm], cost=0.5)
    await live.until("outcomes", Outcome, count, lambda each: each.decision.id.startswith(f"{name}-"))
    return made


@pytest.mark.kafka
@pytest.mark.timeout(240)
async def test_arms_and_weights_change_while_workers_run(live):
    """An arm is added, used and learned; another is removed and never chosen again; weights and prices change; the
    learners' state is still the replay of the log, and every outcome counts once."""
    quality = {"small": 0.2, "large": 0.6, "new": 1.0}
    (first,) = await live.apply(spec())
    made = await interact(live, "one", 60, quality)
    assert {each.arms for each in made} == {("small", "large")}
    assert {each.spec for each in made} == {first.version}

    (second,) = await live.apply(spec(arms=("small", "large", "new")))
    assert second.version > first.version
    made = await interact(live, "two", 150, quality)
    assert {each.arms for each in made} == {("small", "large", "new")}
    assert sum(each.arm == "new" for each in made) > 0

    (third,) = await live.apply(spec(arms=(Arm("large", price=0.01), Arm("new", price=0.02)), weights=(3.0, 1.0)))
    made = await interact(live, "three", 100, quality)
    assert {each.arms for each in made} == {("large", "new")}
    assert {each.spec for each in made} == {third.version}
    assert sum(each.arm == "new" for each in made) > 50  # what was learned of it was kept

    (again,) = await live.apply(spec(arms=(Arm("large", price=0.01), Arm("new", price=0.02)), weights=(3.0, 1.0)))
    assert again.version == third.version
    await live.running.settled()
    found = await verify(live.bootstrap, prefix=live.prefix, early_ms=EARLY_MS, settled=True, wait_s=30.0)
    assert found.problems == []
    assert found.outcomes == 310
    assert found.state_mismatches == 0
