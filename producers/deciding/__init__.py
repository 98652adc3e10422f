"""How an application decides that must answer whatever happens: a deadline, a fallback arm, a spool on disk."""

from .choice import Choice, Deciding, SpoolFullError
from .path import DecisionPath

__all__ = ["Choice", "Deciding", "DecisionPath", "SpoolFullError"]
