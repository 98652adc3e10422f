"""What an outcome's observations are worth to its domain."""

from collections.abc import Mapping

from schemas.domains import Component, DomainSpec


def reward_of(spec: DomainSpec, observations: Mapping[str, float]) -> tuple[float, bool]:
    """The reward in [0, 1], and whether every required component was observed.

    u_i = clip((x_i - worst_i) / (best_i - worst_i), 0, 1);  reward = sum_i w_i u_i / sum_i w_i.  A component that was
    not observed has u_i = default_reward; a required one that was not makes the whole reward default_reward, and so do
    weights that are all 0.  best = worst is a step: 1 from there up.
    """
    total = weights = 0.0
    for name, component in spec.reward.items():
        value = observations.get(name)
        if value is None:
            if component.required:
                return spec.default_reward, False
            utility = spec.default_reward
        else:
            utility = _utility(component, value)
        total += component.weight * utility
        weights += component.weight
    return (min(max(total / weights, 0.0), 1.0) if weights > 0.0 else spec.default_reward), True


def _utility(component: Component, value: float) -> float:
    span = component.best - component.worst
    if span == 0.0:
        return 1.0 if value >= component.best else 0.0
    return min(max((value - component.worst) / span, 0.0), 1.0)
