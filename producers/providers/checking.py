"""Whether each provider's key works and knows the catalogue's models, without generating a word."""

import os
from collections.abc import AsyncIterator, Mapping

from msgspec import Struct

from .catalogue import Catalogue
from .endpoints import endpoint, key_of
from .failure import Failure


class Checked(Struct, frozen=True):
    """What was found of one provider.  detail: what is wrong and what to do, or what is right."""

    provider: str
    ok: bool
    detail: str


async def check(catalogue: Catalogue, environment: Mapping[str, str] = os.environ) -> AsyncIterator[Checked]:
    """One provider after the other, in the order of the catalogue; those without an enabled model are left out."""
    for name in catalogue.providers:
        models = {each.model: arm for arm, each in catalogue.models.items() if each.enabled and each.provider == name}
        if models:
            yield await _checked(catalogue, name, models, environment)


async def _checked(
    catalogue: Catalogue, name: str, models: Mapping[str, str], environment: Mapping[str, str]
) -> Checked:
    provider = catalogue.providers[name]
    key = key_of(provider, environment)
    if key is None:
        return Checked(
            name, False, f"no key: set {provider.key_variable}, or `enabled = false` for its models ({_list(models)})"
        )
    asked = endpoint(provider, key)
    try:
        known = await asked.check()
    except Failure as failure:
        where = f"at {provider.base_url}" + (f" with the key in {provider.key_variable}" if key else "")
        return Checked(name, False, f"{failure.detail} ({where})")
    finally:
        await asked.close()
    absent = {model: arm for model, arm in models.items() if known and model not in known}
    if absent:
        return Checked(name, False, f"it has no model {_list(absent)}: mend `model` in the catalogue")
    listed = "" if known else "; it does not list its models"
    return Checked(name, True, f"the key works for {_list(models)}{listed}")


def _list(models: Mapping[str, str]) -> str:
    return ", ".join(f"{model} ({arm})" if model != arm else model for model, arm in models.items())
