"""Figures from the log, whose learners and kernels are loaded when somebody asks for the first time."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from producers.discord.ports import Figures


class LaterFigures:
    """`Figures` of a deployment: a bot starts in a moment, and most never explain anything."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._loading: asyncio.Task[Figures] | None = None

    async def explanation(self, tenant: str, decision: str) -> Mapping[str, Any] | None:
        """As `Figures.explanation`."""
        return await (await self._figures()).explanation(tenant, decision)

    async def guild(self, tenant: str, domains: Sequence[str]) -> Mapping[str, Any]:
        """As `Figures.guild`."""
        return await (await self._figures()).guild(tenant, domains)

    async def _figures(self) -> Figures:
        if self._loading is None:
            self._loading = asyncio.create_task(asyncio.to_thread(self._load))
        return await asyncio.shield(self._loading)

    def _load(self) -> Figures:
        from .figures import KafkaFigures

        return KafkaFigures(self._bootstrap, self._prefix)
