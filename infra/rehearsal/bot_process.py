"""`croupier bot` in a process of its own."""

import asyncio
import functools
import os
import resource
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from infra.supervisor import die_with
from schemas.errors import CroupierError

from .stage import Stage

#: What a supervisor starts again (infra/commands/bot.py).
EXIT_FAILED = 70
_GRACE = 40.0


class BotProcess:
    """An async context: it runs while it is entered, and can be killed and started again in between.

    home: where commands find it (`croupier status`), and where its state and its log are.
    options: of `croupier bot`, beside those that say where everything is.
    """

    def __init__(
        self, stage: Stage, servers: str, home: Path, *, prefix: str = "", options: Sequence[str] = ()
    ) -> None:
        self._stage = stage
        self._home = home
        self._command = [
            sys.executable, "-m", "infra.cli", "bot", "--bootstrap", servers, "--prefix", prefix,
            "--models", str(stage.models_file), "--state", str(home / "state" / "bot-1"), *options,
        ]  # fmt: skip
        self._process: asyncio.subprocess.Process | None = None
        self.log = home / "logs" / "bot-1.log"

    @property
    def pid(self) -> int:
        """Of the process that was started last."""
        assert self._process is not None
        return self._process.pid

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.returncode is None:
            await self.stop()

    async def start(self) -> None:
        """Start it; `ready` says when it can be asked."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                env=self._environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=functools.partial(die_with, os.getpid()),
            )

    def _environment(self) -> Mapping[str, str]:
        others = {name: value for name, value in os.environ.items() if not name.startswith(("CROUPIER_", "DISCORD_"))}
        return {
            **others,
            "CROUPIER_HOME": str(self._home),
            "CROUPIER_DISCORD_API": self._stage.discord.api,
            "DISCORD_TOKEN": self._stage.discord.token,
        }

    async def ready(self, seconds: float = 60.0) -> None:
        """Until it hears Discord; started again when it says that that may help.

        CroupierError: it has ended for good, or takes longer.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                if (await self.status())["ready"]:
                    return
            except (OSError, aiohttp.ClientError):
                pass  # it does not serve yet
            code = None if self._process is None else self._process.returncode
            if code == EXIT_FAILED:
                await self.start()  # as a supervisor would
            elif code is not None:
                raise CroupierError(f"the bot ended with {code}; its log ends:\n{self._last_words()}")
            if time.monotonic() > deadline:
                raise CroupierError(f"the bot was not ready within {seconds:g} s: see {self.log}")
            await asyncio.sleep(0.1)

    def _last_words(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-1_000:].strip()

    async def kill(self) -> None:
        """SIGKILL, in whatever it is doing."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """SIGTERM, and wait until what it had begun is ended."""
        await self._end(signal.SIGTERM)

    async def _end(self, by: signal.Signals) -> None:
        process = self._process
        assert process is not None
        if process.returncode is None:
            process.send_signal(by)
        try:
            await asyncio.wait_for(process.wait(), _GRACE)
        except TimeoutError:
            process.kill()
            await process.wait()

    @property
    def address(self) -> str:
        """Of its web server.  OSError: it does not serve."""
        announced = msgspec.json.decode((self._home / "run" / f"bot-{self.pid}.json").read_bytes())
        return str(announced["address"])

    async def status(self) -> dict[str, Any]:
        """What it says of itself.  OSError: it does not serve."""
        status: dict[str, Any] = msgspec.json.decode(await self._get("/status"))
        return status

    async def metrics(self) -> dict[str, float]:
        """Samples by name and labels as they are written: `name{label="value"}`."""
        found = {}
        for family in text_string_to_metric_families((await self._get("/metrics")).decode()):
            for sample in family.samples:
                labels = ",".join(f'{key}="{value}"' for key, value in sorted(sample.labels.items()))
                found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
        return found

    async def _get(self, path: str) -> bytes:
        async with aiohttp.ClientSession() as session, session.get(self.address + path) as answer:
            return await answer.read()

    def rss_mb(self) -> float:
        """Resident memory."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * resource.getpagesize() / 1e6

    def cpu_s(self) -> float:
        """Of a core, since it was started."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
