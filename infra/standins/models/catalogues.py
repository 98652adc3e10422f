"""Catalogues of what is served here."""

from collections.abc import Mapping

from msgspec.structs import replace

from producers.providers import Catalogue, Model, Provider

from .recorded import recordings


def recorded_catalogue(url: str) -> Catalogue:
    """The recorded models, at a server with this address."""
    models = {
        arm: Model("recorded", arm, into, out, context_length=131_072, most_output_tokens=32_768)
        for arm, (into, out) in recordings().prices.items()
    }
    return Catalogue({"recorded": Provider("openai", f"{url}/v1")}, models)


def served(catalogue: Catalogue, url: str) -> Catalogue:
    """A catalogue with its models at a server with this address instead of their own providers."""
    providers = {
        name: replace(
            each,
            base_url=url if each.kind == "anthropic" else f"{url}/v1",
            key_variable=None,
            check_path="/models",
        )
        for name, each in catalogue.providers.items()
    }
    return replace(catalogue, providers=providers)


def contexts(models: Mapping[str, Model]) -> dict[str, int]:
    """What a server needs to serve these: the providers' names for them, and their context lengths."""
    return {model.model: model.context_length for model in models.values()}
