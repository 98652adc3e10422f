"""What reactions say about a choice: every arm's signals are worth something, and silence lies between them."""

import pytest

from producers.discord.analysis.prompts import DEPTHS
from producers.discord.engagement.offers import OFFERS
from producers.discord.ports import CONTENT_ANALYSIS, USER_ENGAGEMENT
from producers.discord.wanted import SILENCE, WORTH, observations
from schemas.observations import MEANINGS, WANTED

CHOICES = [(domain, arm) for domain, arms in WORTH.items() for arm in arms]


def test_every_arm_is_there() -> None:
    assert tuple(WORTH[CONTENT_ANALYSIS]) == DEPTHS
    assert tuple(WORTH[USER_ENGAGEMENT]) == OFFERS


@pytest.mark.parametrize(("domain", "arm"), CHOICES)
def test_an_arm_can_be_right_or_wrong_and_silence_is_neither(domain: str, arm: str) -> None:
    """Otherwise it is learned that saying nothing is best, or worst, whatever people do."""
    silent = observations(domain, arm, SILENCE)[WANTED]
    told = {
        observations(domain, arm, signal, value).get(WANTED, silent)
        for signal in WORTH[domain][arm]
        for value in (0.0, 1.0)
    }
    assert min(told) < silent < max(told) or (arm in ("skip", "nothing") and told != {silent})
    assert all(0.0 <= each <= 1.0 for each in told)


@pytest.mark.parametrize(("domain", "arm"), CHOICES)
def test_all_that_is_sent_has_a_name_that_everybody_knows(domain: str, arm: str) -> None:
    for signal in WORTH[domain][arm]:
        assert observations(domain, arm, signal).keys() <= MEANINGS.keys()


def test_posting_into_silence_is_worse_than_keeping_quiet() -> None:
    for domain, quiet in ((CONTENT_ANALYSIS, "skip"), (USER_ENGAGEMENT, "nothing")):
        for arm in WORTH[domain]:
            if arm != quiet:
                assert observations(domain, arm, SILENCE)[WANTED] < observations(domain, quiet, SILENCE)[WANTED]


def test_a_skip_is_told_of_when_somebody_asks_and_when_nobody_does() -> None:
    assert observations(CONTENT_ANALYSIS, "skip", "requested") == {"requested": 1.0, "wanted": 0.0}
    assert observations(CONTENT_ANALYSIS, "skip", SILENCE) == {"requested": 0.0, "wanted": 0.5}


def test_what_was_not_done_says_nothing() -> None:
    """No vote by somebody who did not vote: an observation of 0 is no sign of worth by itself."""
    assert observations(USER_ENGAGEMENT, "poll", "voted", 0.0) == {"voted": 0.0}
    assert observations("model_routing", "gpt", "thumbs", 1.0) == {"thumbs": 1.0}
