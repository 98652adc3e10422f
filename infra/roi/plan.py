"""The plan file of `croupier roi`: what was invested, what a served interaction is worth, and beside what."""

import tomllib
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from schemas.errors import CroupierError

Positive = Annotated[float, Meta(gt=0.0)]
NotNegative = Annotated[float, Meta(ge=0.0)]


class PlanError(CroupierError):
    """The file says something that cannot be."""


class Scope(Struct, frozen=True, forbid_unknown_fields=True):
    """One domain whose decisions the benefit comes from, and what it is compared with: exactly one of the two."""

    tenant: str
    domain: str
    baseline: str | None = None  # arm:NAME, uniform, a policy, a kind, state:FILE: as `croupier evaluate --policy`
    control: str | None = None  # TENANT/DOMAIN of a measured control group
    interactions_per_month: Positive | None = None  # None: as many as were measured


class Plan(Struct, frozen=True, forbid_unknown_fields=True):
    """USD, and a year's discount rate as a share."""

    investment: Positive
    value_of_resolved: NotNegative = 0.0  # of an interaction that was served well
    value_of_minute: NotNegative = 0.0  # of a minute saved, by the observation `minutes_saved`
    most_minutes: NotNegative = 60.0  # more than that in one interaction is not believed
    #: USD of one interaction at most; what cost more counts as that much, and is told.  The narrower it is, the sooner
    #: something is known.  None: what the domain declares (`worth.largest_cost`).
    largest_cost: Positive | None = None
    running_cost: NotNegative = 0.0  # a month, of Croupier itself: hosting, people
    discount_rate: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.08
    scope: Annotated[tuple[Scope, ...], Meta(max_length=64)] = ()
    #: USD a month that somebody states instead of measuring; the answer says so.
    assumed_monthly_benefit: float | None = None


def read_plan(path: Path) -> Plan:
    """PlanError: what is wrong, where, and what is expected."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"{path} cannot be read ({error}); expected a plan such as examples/roi.toml") from None
    try:
        found: Plan = msgspec.convert(tomllib.loads(text), Plan)
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"{path} is no TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise PlanError(f"{path}: {error}; docs/roi.md has every key") from None
    _check(path, found)
    return found


def _check(path: Path, plan: Plan) -> None:
    def wrong(text: str) -> Any:
        raise PlanError(f"{path}: {text}")

    if plan.assumed_monthly_benefit is not None:
        if plan.scope:
            wrong("assumed_monthly_benefit and [[scope]] exclude each other: a benefit is assumed, or it is measured")
        return
    if not plan.scope:
        wrong("there is no [[scope]]: say which tenant's domain the benefit comes from, and its baseline")
    names: set[tuple[str, str]] = set()
    for number, scope in enumerate(plan.scope, start=1):
        where = f"scope {number} ({scope.tenant}/{scope.domain})"
        if (scope.baseline is None) == (scope.control is None):
            wrong(f"{where} needs exactly one of baseline, such as 'arm:NAME', and control, a 'TENANT/DOMAIN'")
        if scope.control is not None and scope.control.count("/") != 1:
            wrong(f"{where}: control is {scope.control!r}; expected TENANT/DOMAIN")
        if (scope.tenant, scope.domain) in names:
            wrong(f"{where} is there twice: its benefit would count twice")
        names.add((scope.tenant, scope.domain))
