"""A profile adds up to the whole, and what a function does is put down to the work it is done for."""

import threading
import time
from pathlib import Path

import pytest

import benchmarks
from benchmarks.load import Load
from benchmarks.loops.sampled import Sampler
from benchmarks.parts import FIRST, NATIVE, ORDER, OTHER, RULES, part_of
from benchmarks.profile import profiled
from benchmarks.programs import BY_NAME

ROOT = Path(benchmarks.__file__).parents[1]


def test_every_rule_of_ours_names_code_that_exists():
    """A rule for a file that was renamed would silently put its work down to something else."""
    files = [str(path) for path in (ROOT / "stream_workers").rglob("*.py")]
    for rule in (*FIRST, *RULES):
        if rule.path.startswith("stream_workers/"):
            assert any(rule.path in file for file in files), rule
    assert {rule.part for rule in (*FIRST, *RULES)} | {NATIVE, OTHER} == set(ORDER)


def test_the_innermost_rule_counts_but_for_checkpoints():
    """Called code without a rule is its caller's; a stage's flush belongs to the checkpoint, whatever it calls."""
    bandit = ("/x/stream_workers/bandits/ridge.py", "update")
    learning = ("/x/stream_workers/learning/processor.py", "apply")
    flush = ("/x/stream_workers/learning/processor.py", "flush")
    app = ("/x/stream_workers/runtime/app.py", "_deliver")
    assert part_of([bandit, learning, app]) == "learn outcomes"
    assert part_of([bandit, flush, app]) == "checkpoint: take the state"
    assert part_of([app]) == "deliver to stages"
    assert part_of([("/lib/json/decoder.py", "decode")]) == OTHER


def test_a_busy_threads_time_is_put_down_to_it(tmp_path):
    """What the sampler adds up is what the process used, but for its own looking."""
    sampler = Sampler(tmp_path / "sums.json")
    busy = threading.Thread(target=_spin)
    before = time.process_time()
    busy.start()
    while busy.is_alive():
        sampler._look()
        time.sleep(0.002)
    used = time.process_time() - before
    # The main thread looks here, so that its own time is left out of the sums.
    assert 0.15 <= sum(sampler.sums.values()) <= used + 0.05


def _spin() -> None:
    until = time.thread_time() + 0.3
    while time.thread_time() < until:
        pass


@pytest.mark.kafka
async def test_the_profile_of_a_running_router_finds_its_parts(kafka):
    """Every microsecond has a part, and a router decodes, chooses, encodes and appends."""
    found = await profiled(kafka, BY_NAME["croupier_router"], Load(partitions=4, tenants=4, trained=20), 60_000)
    parts = found["parts"]
    assert sum(parts.values()) == pytest.approx(found["microseconds"], abs=0.05)
    assert all(parts[name] > 0 for name in ("choose an arm", "decode contexts", "encode decisions"))
    assert parts["join decisions and rewards"] == 0
