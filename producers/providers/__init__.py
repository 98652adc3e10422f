"""Models behind one interface: streams, fallbacks, health, and what each answer cost (docs/providers.md).

`Providers(read_catalogue(path))` is the `Answering` that the bot has.
"""

from .answer import Answer, Answering, Attempt, Message, Request, Stream, Unanswered, Usage
from .answering import Providers
from .catalogue import Catalogue, CatalogueError, Model, Provider, parse_catalogue, read_catalogue
from .checking import Checked, check
from .prices import cost_usd, expected_cost

__all__ = [
    "Answer",
    "Answering",
    "Attempt",
    "Catalogue",
    "CatalogueError",
    "Checked",
    "Message",
    "Model",
    "Provider",
    "Providers",
    "Request",
    "Stream",
    "Unanswered",
    "Usage",
    "check",
    "cost_usd",
    "expected_cost",
    "parse_catalogue",
    "read_catalogue",
]
