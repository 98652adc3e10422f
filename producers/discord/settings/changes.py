"""What an admin's choice makes of the settings, or why not."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from producers.discord.ports import CONTENT_ANALYSIS, MODEL_ROUTING, USER_ENGAGEMENT, GuildSettings
from producers.discord.words import languages
from schemas.errors import CroupierError

LEAST_BUDGET_USD: Final = 0.01
MOST_BUDGET_USD: Final = 1_000_000.0
#: Choices of the cap, follow-ups a day.
CAPS: Final = (1, 2, 3, 5, 10, 20)
#: Discord shows so many options in one menu.
MENU: Final = 25

DOMAINS: Final = (MODEL_ROUTING, CONTENT_ANALYSIS, USER_ENGAGEMENT)

#: A separator of thousands would be a decimal comma elsewhere: three digits after one are not guessed at.
_AMOUNT = re.compile(r"[$€]?\s*(\d{1,9})(?:[.,](\d{1,2}))?\s*(?:\$|usd|dollars?)?", re.IGNORECASE)


class RefusedError(CroupierError):
    """A choice that can not be.  key and values: what to say (`words`)."""

    def __init__(self, key: str, **values: str) -> None:
        super().__init__(key)
        self.key = key
        self.values = values


class Offer(Struct, frozen=True):
    """What there is to choose from."""

    models: tuple[str, ...]
    prices: Mapping[str, float] = {}  # USD of a usual question, by model; one that is not there is not known


def changed(settings: GuildSettings, what: str, values: Sequence[str], offer: Offer) -> GuildSettings:
    """The settings after a choice.  what: `models-0` (the first menu of models), `budget`, `language`, ...

    values: as Discord sends them.  RefusedError: it can not be, and what to tell the person.
    """
    if what.startswith("models-"):
        return _replace(settings, models=_models(settings, what, values, offer))
    match what:
        case "allow-all":
            return _replace(settings, models=None)
        case "budget":
            return _replace(settings, monthly_budget_usd=_budget(values[0]))
        case "language" if values[0] in languages():
            return _replace(settings, language=values[0])
        case "channels":
            return _replace(settings, analysis_channels=frozenset(map(int, values)), analysis=True)
        case "analysis":
            return _replace(settings, analysis=not settings.analysis)
        case "engagement":
            return _replace(settings, engagement=not settings.engagement)
        case "cap" if int(values[0]) in CAPS:
            return _replace(settings, engagement_per_day=int(values[0]), engagement=True)
        case "domains":
            routing, analysis, engagement = (domain in values for domain in DOMAINS)
            return _replace(settings, routing=routing, analysis=analysis, engagement=engagement)
        case "content":
            return _replace(settings, content_features=not settings.content_features)
        case _:
            raise ValueError(f"no setting {what} that can be {list(values)}")


def check_budget(settings: GuildSettings, least: float) -> None:
    """RefusedError when not one question could be answered within the budget.  least: USD that one may cost."""
    budget = settings.monthly_budget_usd
    if budget is not None and budget < least:
        raise RefusedError("settings.refused_budget_small", budget=dollars(budget), least=price(least))


def dollars(amount: float) -> str:
    """An amount as people read it."""
    return f"${amount:,.2f}"


def price(amount: float) -> str:
    """One that may be far below a cent: with three digits that say something.

    >>> price(0.0264), price(0.00042), price(0.02), price(12.5)
    ('$0.0264', '$0.00042', '$0.02', '$12.50')
    """
    if not 0.0 < amount < 1.0:
        return dollars(amount)
    digits = 2 - math.floor(math.log10(amount))
    return f"${f'{amount:.{digits}f}'.rstrip('0').rstrip('.')}"


def _replace(settings: GuildSettings, **changes: object) -> GuildSettings:
    return msgspec.structs.replace(settings, **changes)


def _models(settings: GuildSettings, what: str, values: Sequence[str], offer: Offer) -> tuple[str, ...]:
    """One menu says which of its models are allowed; of the others nothing changes."""
    for value in values:
        if value not in offer.models:
            raise RefusedError("settings.refused_unknown_model", model=value[:64])
    begin = MENU * int(what.removeprefix("models-"))
    asked = offer.models[begin : begin + MENU]
    before = offer.models if settings.models is None else settings.models
    allowed = tuple(each for each in offer.models if (each in values if each in asked else each in before))
    if not allowed:
        raise RefusedError("settings.refused_no_model")
    return allowed


def _budget(text: str) -> float | None:
    """USD a month; nothing written: no limit."""
    if not text.strip():
        return None
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise RefusedError("settings.refused_amount", text=text[:40])
    whole, cents = match.groups()
    amount = float(f"{whole}.{cents or 0}")
    if not LEAST_BUDGET_USD <= amount <= MOST_BUDGET_USD:
        limits = {"least": dollars(LEAST_BUDGET_USD), "most": dollars(MOST_BUDGET_USD)}
        raise RefusedError("settings.refused_budget_range", **limits)
    return amount
