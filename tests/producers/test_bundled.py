import gzip
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from producers.replay import bundle, bundled
from producers.replay.recording import cheapest, results, strongest

ROOT = Path(__file__).parents[2]
DOMAINS = {each["tenant"]: each for each in tomllib.loads((ROOT / "examples/domains.toml").read_text())["domain"]}


@pytest.fixture(scope="module", params=bundled.TENANTS)
def recording(request):
    return bundled.load(request.param, content=DOMAINS[request.param].get("content_features", False))


#: Rows, and for every arm the sum of its results, known from the sources: RouteLLM's MMLU accuracies are .806, .681.
TOTALS = {
    "mmlu": (14_042, "success", [11_315, 9_560]),
    "llmrouter": (6_108, "quality", None),
    "paretobandit": (1_766, "quality", None),
    "stand-in-analysis": (6_435, "success", [1_533, 703, 1_358, 626, 707, 1_508]),
    "stand-in-engagement": (10_992, "success", [1_143, 1_143, 1_144, 1_055, 1_144, 1_055, 1_056, 1_142, 1_055, 1_055]),
}


def test_totals_are_those_of_the_sources(recording):
    """No row was lost or changed on the way into the bundle."""
    rows, component, totals = TOTALS[recording.tenant]
    assert recording.rows == rows
    sums = recording.observed[component].sum(axis=0)
    assert sums.tolist() == pytest.approx(totals or MEANS[recording.tenant] * rows, abs=0.006 if totals is None else 0)


#: Mean result of each arm, computed from the original files without our code.
MEANS = {
    "llmrouter": np.array(
        [
            0.297545179,
            0.527726693,
            0.556336086,
            0.616513669,
            0.572597873,
            0.200096694,
            0.173345651,
            0.363304537,
            0.512372144,
        ]
    ),
    "paretobandit": np.array([0.928810306, 0.935618913, 0.789580974, 0.925608154]),
}


def test_results_are_in_range(recording):
    """Nothing that the readers of rewards would refuse: shares from 0 to 1, costs finite and above 0."""
    for component, values in recording.observed.items():
        assert values.shape == (recording.rows, len(recording.arms))
        assert np.isfinite(values).all()
        assert (values >= 0).all()
        if component != "cost":
            assert (values <= 1).all()
        else:
            assert 0 < values.min() < values.max() < 1  # USD a request


def test_recordings_say_where_their_numbers_come_from(recording):
    """Only what was recorded or is declared as computed: no latency, no cost of stand-ins, and stand-ins named so."""
    assert "latency_ms" not in recording.observed
    assert recording.stand_in == recording.tenant.startswith("stand-in-")
    assert ("cost" in recording.observed) == (not recording.stand_in)
    if recording.tenant in {"mmlu", "llmrouter"}:
        assert recording.basis["cost"].startswith("computed, not recorded")


def test_the_domain_file_fits_the_recordings(recording):
    """Arms, prices, features and reward components of examples/domains.toml are those that are played."""
    domain = DOMAINS[recording.tenant]
    assert domain["name"] == recording.domain
    assert domain["features"] == recording.size
    assert [arm["name"] for arm in domain["arms"]] == list(recording.arms)
    assert [arm.get("price", 0.0) for arm in domain["arms"]] == pytest.approx(list(recording.prices), rel=1e-5)
    assert set(domain["reward"]) == set(recording.components)
    assert sum(each.get("weight", 1.0) for each in domain["reward"].values()) == pytest.approx(1.0)


def test_features_are_made_for_every_row(recording):
    """Rows have feature vectors of the declared size, finite, and not all the same."""
    rows = np.linspace(0, recording.rows - 1, 200).astype(int)
    vectors = np.stack([recording.features(int(row)) for row in rows])
    assert vectors.dtype == np.float32
    assert vectors.shape == (200, recording.size)
    assert np.isfinite(vectors).all()
    assert len(np.unique(vectors, axis=0)) > 100


def test_results_of_an_arm_are_the_recorded_ones():
    """`results` looks up one arm's column, row by row, in the order asked for."""
    recording = bundled.load("mmlu", content=False)
    column = recording.observed["success"][:, 1]
    asked = [5, 3, 3]
    found = results(recording, asked, "mixtral-8x7b-instruct")
    assert [each["success"] for each in found] == [column[5], column[3], column[3]]
    assert [sorted(each) for each in found] == [["cost", "success"]] * 3


def test_strongest_and_cheapest_go_by_price_and_keep_ties():
    """Highest and lowest price; arms of one price tie; without prices all do."""
    llmrouter = bundled.load("llmrouter", content=False)
    assert strongest(llmrouter) == (
        "llama-3.1-nemotron-51b-instruct",
        "llama-3.3-nemotron-super-49b-v1",
        "llama3-chatqa-1.5-70b",
    )
    assert cheapest(llmrouter) == ("gemma-2-9b-it",)
    stand_in = bundled.load("stand-in-analysis", content=False)
    assert strongest(stand_in) == cheapest(stand_in) == stand_in.arms


def test_bundles_are_small_and_carry_no_time():
    """Under 3 MB each and 4 MB together; the gzip header has no time or name, so a rebuild gives the same bytes."""
    data = ROOT / "producers/replay/data"
    sizes = {path.name: path.stat().st_size for path in data.glob("*.json.gz")}
    assert len(sizes) == len(bundled.BUNDLES)
    assert max(sizes.values()) < 3_000_000
    assert sum(sizes.values()) < 4_000_000
    for path in data.glob("*.json.gz"):
        header = path.read_bytes()[:10]
        assert header[3] == 0, "flags: no name, no comment"
        assert header[4:8] == bytes(4), "time"


def test_packing_is_reproducible():
    """The same content gives the same bytes, and reads back as it was."""
    content = {"texts": ["größer\u2028", "b"], "observed": {"quality": [[0.1, 1]]}}
    first = bundle.pack(content)
    assert first == bundle.pack(content)
    assert json.loads(gzip.decompress(first)) == content
