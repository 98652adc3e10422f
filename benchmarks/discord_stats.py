"""The picture of /stats in docs/discord-using.md: a month of a server, of recorded questions and answers.

    python -m benchmarks.discord_stats docs/pictures/discord-stats.png

Questions, and what each model's answer was worth and cost, are recorded (ParetoBandit); they are decided by the domain
that every server gets (examples/bot.toml), which learns from what came of its own choices.  Made up are the moments at
which they are asked, and who rates: one in six, a thumb up where the recorded judgement is 0.75 of 1 or better.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from infra.bot.settings import TEMPLATE
from infra.bot.summing import DAY_MS, summed
from infra.bot.template import read_template
from infra.standins.models.catalogues import recorded_catalogue
from producers.discord.features import routing_features
from producers.discord.ports import Conversation, GuildSettings, Past, Seen
from producers.discord.stats.picture import picture
from producers.discord.stats.told import alternative, headline, labels, lines
from producers.replay.bundled import read
from schemas.domains import DomainSpec
from schemas.events import Decision, Outcome
from schemas.observations import COST, SUCCESS, THUMBS
from stream_workers.learning.domain import DomainState

TENANT = "guild-1"
DAYS = 30
BEGIN_MS = 1_760_054_400_000  # a midnight (UTC)
RATES = 1 / 6
GOOD = 0.75


def main(path: Path) -> None:
    """Draw it, and print what /stats says beside it."""
    raw = read("paretobandit")
    catalogue = recorded_catalogue("http://127.0.0.1")
    template = read_template(TEMPLATE, catalogue)
    spec = next(
        each for each in template.of(TENANT, GuildSettings(models=tuple(raw["arms"]))) if each.domain == "model_routing"
    )
    figures = msgspec.to_builtins(summed("model_routing", list(outcomes(raw, spec)), spec))
    path.write_bytes(picture(figures, labels("Glacier watchers", "en")))
    found = {"whole": True, "days": DAYS}
    print(headline(found, figures, "en"), *lines(figures, "en"), "", alternative(found, figures, "en"), sep="\n")


def outcomes(raw: dict, spec: DomainSpec, seed: int = 1) -> Iterator[Outcome]:
    rng = np.random.default_rng(seed)
    state = DomainState(spec, 1)
    names = [arm.name for arm in spec.arms]
    columns = {arm: place for place, arm in enumerate(raw["arms"])}
    quality, cost = np.array(raw["observed"]["quality"]), np.array(raw["observed"]["cost"])
    order = rng.permutation(len(raw["texts"]))
    hours = np.sort(rng.beta(3, 2, len(order)) * 15 + 7 + 24 * rng.integers(DAYS, size=len(order)))
    for number, (query, hour) in enumerate(zip(order.tolist(), hours.tolist(), strict=True)):
        seen = Seen(TENANT, 1, raw["texts"][query], 1, "text", hour % 24, 0, 0, 0, "en")
        features = routing_features(seen, Past(), Conversation())
        choice = state.decide(features[None], None, rng.random(1))
        eligible = choice.propensities[0] > 0
        arms = tuple(name for name, there in zip(names, eligible, strict=True) if there)
        arm = names[int(choice.arm[0])]
        decision = Decision(
            f"r-{number}-0", TENANT, spec.domain, arms, arms.index(arm), choice.propensities[0][eligible].tobytes(),
            choice.scores[0][eligible].tobytes(), features.tobytes(), spec.champion.name, 1, number, spec.horizon_ms,
            tuple(spec.reward), number, f"user-{rng.integers(40)}",
        )  # fmt: skip
        observed = {SUCCESS: 1.0, COST: float(cost[columns[arm], query])}
        if rng.random() < RATES:
            observed[THUMBS] = float(quality[columns[arm], query] >= GOOD)
        at = BEGIN_MS + int(hour * 3_600_000)
        outcome = Outcome(number, "horizon", at, at + spec.horizon_ms, observed, number, decision)
        state.learn([outcome])
        yield outcome


if __name__ == "__main__":
    assert DAY_MS == 24 * 3_600_000
    main(Path(sys.argv[1]))
