"""`croupier bot` as a process of its own, at the local Discord and the local models."""

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec

TOML = """
[providers.local]
kind = "openai"
base_url = "{url}/v1"
key_variable = "LOCAL_MODELS_KEY"

[models.small]
provider = "local"
model = "small"
input = 0.1
output = 0.4
context_length = 16000
most_output_tokens = 2000

[models.large]
provider = "local"
model = "large"
input = 1.0
output = 4.0
context_length = 16000
most_output_tokens = 2000
"""


def environment(directory: Path, local, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CROUPIER_", "DISCORD_"))}
    return {
        **kept,
        "CROUPIER_HOME": str(directory / "home"),
        "CROUPIER_DISCORD_API": local.api,
        "DISCORD_TOKEN": local.token,
        "LOCAL_MODELS_KEY": "any",
        **more,
    }


def command(directory: Path, models_url: str, bootstrap: str, *more: str) -> list[str]:
    catalogue = directory / "models.toml"
    catalogue.write_text(TOML.format(url=models_url))
    options = ["--models", str(catalogue), "--state", str(directory / "bot"), "--bootstrap", bootstrap]
    return [sys.executable, "-m", "infra.cli", "bot", *options, *more]


class Running:
    """The process; `log`: what it has logged so far, decoded."""

    def __init__(self, process: asyncio.subprocess.Process, home: Path, log: Path) -> None:
        self.process = process
        self._home = home
        self._log = log

    @property
    def log(self) -> list[dict]:
        return [msgspec.json.decode(line) for line in self._log.read_bytes().splitlines() if line.startswith(b"{")]

    async def get(self, path: str) -> tuple[int, bytes]:
        """From the process's own web server."""
        announced = msgspec.json.decode((self._home / "run" / f"bot-{self.process.pid}.json").read_bytes())
        async with aiohttp.ClientSession() as session, session.get(announced["address"] + path) as response:
            return response.status, await response.read()

    async def ended(self, *, by: signal.Signals | None = None, within: float = 30.0) -> int:
        """Its exit code, after a signal if one is given."""
        if by is not None:
            self.process.send_signal(by)
        return await asyncio.wait_for(self.process.wait(), within)


@asynccontextmanager
async def running(directory: Path, local, models_url: str, bootstrap: str, *more: str, **environ: str):
    log = directory / "bot.log"
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            *command(directory, models_url, bootstrap, *more),
            env=environment(directory, local, **environ),
            stdout=file,
            stderr=file,
        )
    try:
        yield Running(process, directory / "home", log)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
