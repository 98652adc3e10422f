"""Whether a process of ours works, asked from outside: what it answers to /health."""

import asyncio
from pathlib import Path
from typing import Final

import aiohttp
import msgspec

_ASK_SECONDS: Final = 5.0


class _Announced(msgspec.Struct):
    address: str


class _Answer(msgspec.Struct):
    healthy: bool
    reason: str | None = None


class Liveness:
    """Asks a process that announces itself in `run` as `role`-pid.json."""

    def __init__(self, run: Path, role: str, *, ask_seconds: float = _ASK_SECONDS) -> None:
        self._run = run
        self._role = role
        self._ask_seconds = ask_seconds

    async def serves(self, pid: int) -> bool:
        """Whether it has come so far that it can be asked."""
        return await asyncio.to_thread((self._run / f"{self._role}-{pid}.json").exists)

    async def problem(self, pid: int) -> str | None:
        """Why it does not work, in words; None when it does, or does not serve yet."""
        path = self._run / f"{self._role}-{pid}.json"
        try:
            address = msgspec.json.decode(await asyncio.to_thread(path.read_bytes), type=_Announced).address
        except (OSError, msgspec.DecodeError):  # not there yet, being written, or just taken away
            return None
        try:
            timeout = aiohttp.ClientTimeout(total=self._ask_seconds)
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(f"{address}/health") as response:
                answer = msgspec.json.decode(await response.read(), type=_Answer)
        except TimeoutError:
            return f"/health does not answer within {self._ask_seconds:g} s"
        except (aiohttp.ClientError, msgspec.DecodeError) as error:
            return f"/health fails: {type(error).__name__}"
        return None if answer.healthy else answer.reason or "it says it is not healthy"
