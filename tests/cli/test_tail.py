"""`croupier tail` against a real broker."""

import json
import re

import pytest

from schemas.events import Clock, DeadLetter
from schemas.partitioning import partition

from .conftest import PARTITIONS, croupier, start_croupier
from .written import context, decision, outcome, reward, spec_change

TENANTS = [f"tenant-{number}" for number in range(12)]


def json_lines(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.kafka
def test_history_is_in_order_of_append_time(deployment):
    """From the beginning every record comes once, over all partitions in the order in which they were appended."""
    assert len({partition(tenant, PARTITIONS) for tenant in TENANTS}) == PARTITIONS
    placed = deployment.put(*(("contexts", TENANTS[n % 12], context(f"c{n}", TENANTS[n % 12])) for n in range(60)))
    lines = json_lines(
        croupier("tail", "contexts", "--from", "beginning", "--no-follow", "--json", *deployment.options)
    )
    expected = sorted(placed, key=lambda record: (record.timestamp, record.partition, record.offset))
    assert [(each["partition"], each["offset"]) for each in lines] == [(r.partition, r.offset) for r in expected]
    assert sorted(each["event"]["id"] for each in lines) == sorted(f"c{n}" for n in range(60))
    assert lines[0]["event"]["features"] == [0.5, -1.25]
    assert lines[0]["type"] == "context.1"


@pytest.mark.kafka
def test_the_last_n_and_a_tenant(deployment):
    """-N is the last N over all partitions; with a tenant its own last N, however much others wrote after them."""
    deployment.put(*(("contexts", tenant, context("early", tenant)) for tenant in TENANTS[:3]))
    busy = next(each for each in TENANTS[3:] if partition(each, PARTITIONS) == partition(TENANTS[0], PARTITIONS))
    placed = deployment.put(*(("contexts", busy, context(f"c{n}", busy)) for n in range(400)))
    tail = ("tail", "contexts", "--no-follow", "--json", *deployment.options)
    lines = json_lines(croupier(*tail, "--from", "-25"))
    assert [each["offset"] for each in lines] == [record.offset for record in placed[-25:]]
    assert len(json_lines(croupier(*tail))) == 10
    (early,) = json_lines(croupier(*tail, "--tenant", TENANTS[0]))
    assert (early["key"], early["event"]["id"]) == (TENANTS[0], "early")
    assert len(json_lines(croupier(*tail, "--from", "beginning", "--tenant", busy))) == 400
    assert json_lines(croupier(*tail, "--from", "-0")) == []
    assert json_lines(croupier(*tail, "--from", "end")) == []
    assert len(json_lines(croupier(*tail, "--from", "beginning", "--count", "7"))) == 7


@pytest.mark.kafka
async def test_following(deployment):
    """What is appended later is shown as it comes, and --count ends it."""
    await deployment.append(("rewards", "acme", reward("r1", "d", success=1)))
    process = await start_croupier(
        "tail", "rewards", "--from", "beginning", "--count", "3", "--json", *deployment.options
    )
    assert process.stdout is not None
    assert json.loads(await process.stdout.readline())["event"]["id"] == "r1"
    await deployment.append(
        ("rewards", "acme", reward("r2", "d", success=1)), ("rewards", "acme", reward("r3", "d", success=1))
    )
    rest, errors = await process.communicate()
    assert [json.loads(each)["event"]["id"] for each in rest.splitlines()] == ["r2", "r3"]
    assert (process.returncode, errors) == (0, b"")


@pytest.mark.kafka
def test_lines_say_what_people_ask_for(deployment):
    """Each kind of event has its line: arm and probability, observations, how it ended, what changed, why it died."""
    decided = decision("d1")
    letter = DeadLetter("router", "features-length", "8 bytes", "contexts", 3, 77, 1_700_000_000_123, b"acme", b"\x01")
    deployment.put(
        ("specs", "acme/routing", spec_change(0)),
        ("decisions", "acme", decided),
        ("decisions", "acme", Clock()),
        ("rewards", "acme", reward("r1", "d1", success=1, cost=0.0004)),
        ("outcomes", "acme", spec_change(7)),
        ("outcomes", "acme", outcome(decided, 3, "horizon", 1_000, 61_000, 5, success=1.0)),
        ("dead-letters", "acme", letter),
    )
    found = {
        topic: croupier("tail", topic, "--from", "beginning", "--no-follow", *deployment.options).stdout
        for topic in ("specs", "decisions", "rewards", "outcomes", "dead-letters")
    }
    assert "acme/routing  version 0  champion learned, 3 arms: weak, strong, old" in found["specs"]
    assert re.search(r"decision +acme/routing  d1  -> strong p 0.75 \(weak 0.25\)  learned, spec 0", found["decisions"])
    assert "clock" in found["decisions"]
    assert "about d1  success 1, cost $0.0004" in found["rewards"]
    assert "version 7" in found["outcomes"]
    assert re.search(r"acme/routing  d1  horizon after 60 s  strong  success 1  \(number 3", found["outcomes"])
    assert "features-length  8 bytes  [router, contexts 3/77 at 2023-11-14T22:13:20.123Z" in found["dead-letters"]
    assert all("\x1b" not in text for text in found.values())


@pytest.mark.kafka
def test_what_is_no_event_is_shown_with_the_reason(deployment):
    """Foreign bytes are shown with what is wrong with them, in both forms, and what follows them is shown too."""
    wrong = [b"\xff\xfe", b"", b"\x93\xa9context.9\x01\x02", b"\x1b[2J"]
    deployment.put(*(("contexts", "acme", value) for value in wrong), ("contexts", "acme", context("after")))
    tail = ("tail", "contexts", "--no-follow", *deployment.options)
    lines = json_lines(croupier(*tail, "--json"))
    assert [each.get("error", {}).get("reason") for each in lines[:3]] == [
        "not-messagepack",
        "not-messagepack",
        "unknown-version",
    ]
    assert lines[-1]["event"]["id"] == "after"
    text = croupier(*tail).stdout
    assert "unknown-version" in text
    assert "ff fe" in text
    assert "\x1b" not in text
    assert len(text.splitlines()) == 5
