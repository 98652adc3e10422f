"""Local models: OpenAI's and Anthropic's protocols, answers from recordings (docs/standins-models.md)."""

from .faults import Fault, Faults
from .recorded import recorded_models, recordings
from .server import ModelServer, contexts, served
from .writing import stated_quality

__all__ = [
    "Fault",
    "Faults",
    "ModelServer",
    "contexts",
    "recorded_models",
    "recordings",
    "served",
    "stated_quality",
]
