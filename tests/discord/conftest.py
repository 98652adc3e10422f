"""The local Discord as a fixture."""

from tests.standins.clients import local, unlimited

__all__ = ["local", "unlimited"]
