"""The local Discord as a fixture."""

from tests.standins.clients import local

__all__ = ["local"]
