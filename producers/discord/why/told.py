"""A decision in plain words, without a word of statistics that nobody asked for."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from producers.discord.analysis.prompts import DEPTHS
from producers.discord.engagement.offers import OFFERS
from producers.discord.ports import CONTENT_ANALYSIS, USER_ENGAGEMENT
from producers.discord.words import say
from schemas import observations as names

_MOST_OTHERS: Final = 5
#: Reasons of a restriction that have a text of their own.
REASONS: Final = (
    "unhealthy", "budget", "not-allowed", "context-length", "capability", "disabled", "no-key", "tried", "unknown",
)  # fmt: skip
_LEAST_SHOWN: Final = 0.001


class Chance(Struct, frozen=True):
    """An arm that could have been chosen."""

    arm: str
    probability: float


class Known(Struct, frozen=True):
    """What is known of a decision, from the log or, where that can not be asked, from the bot's own notes."""

    domain: str
    arm: str  # that was acted on
    fallback: bool  # no decision came in time: nobody chose it
    chances: tuple[Chance, ...] = ()  # of the decision, the likeliest first; empty: not known
    restricted: Mapping[str, str] = {}  # other arms, and why not
    observed: Mapping[str, float] = {}
    answered_by: str | None = None  # another arm than the one chosen
    reward: float | None = None  # 0 to 1; None: it has not ended, or is not known
    open_until: int | None = None  # Unix seconds: feedback counts until then
    from_log: bool = True
    switched_off: bool = False  # this guild asks for no decisions of this kind

    @property
    def probability(self) -> float | None:
        """Of the arm that was acted on."""
        return next((each.probability for each in self.chances if each.arm == self.arm), None)


def told(known: Known, language: str) -> str:
    """In Discord's markdown, a few short paragraphs."""
    parts = [
        " ".join(_choice(known, language)),
        " ".join(_restrictions(known, language)),
        " ".join(_course(known, language)),
        " ".join(_end(known, language)),
    ]
    return "\n\n".join(each for each in parts if each)


def arm_name(domain: str, arm: str, language: str) -> str:
    """A model by its name, and what is not a model in words."""
    if (domain == CONTENT_ANALYSIS and arm in DEPTHS) or (domain == USER_ENGAGEMENT and arm in OFFERS):
        return say(language, f"why.arm_{arm}")
    return f"`{arm.replace('`', '')}`"


def _choice(known: Known, language: str) -> Iterator[str]:
    name = arm_name(known.domain, known.arm, language)
    if known.switched_off:
        yield say(language, "why.switched_off", arm=name)
        return
    if known.fallback:
        yield say(language, "why.fallback", arm=name)
        return
    if known.probability is None:
        yield say(language, "why.chosen", arm=name)
        return
    yield say(language, "why.chosen_with", arm=name, probability=percent(known.probability))
    if len(known.chances) == 1:
        yield say(language, "why.only_one")
        return
    first = known.chances[0]
    if known.chances[-1].probability == first.probability:
        yield say(language, "why.all_equal")
    elif known.probability >= first.probability:
        yield say(language, "why.first_choice")
    else:
        other = arm_name(known.domain, first.arm, language)
        yield say(language, "why.tried_out", first=other, probability=percent(first.probability))
    others = [each for each in known.chances if each.arm != known.arm][:_MOST_OTHERS]
    listed = ", ".join(f"{arm_name(known.domain, each.arm, language)} {percent(each.probability)}" for each in others)
    yield say(language, "why.others", others=listed)


def _restrictions(known: Known, language: str) -> Iterator[str]:
    by_reason: dict[str, list[str]] = {}
    for arm, reason in known.restricted.items():
        short = reason.removeprefix("restricted: ")
        by_reason.setdefault(short if short in REASONS else "other", []).append(arm_name(known.domain, arm, language))
    for reason, arms in by_reason.items():
        yield say(language, f"why.not_{reason.replace('-', '_')}", arms=", ".join(arms))


def _course(known: Known, language: str) -> Iterator[str]:
    observed = known.observed
    if known.answered_by is not None:
        other = arm_name(known.domain, known.answered_by, language)
        yield say(language, "why.answered_by", other=other, arm=arm_name(known.domain, known.arm, language))
    elif observed.get(names.ERROR, 0.0) > 0.0:
        yield say(language, "why.failed")
    if cost := observed.get(names.COST):
        yield say(language, "why.cost", cost=cents(cost))
    if (latency := observed.get(names.LATENCY_MS)) is not None:
        yield say(language, "why.latency", seconds=f"{latency / 1000:.1f}")


#: What people did, and which text says so: above one half, and not.
_SIGNALS: Final[Sequence[tuple[str, str, str | None]]] = (
    (names.THUMBS, "why.thumbs_up", "why.thumbs_down"),
    (names.REACTION, "why.reaction_pleased", "why.reaction_displeased"),
    (names.REGENERATED, "why.regenerated", None),
    (names.REPLIED, "why.replied", None),
    (names.CLICKED, "why.clicked", None),
    (names.VOTED, "why.voted", None),
    (names.REQUESTED, "why.requested", None),
    (names.DELETED, "why.deleted", None),
)


def _end(known: Known, language: str) -> Iterator[str]:
    said = []
    for name, yes, no in _SIGNALS:
        value = known.observed.get(name)
        key = None if value is None else yes if value > 0.5 else no
        if key is not None:
            said.append(say(language, key))
    if said:
        yield say(language, "why.feedback", what=", ".join(said))
    elif known.from_log:
        yield say(language, "why.no_feedback")
    if not known.from_log:
        yield say(language, "why.from_notes")
    elif known.fallback:
        yield say(language, "why.not_learned")
    elif known.reward is not None:
        yield say(language, "why.earned", reward=percent(known.reward))
    elif known.open_until is not None:
        yield say(language, "why.open", until=f"<t:{known.open_until}:R>")


def percent(share: float) -> str:
    """A probability as people read it."""
    if 0.0 < share < _LEAST_SHOWN:
        return "<0.1%"
    if 0.99 < share < 1.0:
        return ">99%"
    return f"{100 * share:.1f}%" if share < 0.1 else f"{100 * share:.0f}%"


def cents(usd: float) -> str:
    """An amount of a single question."""
    return f"${usd:,.2f}" if usd >= 0.1 or usd == 0.0 else f"${usd:.2g}" if usd >= 0.0001 else "<$0.0001"
