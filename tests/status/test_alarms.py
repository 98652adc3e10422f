"""Alarms in words: of every kind, wherever they are about, and what a person sees of them."""

import math

import msgspec
import numpy as np
import pytest

from infra.status.alarms import WORDS, alarms, untold
from infra.status.tables import tables
from stream_workers.honesty import layout as at
from stream_workers.honesty.checks import Parts, Subject, alarms_of

from .shown import shown
from .test_report import ROLES, group, process, sample, told

SUBJECT = Subject(("champion", "other"), ("small", "large"), (True, True), 4, 1_000, 0.02)


def raised(kind, place=1.0, expected=0.25, found=0.5):
    """What a worker tells of one alarm."""
    vector = np.zeros(SUBJECT.size)
    vector[at.NOW] = 1_700_000_000_000.0
    Parts(vector, SUBJECT).alarms[at.KINDS.index(kind)] = (vector[at.NOW], place, expected, found)
    (each,) = alarms_of(vector, SUBJECT)
    return {"tenant": "acme", "domain": "routing", **msgspec.json.decode(msgspec.json.encode(each))}


@pytest.mark.parametrize(
    ("kind", "numbers", "parts"),
    [
        ("propensity", {}, ["arm large", "50.0%", "25.0%"]),
        ("propensity", {"place": 2.0, "expected": 0.0, "found": 0.1}, ["likelier arms", "more often"]),
        ("propensity", {"place": 2.0, "expected": 0.0, "found": -0.1}, ["likelier arms", "less often"]),
        ("floor", {"place": 0.0, "expected": 0.01, "found": 0.0002}, ["arm small", "0.0002", "0.01"]),
        ("starving", {"expected": 23.4}, ["arm large", "23 times"]),
        ("feedback", {"expected": 0.9, "found": 0.1}, ["arm large", "90%", "10%"]),
        ("reward", {"place": 0.0, "expected": 0.72, "found": 0.5}, ["fell", "0.72", "0.50"]),
        ("prediction", {"found": -0.21}, ["arm large", "0.21 less"]),
        ("prediction", {"found": 0.21}, ["arm large", "0.21 more"]),
        ("feature", {"place": 6.0, "expected": 0.1, "found": 12.0}, ["feature 3", "mean", "0.1", "12"]),
        ("feature", {"place": 7.0, "expected": 1.0, "found": 30.0}, ["feature 3", "spread", "30"]),
        ("share", {"expected": 0.6, "found": 0.05}, ["arm large", "60%", "5%"]),
        ("calibration", {"place": 8.0, "expected": 0.0, "found": -0.12}, ["policy other", "0.6 to 0.8", "0.12 less"]),
        ("thin", {"expected": 9_000.0, "found": 4.2}, ["arm large", "9,000", "4"]),
        ("thin", {"expected": 0.0, "found": 0.0}, ["arm large", "no decision"]),
    ],
)
def test_words(kind, numbers, parts):
    """What the checks noted, as a worker tells it over HTTP, becomes a sentence with its place and its numbers."""
    (alarm,) = alarms([process(alarms=[raised(kind, **numbers)])])
    assert all(part in alarm.what for part in parts), alarm.what
    assert (alarm.tenant, alarm.domain, alarm.kind) == ("acme", "routing", kind)
    assert alarm.at.startswith("2023-11-14T22:13:20")
    assert alarm.do.endswith((".", "?"))


def test_every_kind_has_words():
    """And they stand in the order in which alarms are shown."""
    assert sorted(WORDS) == sorted(at.KINDS)
    everything = [raised(kind, 0.0) for kind in at.KINDS]
    assert [each.kind for each in alarms([process(alarms=everything)])] == list(WORDS)


def test_alarms_do_not_make_a_deployment_unhealthy():
    """They are in the report and on the page, in order; of many the rest is counted, here and where workers cut."""
    many = [raised("share") | {"domain": f"d{n:02}"} for n in range(30)]
    running = process(alarms=[*many, raised("floor")], alarms_by_kind={"share": 37, "floor": 1})
    found = told(sample(*(group(role) for role in ROLES)), [running])
    assert found.healthy
    assert found.alarms[0].kind == "floor"
    assert (len(found.alarms), found.alarms_untold) == (31, 7)
    page = shown(tables(found))
    assert "acme/routing: arm large was logged" in page
    assert "acme/d18: " in page
    assert "acme/d19: " not in page
    assert "18 more alarms" in page


def test_processes_of_other_releases():
    """A process that tells of none, or of unknown kinds, is no fault; one that is gone tells nothing."""
    strange = {**raised("share"), "kind": "another"}
    assert alarms([process(), process(alarms=[strange]), process("gone", alarms=[raised("share")])]) == []
    assert untold([process()]) == 0
    assert not math.isnan(untold([process(alarms=[strange], alarms_by_kind={"another": 1})]))


def test_calibration_of_the_champion_is_on_the_page():
    """Its expected calibration error with its interval; nothing before anything was judged."""
    calibration = [{"policy": "champion", "n": 900, "error": 0.0321, "lower": 0.004, "upper": 0.081, "bins": []}]
    domains = [
        {"tenant": "acme", "domain": "judged", "checks": {"calibration": calibration}},
        {"tenant": "acme", "domain": "new", "checks": {"calibration": [{"policy": "champion", "error": None}]}},
    ]
    page = shown(tables(told(sample(*(group(role) for role in ROLES)), [process(domains=domains)])))
    assert "0.032 (0.00 to 0.08)" in next(line for line in page.splitlines() if "acme/judged" in line)
    assert next(line for line in page.splitlines() if "acme/new" in line).split() == ["acme/new", "0"]
