"""Domains that follow from each other, through real workers."""

import msgspec
import numpy as np
import pytest

from infra.verify.verify import verify
from schemas.domains import Input
from schemas.events import Context, Decision, Outcome
from tests.pipeline.conftest import EARLY_MS, spec


@pytest.mark.kafka
@pytest.mark.timeout(240)
async def test_a_decision_follows_from_another(live):
    """Requests of one domain name decisions of the other: their features have what was chosen and observed, their chain
    its probability, and all of it is learned: the state is the replay of the log."""
    parent = msgspec.structs.replace(spec(), domain="content_analysis")
    inputs = (Input("content_analysis", "choice", ("small", "large")), Input("content_analysis", "reward"))
    await live.apply(parent, spec(inputs=inputs))
    packed = np.array([1.0, 0.0], "<f4").tobytes()
    for number in range(20):
        await live.send("contexts", Context(f"p{number}", "acme", "content_analysis", packed, None, f"u{number % 3}"))
    made = {each.id: each for each in await live.until("decisions", Decision, 20)}
    for number in range(0, 20, 2):
        await live.reward(f"p{number}", quality=0.75, cost=0.0)
    await live.until("outcomes", Outcome, 10, lambda each: each.decision.domain == "content_analysis")
    for number in range(20):
        await live.context(f"c{number}", after=f"p{number}", unit=f"u{number % 3}")
    children = await live.until("decisions", Decision, 20, lambda each: each.id.startswith("c"))
    for child in children:
        before = made[child.after]
        assert child.chain == float(np.frombuffer(before.propensities, "<f4")[before.choice])
        assert child.unit == before.unit
        features = np.frombuffer(child.features, "<f4").tolist()
        assert features[:5] == [0.5, -1.0, before.arm == "small", before.arm == "large", 1.0]
        if int(child.after[1:]) % 2 == 0:
            assert features[5:] == [0.75, 1.0]
        await live.reward(child.id, quality=1.0, cost=0.0)
    await live.running.settled()
    found = await verify(live.bootstrap, prefix=live.prefix, early_ms=EARLY_MS, settled=True, wait_s=30.0)
    assert found.problems == []
    assert found.outcomes == 40
    assert found.state_mismatches == 0
