"""Requests that are made in addition, for speed or for luck, are a share of all: else they bring down what is slow."""

from .catalogue import ThrottleLimits


class Throttle:
    """Retries and hedges draw from it, requests fill it (as gRPC throttles them, proposal A6).

    When everything is slow, every request would be hedged and every failure retried: twice the load on what can not
    bear one.
    """

    def __init__(self, limits: ThrottleLimits) -> None:
        self._limits = limits
        self._left = float(limits.burst)

    def request(self) -> None:
        """Somebody has asked something."""
        self._left = min(self._left + self._limits.share, float(self._limits.burst))

    def draw(self) -> bool:
        """Leave to ask one more time; False: not now."""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
