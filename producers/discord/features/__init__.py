"""The numbers that the bot's policies see, each described in data: name, meaning, privacy class.

`described` says what a feature is, `measures` has one function for each, `language` guesses a coarse class of
languages, `vectors` says which features each domain gets.  All are pure and give the same bits on every machine.
"""

from .described import PRIVACY, Feature, Privacy
from .vectors import (
    ANALYSIS,
    ENGAGEMENT,
    FEATURES,
    ROUTING,
    analysis_features,
    engagement_features,
    routing_features,
)

__all__ = [
    "ANALYSIS",
    "ENGAGEMENT",
    "FEATURES",
    "PRIVACY",
    "ROUTING",
    "Feature",
    "Privacy",
    "analysis_features",
    "engagement_features",
    "routing_features",
]
