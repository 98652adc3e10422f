"""Local models: OpenAI's and Anthropic's protocols, answers from recordings (docs/standins-models.md)."""

from .catalogues import contexts, recorded_catalogue, served
from .faults import Fault, Faults
from .recorded import recordings
from .remote import RemoteModels, started
from .server import ModelServer
from .writing import stated_model, stated_quality

__all__ = [
    "Fault",
    "Faults",
    "ModelServer",
    "RemoteModels",
    "contexts",
    "recorded_catalogue",
    "recordings",
    "served",
    "started",
    "stated_model",
    "stated_quality",
]
