"""Logs that have lost their beginning: no false alarm, what cannot be examined is said, and the rest is still held."""

import random

from infra.verify.findings import Fault

from .damage import DAMAGES
from .offline import HOME, deployment
from .random_logs import Step, random_script


def steady(rng: random.Random) -> list[Step]:
    """The broker's clock does not go back: how far it had been is not known of a log without its beginning."""
    return [step._replace(back_ms=0) for step in random_script(rng)]


TRIMMED = ("contexts", "decisions", "rewards", "dead-letters")


def test_what_retention_took_is_no_fault() -> None:
    """Any prefix of the logs that have a retention may be gone: nothing is wrong, and it is said what is not known."""
    said = set()
    for seed in range(120):
        rng = random.Random(seed)
        made = deployment(steady(rng), seed)
        for topic in rng.sample(TRIMMED, rng.randint(1, 4)):
            log = made.logs[topic][HOME]
            made.trim(topic, rng.randint(0, log[-1].offset + 1 if log else 0))
            made.committed.get(topic, {}).pop(HOME, None)
        found = made.examine()
        assert found.problems == [], (seed, made.begins)
        said |= found.not_examined.keys()
    assert any("dead letter" in sentence for sentence in said)
    assert any("context" in sentence for sentence in said)
    assert any("endings" in sentence for sentence in said)


def test_outcomes_are_gone() -> None:
    """Without the beginning of outcomes no state and no KPI can be made anew; nothing that is there is wrong for it."""
    for seed in range(60):
        rng = random.Random(seed)
        made = deployment(steady(rng), seed)
        made.trim("outcomes", rng.randint(1, made.logs["outcomes"][HOME][-1].offset + 1))
        found = made.examine()
        assert found.problems == [], seed
        assert any("outcomes are gone" in sentence for sentence in found.not_examined)


def test_damage_after_the_trimmed_part_is_found() -> None:
    """With the first decisions gone, an outcome that is doubled, a state and a KPI that are altered are still found."""
    for name in ("a_doubled_outcome", "a_bit_of_learner_state", "an_altered_kpi"):
        damaged = 0
        for seed in range(60):
            rng = random.Random(seed)
            made = deployment(steady(rng), seed)
            made.trim("decisions", len(made.logs["decisions"][HOME]) // 2)
            expected = DAMAGES[name](made, rng)
            if expected is not None:
                assert made.examine().counts.get(expected.fault, 0) > 0, (name, seed)
                damaged += 1
        assert damaged > 10


def test_records_that_nobody_handled_before_they_were_taken() -> None:
    """A log that begins after what was committed has lost contexts for good."""
    made = deployment(steady(random.Random(1)), 1)
    made.trim("contexts", 3)
    made.committed["contexts"][HOME] = 1

    (finding,) = made.examine().findings

    assert finding.fault is Fault.TRIMMED_UNREAD
    assert "retention took 2 records that nobody handled" in finding.detail
