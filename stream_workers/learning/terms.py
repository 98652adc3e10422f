"""What follows from a specification whatever the names of its tenant and domain.

A deployment with many tenants declares the same for most of them: they share one of these, which keeps the memory of a
small domain at little more than what it has learned, and what is read of it near.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final
from weakref import WeakValueDictionary

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.domains import DomainSpec, LearnerSpec
from stream_workers.bandits import pacer, quality, steering
from stream_workers.bandits.arrays import Arrangement
from stream_workers.bandits.cost_model import Outlook, outlook_of
from stream_workers.bandits.pacer import pace_for
from stream_workers.bandits.packing import Packing
from stream_workers.bandits.policy import Setting
from stream_workers.evaluation import progressive
from stream_workers.honesty.checks import Subject, limits_of

from . import spending

#: Of the outcomes of a domain; of those that were not followed only that, and that they are outcomes.
COUNTED: Final = ("outcomes", "complete", "removed_arm", "costs", "unfollowed")


assert DomainSpec.__struct_fields__[:2] == ("tenant", "domain")
_fields: Final[Callable[[DomainSpec], tuple[Any, ...]]] = attrgetter(*DomainSpec.__struct_fields__[2:])


class Terms:
    """Of all specifications that are equal but for tenant and domain.  Nothing here is changed."""

    def __init__(self, spec: DomainSpec) -> None:
        #: The fields after tenant and domain.
        self.fields: Final[tuple[Any, ...]] = _fields(spec)
        self.learners: Final[tuple[LearnerSpec, ...]] = (spec.champion, *spec.challengers)
        self.names: Final = tuple(each.name for each in self.learners)
        self.arms: Final = tuple(arm.name for arm in spec.arms)
        self.index: Final = {name: i for i, name in enumerate(self.arms)}
        self.enabled: Final[NDArray[np.bool_]] = np.array([arm.enabled for arm in spec.arms], np.bool_)
        self.places: Final[NDArray[np.int64]] = np.flatnonzero(self.enabled)
        self.prices: Final[NDArray[np.float64]] = np.array([arm.price for arm in spec.arms], np.float64)
        self.baseline: Final = _baseline(spec)
        budget = spec.budget.cost_per_request if spec.budget else None
        self.pace: Final = pace_for(budget, self.prices[self.enabled])
        self.cap: Final = spending.cap_of(spec)
        self.floor: Final = _floor(spec, self.prices, self.enabled)
        #: The arm that the floor is under; None: there is no floor.
        self.strongest: Final = self.arms[self.floor.strongest] if self.floor.share else None
        self.steering: Final = steering.constants(self.pace, self.floor)
        #: What costs are regressed with; None: nothing depends on them.
        self.outlook: Final[Outlook | None] = (
            outlook_of(self.prices, spec.width, self.pace.budget or float(self.prices.max()))
            if self.pace.budget or self.floor.share
            else None
        )
        self.settings: Final = tuple(
            Setting(self.arms, spec.width, spec.exploration_minimum, spec.forgetting, each.params)
            for each in self.learners
        )
        #: What the checks are about, and what they take from it.
        self.checked: Final = Subject(
            self.names,
            self.arms,
            tuple(arm.enabled for arm in spec.arms),
            spec.width,
            spec.horizon_ms,
            spec.exploration_minimum,
        )
        self.limits: Final = limits_of(self.checked)
        evaluation = progressive.parts(len(self.learners), len(self.arms))
        self.arrangement: Final = Arrangement(
            {
                "lambda": (np.float64, (1,)),
                "paced": (np.float64, (pacer.SIZE,)),
                "held": (np.float64, (quality.SIZE,)),
                "counts": (np.int64, (len(COUNTED),)),
                **evaluation,
                "checks": (np.float64, (self.checked.size,)),
                "charged": (np.float64, (spending.SIZE if self.cap else 0,)),
                "costs": (np.float64, (self.outlook.numbers if self.outlook else 0,)),
            }
        )
        packed = ("lambda", "paced", "held", "charged", *progressive.PARTS, "checks", "costs")
        self.packing: Final = Packing(self.arrangement, {name: name for name in packed})


def _baseline(spec: DomainSpec) -> int | None:
    """Index of the arm that the champion is compared with: the one named, or the enabled one of the highest price.

    None where several have that price: nothing says then which of them would be taken without a learner.
    """
    if spec.baseline is not None:
        return next((i for i, arm in enumerate(spec.arms) if arm.name == spec.baseline), None)
    highest = max((arm.price for arm in spec.arms if arm.enabled), default=0.0)
    found = [i for i, arm in enumerate(spec.arms) if arm.enabled and arm.price == highest]
    return found[0] if len(found) == 1 else None


def _floor(spec: DomainSpec, prices: NDArray[np.float64], enabled: NDArray[np.bool_]) -> quality.Floor:
    """The quality floor under the arm it names, or else under the domain's baseline."""
    if spec.quality is None:
        return quality.NO_FLOOR
    named = next((i for i, arm in enumerate(spec.arms) if arm.name == spec.quality.of), None)
    strongest = named if named is not None else _baseline(spec)
    if strongest is None or not enabled[strongest]:
        return quality.NO_FLOOR
    return quality.floor_for(spec.quality.share, strongest, prices[enabled])


_known: WeakValueDictionary[bytes, Terms] = WeakValueDictionary()


def terms_of(spec: DomainSpec) -> tuple[DomainSpec, Terms]:
    """The specification, as one that shares its parts with all that declare the same; and its terms."""
    content = msgspec.msgpack.encode(_fields(spec))
    terms = _known.get(content)
    if terms is None:
        terms = _known[content] = Terms(spec)
    return DomainSpec(spec.tenant, spec.domain, *terms.fields), terms
