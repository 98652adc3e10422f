"""A guild's figures in words."""

from collections.abc import Mapping
from typing import Any

from producers.discord.why.told import arm_name
from producers.discord.words import say

from .picture import Labels

LONGEST_ALTERNATIVE = 1024


def money(usd: float) -> str:
    """Dollars with the digits that matter: questions cost fractions of a cent."""
    return f"${usd:,.2f}" if usd >= 1 else f"${usd:.3g}"


def percent(share: float) -> str:
    """A share, whole percent."""
    return f"{100 * share:.0f}%"


def headline(found: Mapping[str, Any], domain: Mapping[str, Any], language: str) -> str:
    """How many questions, over what time."""
    if found["whole"]:
        return say(language, "stats.questions", count=domain["outcomes"], days=found["days"])
    return say(language, "stats.last_questions", count=domain["outcomes"])


def lines(domain: Mapping[str, Any], language: str) -> list[str]:
    """What there is to say of one domain, a line each."""
    told = [say(language, "stats.cost", cost=money(domain["cost"]))]
    cut = domain["cost_cut"]
    if cut is not None:
        less, more = "stats.saved", "stats.cost_more"
        key, sign = (less, 1.0) if cut["estimate"] >= 0 else (more, -1.0)
        low, high = sorted(sign * cut[side] for side in ("lower", "upper"))
        told.append(
            say(
                language, key, share=percent(sign * cut["estimate"]), low=percent(low), high=percent(high),
                strongest=domain["strongest"],
            )
        )  # fmt: skip
        if cut["lower"] < 0 < cut["upper"]:
            told.append(say(language, "stats.not_sure"))
        if (value := domain["value_share"]) is not None:
            told.append(
                say(
                    language, "stats.value", share=percent(value["estimate"]), low=percent(value["lower"]),
                    high=percent(value["upper"]),
                )
            )  # fmt: skip
    elif domain["strongest"] is not None:
        told.append(say(language, "stats.not_known", strongest=domain["strongest"]))
    satisfaction = domain["satisfaction"]
    if satisfaction is None:
        told.append(say(language, "stats.nobody_rated"))
    else:
        told.append(
            say(
                language, "stats.satisfaction", share=percent(satisfaction["estimate"]),
                low=percent(satisfaction["lower"]), high=percent(satisfaction["upper"]), rated=domain["rated"],
                rate=percent(domain["rated"] / domain["outcomes"]),
            )
        )  # fmt: skip
    if domain["latency_ms"] is not None:
        told.append(say(language, "stats.latency", seconds=f"{domain['latency_ms'] / 1000:.1f}"))
    told.append(say(language, "stats.fallback", share=_small(domain["unfollowed"], domain["outcomes"])))
    if domain["errors"]:
        told.append(say(language, "stats.errors", share=_small(domain["errors"], domain["outcomes"])))
    return told


def arms_line(domain: Mapping[str, Any], title: str, language: str) -> str:
    """Shares of a domain's arms in one line."""
    shares = (
        f"{arm_name(domain['domain'], each['name'], language)} {percent(each['share'])}" for each in domain["arms"]
    )
    return f"**{title}** ({domain['outcomes']}): {', '.join(shares)}"


def labels(guild: str, language: str) -> Labels:
    """What is written on the picture."""
    return Labels(
        say(language, "stats.picture_title", guild=guild[:60]),
        say(language, "stats.picture_cost"),
        say(language, "stats.picture_spent"),
        say(language, "stats.picture_strongest"),
        say(language, "stats.picture_unknown"),
        say(language, "stats.picture_arms"),
        say(language, "stats.picture_others"),
        say(language, "stats.picture_days"),
    )


def alternative(found: Mapping[str, Any], domain: Mapping[str, Any], language: str) -> str:
    """The picture in words, for those who do not see it."""
    arms = ", ".join(f"{each['name']} {percent(each['share'])}" for each in domain["arms"])
    text = say(
        language, "stats.alternative", headline=headline(found, domain, language),
        lines=" ".join(lines(domain, language)), arms=arms,
    )  # fmt: skip
    plain = text.replace("*", "")
    return plain if len(plain) <= LONGEST_ALTERNATIVE else plain[: LONGEST_ALTERNATIVE - 1] + "\u2026"


def _small(part: int, whole: int) -> str:
    share = part / whole if whole else 0.0
    return percent(share) if share == 0.0 or share >= 0.1 else f"{100 * share:.2g}%"
