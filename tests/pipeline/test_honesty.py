"""A program that does not draw from the propensities it logs, in a live deployment."""

import asyncio
import itertools
import json
import sys
import urllib.request

import msgspec
import numpy as np
import pytest

from infra.verify.verify import verify
from schemas import wire
from schemas.events import Decision, Outcome, Reward
from tests.pipeline.conftest import EARLY_MS, spec

ARMS, LOGGED = ("small", "large"), np.array([0.9, 0.1], "<f4")


class Decider:
    """Writes decisions and their rewards itself; `real` are the probabilities that it draws from."""

    def __init__(self, live, tenant, version, real):
        self.live, self.tenant, self.version, self.real = live, tenant, version, real
        self.rng = np.random.default_rng(1)
        self.numbers = itertools.count()

    async def decide(self, count):
        waiting = []
        for number in itertools.islice(self.numbers, count):
            features = self.rng.normal(size=2).astype("<f4")
            id_, choice = f"{self.tenant}-{number}", int(self.rng.choice(2, p=self.real))
            events = (
                ("decisions", Decision(
                    id_, self.tenant, "model_routing", ARMS, choice, LOGGED.tobytes(), LOGGED.tobytes(),
                    features.tobytes(), "mine", self.version, 0, 500, ("quality",), 0,
                )),
                ("rewards", Reward(f"r-{number}", self.tenant, id_, {"quality": float(self.rng.random() < 0.6)})),
            )  # fmt: skip
            for topic, event in events[: 1 + (self.rng.random() < 0.9)]:  # some feedback never comes
                value = wire.encode(event)
                waiting.append(
                    await self.live.producer.send(self.live.prefix + topic, key=self.tenant.encode(), value=value)
                )
        await asyncio.gather(*waiting)


async def croupier(live, *arguments):
    """What a command says: exit code, standard output, standard error."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "infra.cli", *arguments, "--prefix", live.prefix, "--bootstrap", live.bootstrap,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, error = await process.communicate()
    return process.returncode, out.decode(), error.decode()


async def status(live, *options):
    return (await croupier(live, "status", "--interval", "0.1", *options))[:2]


def metrics(live):
    """The lines of all processes that are about alarms."""
    lines = []
    for path in (live.running.home / "run").glob("worker-*.json"):
        with urllib.request.urlopen(f"{json.loads(path.read_text())['address']}/metrics") as answer:
            lines += [
                line for line in answer.read().decode().splitlines() if line.startswith("croupier_") and "alarm" in line
            ]
    return lines


@pytest.mark.kafka
@pytest.mark.timeout(300)
async def test_wrong_propensities_are_told(live, monkeypatch):
    """Two programs log 0.9 and 0.1.  One draws from that, the other from 0.6 and 0.4: `croupier status` tells of its
    domain and no other, what is wrong and what to do, and exits with 0; /metrics has the domain; and the state that
    says so is the replay of the log."""
    monkeypatch.setenv("CROUPIER_HOME", str(live.running.home))
    published = await live.apply(spec("right", horizon_ms=500), spec("wrong", horizon_ms=500))
    version = {each.tenant: each.version for each in published}
    right = Decider(live, "right", version["right"], [0.9, 0.1])
    wrong = Decider(live, "wrong", version["wrong"], [0.6, 0.4])
    found = {"alarms": []}
    async with asyncio.timeout(150):
        while not found["alarms"]:
            for _ in range(10):
                await asyncio.gather(right.decide(20), wrong.decide(20))
                await asyncio.sleep(0.2)
            _, out = await status(live, "--json")
            found = json.loads(out)
    (alarm,) = found["alarms"]
    assert (alarm["tenant"], alarm["domain"], alarm["kind"]) == ("wrong", "model_routing", "propensity")
    assert "logged propensities" in alarm["what"]
    assert "draw from" in alarm["do"]
    await live.running.settled()
    code, text = await status(live)
    assert code == 0
    assert "wrong/model_routing: " in text
    assert alarm["what"].split(" ")[1] in ARMS
    assert "right/model_routing: " not in text
    domains = {each["tenant"]: each for each in json.loads((await status(live, "--json"))[1])["domains"]}
    assert domains["right"]["checks"]["judged"] > 64
    labels = 'domain="model_routing",kind="propensity",tenant="wrong"'
    assert [line for line in metrics(live) if f"{{{labels}}}" in line]
    assert not [line for line in metrics(live) if 'tenant="right"' in line]
    assert 'croupier_domains_alarmed{kind="propensity"} 1.0' in metrics(live)
    verified = await verify(live.bootstrap, prefix=live.prefix, early_ms=EARLY_MS, settled=True, wait_s=30.0)
    assert verified.state_mismatches == 0


@pytest.mark.kafka
@pytest.mark.timeout(240)
async def test_whether_a_decision_is_the_policys(live):
    """`croupier explain --replay` learns again what the policy had learned: the router's decisions have its very
    probabilities, and one that another program wrote has not."""
    (published,) = await live.apply(spec(horizon_ms=500))
    for batch in range(4):
        for number in range(20):
            await live.context(f"d-{batch}-{number}", features=(number % 3, -1.0))
        made = await live.until("decisions", Decision, 20 * (batch + 1))
        for decision in made[20 * batch :]:
            await live.reward(decision.id, quality=float(decision.arm == "large"))
        await live.until("outcomes", Outcome, 20 * (batch + 1))
    last = max(made, key=lambda each: each.learned)
    assert last.learned > 20
    code, out, error = await croupier(live, "explain", last.id, "--replay", "--json")
    assert code == 0, error
    found = json.loads(out)
    assert found["replayed"]["same"]
    assert found["replayed"]["outcomes"] > 20
    assert found["replayed"]["version"] == published.version
    assert {each["name"]: each["probability"] for each in found["replayed"]["arms"]} == pytest.approx(
        {each["name"]: each["probability"] for each in found["arms"]}
    )
    code, out, _ = await croupier(live, "explain", last.id, "--replay")
    assert "gives these very probabilities" in " ".join(out.split())

    foreign = msgspec.structs.replace(last, id="foreign", propensities=np.array([0.25, 0.75], "<f4").tobytes())
    await live.send("decisions", foreign)
    assert not json.loads((await croupier(live, "explain", "foreign", "--replay", "--json"))[1])["replayed"]["same"]
    await live.send("decisions", msgspec.structs.replace(foreign, id="early", learned=0))
    code, out, error = await croupier(live, "explain", "early", "--replay")
    assert code == 1
    assert "another program wrote it" in " ".join((out + error).split())
