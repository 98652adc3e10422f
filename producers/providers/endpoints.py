"""The protocols, by the kind a provider has in the catalogue."""

import logging
from collections.abc import Mapping

from .catalogue import Provider
from .endpoint import Endpoint

#: At their finer levels these log requests whole: questions, and headers with keys.
_TALKATIVE = ("openai", "anthropic", "httpx2", "httpcore2", "httpx", "httpcore")


def key_of(provider: Provider, environment: Mapping[str, str]) -> str | None:
    """The key; "" if the provider wants none; None if it wants one and there is none."""
    if provider.key_variable is None:
        return ""
    return environment.get(provider.key_variable, "").strip() or None


def endpoint(provider: Provider, key: str) -> Endpoint:
    """What speaks the provider's protocol."""
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        logger.setLevel(max(logging.WARNING, logger.level))
    if provider.kind == "anthropic":
        from .anthropic_endpoint import AnthropicEndpoint

        return AnthropicEndpoint(provider, key)
    from .openai_endpoint import OpenAIEndpoint

    return OpenAIEndpoint(provider, key)
