"""How an application decides that must answer whatever happens: a deadline, a fallback arm, a spool on disk."""

from .choice import Choice, Deciding, SpoolFullError

__all__ = ["Choice", "Deciding", "SpoolFullError"]
