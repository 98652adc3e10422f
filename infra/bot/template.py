"""The domains that every server gets: a domain file (examples/bot.toml) with the catalogue's models as arms.

`Template.of` makes one tenant's specifications of its settings: models that are not allowed are disabled arms, a
monthly budget is a hard cap.  Whatever an admin can choose gives specifications that `croupier domains check` accepts
(tests/bot/test_template.py).
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from infra.domains.file import check_file
from producers.discord import conversation
from producers.discord.asked import MOST_IMAGES
from producers.discord.features import FEATURES
from producers.discord.pace import Pace
from producers.discord.ports import MODEL_ROUTING, GuildSettings
from producers.providers.catalogue import Catalogue, Model
from producers.providers.estimate import IMAGE_TOKENS, text_tokens
from producers.providers.prices import expected_cost
from schemas.domains import Arm, Budget, DomainSpec, Quality
from schemas.errors import SpecificationError

#: A question of the usual size, with its conversation, and the answer to it.
EXPECTED_INPUT_TOKENS: Final = 600
EXPECTED_OUTPUT_TOKENS: Final = 350
#: The largest request that the bot makes: the conversation, a question and the instructions, in a script of which a
#: token holds half as many characters as the catalogue says, and pictures.
MOST_CHARACTERS: Final = conversation.MOST_CHARACTERS + 8_000
MOST_PICTURE_TOKENS: Final = MOST_IMAGES * IMAGE_TOKENS
MOST_OUTPUT_TOKENS: Final = Pace().output_tokens

#: Domains whose features may hold content.
_WITH_CONTENT: Final = frozenset(
    domain for domain, features in FEATURES.items() if any(each.privacy == "content" for each in features)
)


class Template:
    """What every tenant's domains are made of."""

    def __init__(self, specs: Mapping[str, DomainSpec]) -> None:
        """specs: by domain; those of direct messages without any settings."""
        self._specs = dict(specs)

    @property
    def arms(self) -> tuple[Arm, ...]:
        """Of model_routing."""
        return self._specs[MODEL_ROUTING].arms

    def of(self, tenant: str, settings: GuildSettings) -> list[DomainSpec]:
        """A tenant's specifications.  model_routing is left out when none of the allowed models is in the catalogue."""
        specs = [
            msgspec.structs.replace(
                spec, tenant=tenant, content_features=settings.content_features and name in _WITH_CONTENT
            )
            for name, spec in self._specs.items()
        ]
        made = [_chosen(spec, settings) if spec.domain == MODEL_ROUTING else spec for spec in specs]
        return [spec for spec in made if spec is not None]

    def least_budget(self, settings: GuildSettings) -> float:
        """USD a month below which no question could be decided: what the cheapest allowed model may cost for one."""
        allowed = [arm.most or 0.0 for arm in self.arms if arm.enabled and _allowed(arm, settings)]
        return min(allowed, default=0.0)


def read_template(path: Path, catalogue: Catalogue, available: Collection[str] | None = None) -> Template:
    """The template in a file.  SpecificationError lists everything wrong with it.

    available: models that can be asked now (whose provider has its key); the catalogue's others are disabled arms, so
    that what was learned of them outlives a key that was forgotten at a start.  None: all.
    """
    specs, problems = check_file(path, lambda document: _complete(document, catalogue, available))
    if problems:
        raise SpecificationError("\n".join(map(str, problems)))
    found = {spec.domain: spec for spec in specs}
    wrong = list(_misfits(found, specs))
    if wrong:
        raise SpecificationError("\n".join(f"{path}: {each}" for each in wrong))
    return Template(found)


def arm_of(name: str, model: Model, *, enabled: bool = True) -> Arm:
    """A model as an arm: what a question is expected to cost, and what one can cost."""
    output = min(MOST_OUTPUT_TOKENS, model.most_output_tokens)
    given = 2 * text_tokens(model, MOST_CHARACTERS) + MOST_PICTURE_TOKENS
    most = expected_cost(model, min(given, model.context_length), output)
    price = expected_cost(model, EXPECTED_INPUT_TOKENS, EXPECTED_OUTPUT_TOKENS)
    return Arm(name, price=min(price, most), enabled=enabled, most=most)


def _complete(document: dict[str, Any], catalogue: Catalogue, available: Collection[str] | None) -> None:
    """The arms of model_routing are the catalogue's models, unless the file has some of its own."""
    tables = document.get("domain")
    for table in tables if isinstance(tables, list) else ():
        if isinstance(table, dict) and table.get("name") == MODEL_ROUTING and "arms" not in table:
            arms = [
                arm_of(name, catalogue.models[name], enabled=available is None or name in available)
                for name in catalogue.arms
            ]
            table["arms"] = [msgspec.to_builtins(arm) for arm in arms]
            _fit_quality(table, [arm for arm in arms if arm.enabled])


def _fit_quality(table: dict[str, Any], enabled: list[Arm]) -> None:
    """Quality is measured by the dearest model, of several the first; where all cost the same nothing can be saved."""
    quality = table.get("quality")
    if len({arm.price for arm in enabled}) < 2:
        table.pop("quality", None)
    elif isinstance(quality, dict) and "of" not in quality and "baseline" not in table:
        quality["of"] = _dearest(enabled).name


def _dearest(arms: list[Arm]) -> Arm:
    return max(arms, key=lambda arm: arm.price)


def _misfits(found: Mapping[str, DomainSpec], specs: list[DomainSpec]) -> "list[str]":
    """Why a domain file is no template."""
    wrong = [f"no domain {name}; a template has {', '.join(FEATURES)}" for name in FEATURES if name not in found]
    wrong += [
        f"a domain {name} that the bot does not know; it has {', '.join(FEATURES)}"
        for name in found
        if name not in FEATURES
    ]
    if len(specs) > len(found):
        wrong.append('several tenants; every tenant gets these domains: give the one tenant "direct"')
    for name, spec in found.items():
        if name not in FEATURES:
            continue
        if spec.features != len(FEATURES[name]):
            wrong.append(f"domain {name}: features = {spec.features}; the bot makes {len(FEATURES[name])}")
        if spec.missing != "mean":
            wrong.append(f'domain {name}: missing = "{spec.missing}"; features may be unknown: expected "mean"')
    return wrong


def _chosen(spec: DomainSpec, settings: GuildSettings) -> DomainSpec | None:
    """model_routing with the models that are allowed, within the budget."""
    arms = tuple(msgspec.structs.replace(arm, enabled=arm.enabled and _allowed(arm, settings)) for arm in spec.arms)
    enabled = [arm for arm in arms if arm.enabled]
    if not enabled:
        return None
    return msgspec.structs.replace(
        spec, arms=arms, quality=_quality(spec.quality, enabled), budget=_budget(spec.budget, enabled, settings)
    )


def _allowed(arm: Arm, settings: GuildSettings) -> bool:
    return settings.models is None or arm.name in settings.models


def _quality(floor: Quality | None, enabled: list[Arm]) -> Quality | None:
    """The floor, measured by the dearest model that is allowed if the template's is not."""
    if floor is None or len({arm.price for arm in enabled}) < 2:
        return None
    if floor.of in {arm.name for arm in enabled}:
        return floor
    return msgspec.structs.replace(floor, of=_dearest(enabled).name)


def _budget(pace: Budget | None, enabled: list[Arm], settings: GuildSettings) -> Budget | None:
    """The month's budget as a hard cap; without one, that of the template, as far as the allowed models can keep it."""
    lowest, highest = min(arm.price for arm in enabled), max(arm.price for arm in enabled)
    cap = settings.monthly_budget_usd
    if cap is None:
        return (
            None if pace is None else msgspec.structs.replace(pace, cost_per_request=max(pace.cost_per_request, lowest))
        )
    most = [arm.most for arm in enabled]
    if not any(most) or highest == 0.0:
        return None  # nothing costs anything
    if cap < min(each or 0.0 for each in most):
        return pace  # `/settings` refuses it; the bot itself asks nobody once it is spent
    return Budget(max(pace.cost_per_request if pace else highest, lowest), cap, "month")
