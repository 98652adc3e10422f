"""What the bot is rehearsed with: a local Discord and local models, each in a process of its own."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from infra.standins.discord.remote import Remote
from infra.standins.discord.remote import started as discord_started
from infra.standins.models.catalogues import recorded_catalogue
from infra.standins.models.remote import RemoteModels
from infra.standins.models.remote import started as models_started
from producers.providers import Catalogue


@dataclass(frozen=True, slots=True)
class Stage:
    """models_file: the catalogue that leads the bot to the local models."""

    discord: Remote
    models: RemoteModels
    models_file: Path


@asynccontextmanager
async def staged(
    home: Path, *, discord: Sequence[str] = (), models: Sequence[str] = (), more: str = ""
) -> AsyncIterator[Stage]:
    """Both, ended with the block.

    discord, models: options of `python -m infra.standins...`; more: lines of TOML that come first in the catalogue.
    """
    async with discord_started(*discord) as local, models_started(*models) as served:
        file = home / "models.toml"
        file.write_text(more + written(recorded_catalogue(served.url)), encoding="utf-8")
        yield Stage(local, served, file)


def written(catalogue: Catalogue) -> str:
    """A catalogue as TOML, as far as providers, prices and sizes go."""
    tables: dict[str, Mapping[str, object]] = {
        **{
            f"providers.{name}": {"kind": each.kind, "base_url": each.base_url}
            for name, each in catalogue.providers.items()
        },
        **{
            f'models."{name}"': {
                "provider": each.provider,
                "model": each.model,
                "input": each.input,
                "output": each.output,
                "context_length": each.context_length,
                "most_output_tokens": each.most_output_tokens,
            }
            for name, each in catalogue.models.items()
        },
    }
    return "\n".join(
        f"[{table}]\n" + "".join(f"{key} = {msgspec.json.encode(value).decode()}\n" for key, value in content.items())
        for table, content in tables.items()
    )
