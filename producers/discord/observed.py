"""What came of a decision about a model, as observations (docs/discord.md says what each means)."""

from collections.abc import Sequence

from producers.providers import Attempt
from schemas import observations as names

from .journal import Acted


def of_answer(
    acted: Acted, attempts: Sequence[Attempt], *, answered_by: str | None, ms: float | None, first_ms: float | None
) -> dict[str, float]:
    """attempts: all models that were asked.  answered_by: the one that answered; None: none did.

    It is the chosen model's outcome, whoever answered: who fails is not saved by the next one (intention to treat).
    ms, first_ms: None where a restart of the bot, not the model, made them what they are.
    """
    own = [each for each in attempts if each.arm == acted.arm]
    failed = answered_by != acted.arm and not (own and own[-1].how == "cancelled")  # not because it was overtaken
    found = {
        names.SUCCESS: float(answered_by == acted.arm),
        names.ERROR: float(failed),
        names.FALLBACK: float(answered_by is not None and answered_by != acted.arm),
        names.COST: sum(each.cost_usd for each in attempts),
    }
    if answered_by is not None and ms is not None:
        found[names.LATENCY_MS] = ms
    if answered_by is not None and first_ms is not None:
        found[names.FIRST_TOKEN_MS] = first_ms
    if answered_by is not None and answered_by != acted.arm and acted.arms is not None:
        found[names.ANSWERED_BY] = float(acted.index(answered_by))
    return found
