"""The features that a domain's inputs append to those of a request (`schemas.domains.Input`)."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from schemas.domains import DomainSpec, Input
from schemas.events import Context

from .parents import Parents

_LARGEST: Final = float(np.finfo(np.float32).max)


class Inputs:
    """Makes them, and counts those that were known and those that were not."""

    def __init__(self, parents: Parents) -> None:
        self._parents = parents
        self.known = 0
        self.unknown = 0

    def append(self, spec: DomainSpec, context: Context) -> bytes:
        """The features of a decision: the request's, then those of each input."""
        more: list[float] = []
        for each in spec.inputs:
            values = self._values(spec.tenant, each, context)
            if values is None or not all(abs(value) <= _LARGEST for value in values):
                self.unknown += 1
                more += [0.0] * each.width
            else:
                self.known += 1
                more += [*values, 1.0]
        return context.features + np.array(more, "<f4").tobytes()

    def _values(self, tenant: str, each: Input, context: Context) -> Sequence[float] | None:
        if each.what == "recent_reward":
            reward = self._parents.recent_reward(tenant, each.domain, context.unit)
            return None if reward is None else (reward,)
        parent = None if context.after is None else self._parents.of_domain(tenant, context.after, each.domain)
        if parent is None:
            return None
        if each.what == "choice":
            return [float(arm == parent.arm) for arm in each.arms]
        value = {
            "propensity": parent.propensity,
            "observation": parent.observations.get(each.name or ""),
            "reward": parent.reward,
        }[each.what]
        return None if value is None else (value,)
