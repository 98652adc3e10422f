"""What `/settings` shows: a text and controls for each page, made of the settings in force."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import discord
from discord import ui
from msgspec import Struct

from producers.discord.ports import GuildSettings
from producers.discord.words import languages, say

from .changes import CAPS, DOMAINS, MENU, Offer, dollars, price

#: What can be changed, in the order of the menu; each has a page.
PAGES: Final = ("models", "budget", "language", "analysis", "engagement", "domains", "content")
_NOT_IN_DIRECT_MESSAGES: Final = frozenset({"analysis"})
_LONGEST_LIST: Final = 900

Item = ui.Item[Any]


class Shown(Struct, frozen=True):
    """What a page is made of."""

    settings: GuildSettings
    offer: Offer
    spent_usd: float
    language: str  # to speak
    direct: bool
    channels: frozenset[int] = frozenset()  # of the chosen ones, those that are still there


def overview(shown: Shown) -> str:
    """All that is in force."""
    title = say(shown.language, "settings.title_direct" if shown.direct else "settings.title")
    return "\n".join([title, *(_line(shown, page) for page in pages(shown))])


def pages(shown: Shown) -> tuple[str, ...]:
    """Those that make sense here."""
    return tuple(page for page in PAGES if not (shown.direct and page in _NOT_IN_DIRECT_MESSAGES))


def text(shown: Shown, page: str, note: str = "") -> str:
    """What stands above the controls.  note: what came of the last choice."""
    if page == "overview":
        body = overview(shown)
    else:
        name, about = say(shown.language, f"settings.name_{page}"), say(shown.language, f"settings.about_{page}")
        body = f"### {name}\n{about}\n\n{_line(shown, page)}"
    return f"{body}\n\n{note}" if note else body


def controls(shown: Shown, page: str) -> list[Item]:
    """The page's controls; the custom id of each is `settings:` and what it does."""
    if page == "overview":
        options = [
            discord.SelectOption(label=say(shown.language, f"settings.name_{each}"), value=each)
            for each in pages(shown)
        ]
        return [_select(shown, "page", "choose", options)]
    return [*_CONTROLS[page](shown), _button(shown, "back", "back", discord.ButtonStyle.secondary)]


def _line(shown: Shown, page: str) -> str:
    """What is in force of one page."""
    name = say(shown.language, f"settings.name_{page}")
    return say(shown.language, "settings.line", name=name, value=_VALUES[page](shown))


def _models(shown: Shown) -> str:
    allowed = shown.settings.models
    if allowed is None:
        return say(shown.language, "settings.models_all", count=len(shown.offer.models))
    return _list([f"`{each}`" for each in allowed])


def _budget(shown: Shown) -> str:
    spent, budget = dollars(shown.spent_usd), shown.settings.monthly_budget_usd
    if budget is None:
        return say(shown.language, "settings.budget_none", spent=spent)
    return say(shown.language, "settings.budget_some", budget=dollars(budget), spent=spent)


def _analysis(shown: Shown) -> str:
    if not shown.settings.analysis:
        return say(shown.language, "settings.off")
    if not shown.settings.analysis_channels:
        return say(shown.language, "settings.analysis_nowhere")
    channels = _list([f"<#{each}>" for each in sorted(shown.settings.analysis_channels)])
    return say(shown.language, "settings.analysis_where", channels=channels)


def _language(shown: Shown) -> str:
    return say(shown.settings.language, "settings.language_name")


def _engagement(shown: Shown) -> str:
    if not shown.settings.engagement:
        return say(shown.language, "settings.off")
    return say(shown.language, "settings.engagement_some", count=shown.settings.engagement_per_day)


def _content(shown: Shown) -> str:
    return say(shown.language, "settings.on" if shown.settings.content_features else "settings.off")


def _domains(shown: Shown) -> str:
    on = [say(shown.language, f"settings.domain_{each}") for each in DOMAINS if shown.settings.on(each)]
    return _list(on) if on else say(shown.language, "settings.domains_none")


_VALUES: Final[dict[str, Callable[[Shown], str]]] = {
    "models": _models,
    "budget": _budget,
    "language": _language,
    "analysis": _analysis,
    "engagement": _engagement,
    "domains": _domains,
    "content": _content,
}


def _list(parts: Sequence[str]) -> str:
    """Names with commas, cut where a message would become too long."""
    text = ", ".join(parts)
    return text if len(text) <= _LONGEST_LIST else f"{text[: _LONGEST_LIST - 2]} …"


def _select(
    shown: Shown, what: str, placeholder: str, options: list[discord.SelectOption], *, many: bool = False
) -> ui.Select[Any]:
    return ui.Select(
        custom_id=f"settings:{what}",
        placeholder=say(shown.language, f"settings.{placeholder}"),
        options=options,
        min_values=0 if many else 1,
        max_values=len(options) if many else 1,
    )


def _button(
    shown: Shown, what: str, words: str, style: discord.ButtonStyle = discord.ButtonStyle.primary
) -> ui.Button[Any]:
    return ui.Button(custom_id=f"settings:{what}", label=say(shown.language, f"settings.{words}"), style=style)


def _switch(shown: Shown, what: str, on: bool) -> ui.Button[Any]:
    return _button(shown, what, "switch_off" if on else "switch_on")


def _models_controls(shown: Shown) -> list[Item]:
    models, allowed = shown.offer.models, shown.settings.models
    menus: list[Item] = [
        _select(
            shown,
            f"models-{number}",
            "models_choose",
            [
                discord.SelectOption(
                    label=each, value=each, description=_price(shown, each), default=allowed is None or each in allowed
                )
                for each in models[begin : begin + MENU]
            ],
            many=True,
        )
        for number, begin in enumerate(range(0, len(models), MENU))
    ]
    return [*menus, _button(shown, "allow-all", "models_allow_all")]


def _price(shown: Shown, model: str) -> str | None:
    """What a question costs with a model."""
    usd = shown.offer.prices.get(model)
    if usd is None:
        return None
    if usd == 0.0:
        return say(shown.language, "settings.model_free")
    return say(shown.language, "settings.model_price", price=price(usd))


def _budget_controls(shown: Shown) -> list[Item]:
    return [_button(shown, "open-budget", "budget_open")]


def _language_controls(shown: Shown) -> list[Item]:
    options = [
        discord.SelectOption(
            label=say(each, "settings.language_name"), value=each, default=each == shown.settings.language
        )
        for each in languages()[:MENU]
    ]
    return [_select(shown, "language", "language_choose", options)]


def _analysis_controls(shown: Shown) -> list[Item]:
    kind = discord.SelectDefaultValueType.channel
    chosen = [discord.SelectDefaultValue(id=each, type=kind) for each in sorted(shown.channels)[:MENU]]
    select: ui.ChannelSelect[Any] = ui.ChannelSelect(
        custom_id="settings:channels",
        placeholder=say(shown.language, "settings.channels_choose"),
        channel_types=[discord.ChannelType.text, discord.ChannelType.news, discord.ChannelType.forum],
        min_values=0,
        max_values=MENU,
        default_values=chosen,
    )
    return [select, _switch(shown, "analysis", shown.settings.analysis)]


def _engagement_controls(shown: Shown) -> list[Item]:
    options = [
        discord.SelectOption(label=str(each), default=each == shown.settings.engagement_per_day) for each in CAPS
    ]
    select = _select(shown, "cap", "engagement_choose", options)
    return [select, _switch(shown, "engagement", shown.settings.engagement)]


def _domains_controls(shown: Shown) -> list[Item]:
    options = [
        discord.SelectOption(
            label=say(shown.language, f"settings.domain_{each}"), value=each, default=shown.settings.on(each)
        )
        for each in DOMAINS
    ]
    return [_select(shown, "domains", "domains_choose", options, many=True)]


def _content_controls(shown: Shown) -> list[Item]:
    return [_switch(shown, "content", shown.settings.content_features)]


_CONTROLS: Final[dict[str, Callable[[Shown], list[Item]]]] = {
    "models": _models_controls,
    "budget": _budget_controls,
    "language": _language_controls,
    "analysis": _analysis_controls,
    "engagement": _engagement_controls,
    "domains": _domains_controls,
    "content": _content_controls,
}
