"""Specifications and what became of them, as tables people like to read."""

from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from schemas.domains import DomainSpec, LearnerSpec

from .changes import budget_words, differences, input_words, quality_words
from .duration import format_duration
from .publish import Key, Published

#: Specifications with their versions, as the log has them.


def summary(specs: Iterable[tuple[int | None, DomainSpec]]) -> Table:
    """One line for each domain.  A version of None: the domain is in a file, not in the log."""
    rows = list(specs)
    versioned = any(version is not None for version, _ in rows)
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("domain", overflow="fold")
    if versioned:
        table.add_column("version", justify="right")
    table.add_column("arms", justify="right")
    table.add_column("reward", overflow="fold")
    table.add_column("horizon", justify="right")
    table.add_column("champion", overflow="fold")
    for version, spec in rows:
        enabled = sum(arm.enabled for arm in spec.arms)
        cells = [
            f"{spec.tenant}/{spec.domain}",
            *([str(version)] if versioned else []),
            str(enabled) if enabled == len(spec.arms) else f"{enabled} of {len(spec.arms)}",
            "\n".join(f"{component.weight:g} {name}" for name, component in spec.reward.items()),
            format_duration(spec.horizon_ms),
            spec.champion.name,
        ]
        table.add_row(*map(Text, cells))
    return table


def details(version: int, spec: DomainSpec) -> RenderableType:
    """Everything one specification says."""
    fields = Table(box=None, show_header=False)
    for name, value in (
        ("features", str(spec.features)),
        ("missing features", "refused" if spec.missing == "refuse" else "taken to be the mean"),
        ("horizon", format_duration(spec.horizon_ms)),
        ("ends early", f"when {spec.ends} components were observed"),
        ("default reward", f"{spec.default_reward:g}"),
        ("exploration minimum", f"{spec.exploration_minimum:g}"),
        ("forgetting", f"{spec.forgetting:g}"),
        ("budget", budget_words(spec.budget) if spec.budget else "none"),
        ("quality floor", quality_words(spec.quality) if spec.quality else "none"),
        ("baseline", spec.baseline or "the arm of the highest price"),
        ("content features", "opted in" if spec.content_features else "off"),
        ("fleet", "opted in" if spec.fleet else "off"),
        *(("input", input_words(each)) for each in spec.inputs),
        ("champion", _learner(spec.champion)),
        *(("challenger", _learner(each)) for each in spec.challengers),
    ):
        fields.add_row(Text(name), Text(value))
    arms = Table("arm", "price", "enabled", box=box.SIMPLE_HEAD)
    for arm in spec.arms:
        arms.add_row(Text(arm.name), f"${arm.price:g}", "yes" if arm.enabled else "no")
    reward = Table("reward", "weight", "worst", "best", "required", box=box.SIMPLE_HEAD)
    for name, part in spec.reward.items():
        reward.add_row(
            Text(name), f"{part.weight:g}", f"{part.worst:g}", f"{part.best:g}", "yes" if part.required else "no"
        )
    title = Text(f"{spec.tenant}/{spec.domain}, version {version}", style="bold")
    return Group(title, fields, arms, reward)


def planned(specs: Sequence[DomainSpec], latest: Mapping[Key, tuple[int, DomainSpec | None]]) -> Table:
    """What applying would change, domain by domain."""
    table = Table("domain", "what changes", box=box.SIMPLE_HEAD)
    for spec in specs:
        changes = differences(latest.get((spec.tenant, spec.domain), (0, None))[1], spec)
        table.add_row(Text(f"{spec.tenant}/{spec.domain}"), Text("\n".join(changes) or "nothing", style=""))
    return table


def published(entries: Sequence[Published]) -> Table:
    """Where each specification stands in the log now."""
    table = Table("domain", "version", "", "outcomes", box=box.SIMPLE_HEAD)
    for entry in entries:
        note = "new" if entry.changed else "as before"
        table.add_row(
            Text(f"{entry.tenant}/{entry.domain}"),
            str(entry.version),
            "another operator's" if entry.superseded else note,
            f"partition {entry.partition}, offset {entry.offset}",
        )
    return table


def _learner(learner: LearnerSpec) -> str:
    params = ", ".join(f"{key}={value}" for key, value in learner.params.items())
    return f"{learner.name}: {learner.kind}" + (f" ({params})" if params else "")
