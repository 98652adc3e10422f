"""Keeps a deployment's processes running on this machine: starts them, and brings back the dead with backoff.

One that lives and does not work (its /health fails, or does not answer) for too long is ended and brought back, too.
"""

import asyncio
import ctypes
import functools
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from .liveness import Liveness
from .supervising import SupervisorMetrics, how_it_ended

#: No longer at the end: when what made it fail has passed, everything must be at rest again within 30 s.
_BACKOFF_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0)
_STEADY_SECONDS = 60.0  # after this long a start counts as good, and the backoff begins anew
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None

#: What the exit codes of our processes mean, for people.
_MEANING = {70: "it failed: see its log", 75: "it stood still for too long and lost its lease"}

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Program:
    """One process to keep running."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    liveness: Liveness | None = None  # None: it is not asked


@dataclass(frozen=True, slots=True)
class Patience:
    """How long what is waited for, in seconds."""

    look: float = 2.0  # between two questions
    unhealthy: float = 60.0  # after this long it is ended; /health itself waits for half a minute before it says no
    starting: float = 600.0  # until it serves: kernels may have to be compiled
    grace: float = 20.0  # between SIGTERM and SIGKILL


class Supervisor:
    """Runs programs until told to stop.  Their standard error goes to one log file each, which grows over restarts."""

    def __init__(self, programs: Sequence[Program], log_dir: Path, say: Say, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()
        self._programs = programs
        self._log_dir = log_dir
        self._say = say
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._replaced: set[int] = set()  # process ids
        self._stopping = False
        self.restarts = 0
        self.metrics = SupervisorMetrics([program.name for program in programs])

    async def run(self, stop: asyncio.Event) -> None:
        """Start everything; return when `stop` is set and everything has ended."""
        self._log_dir.mkdir(parents=True, exist_ok=True)
        keepers = [asyncio.create_task(self._keep(program)) for program in self._programs]
        try:
            await stop.wait()
        finally:
            self._stopping = True
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)
            await asyncio.gather(*(self._end(process) for process in self._running.values()))

    def pid(self, name: str) -> int | None:
        """Process id of a program, while it runs."""
        process = self._running.get(name)
        return None if process is None or process.returncode is not None else process.pid

    async def _keep(self, program: Program) -> None:
        failures = 0
        while True:
            begun = time.monotonic()
            with (self._log_dir / f"{program.name}.log").open("ab") as log:
                process = self._running[program.name] = await self._start(program, log)
            watching = asyncio.create_task(self._watch(program, process))
            self.metrics.running.labels(program.name).set(1)
            try:
                code = await process.wait()
            finally:
                watching.cancel()
                self.metrics.running.labels(program.name).set(0)
            failures = 0 if time.monotonic() - begun > _STEADY_SECONDS else failures + 1
            delay = _BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS)) - 1] if failures else 0.0
            self._say(f"{program.name} ended ({_explain(code)}); it starts again in {delay:g} s")
            self.restarts += 1
            replaced = process.pid in self._replaced
            self._replaced.discard(process.pid)
            self.metrics.ends.labels(program.name, how_it_ended(code, replaced=replaced)).inc()
            await asyncio.sleep(delay)

    @staticmethod
    async def _start(program: Program, log: IO[bytes]) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *program.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **program.environment},
            start_new_session=True,  # Ctrl-C is for us: we tell them in order
            preexec_fn=functools.partial(die_with, os.getpid()),
        )

    async def _watch(self, program: Program, process: asyncio.subprocess.Process) -> None:
        """End the process when it has not worked for too long."""
        if program.liveness is None:
            return
        begun, served, since = time.monotonic(), False, None
        while True:
            await asyncio.sleep(self._patience.look)
            now = time.monotonic()
            served = served or await program.liveness.serves(process.pid)
            if not served and now - begun > self._patience.starting:
                await self._replace(program, process, f"it has not begun to serve for {now - begun:.0f} s")
                return
            problem = await program.liveness.problem(process.pid)
            if problem is None:
                since = None
                continue
            since = now if since is None else since
            if now - since > self._patience.unhealthy:
                await self._replace(program, process, f"not healthy for {now - since:.0f} s: {problem}")
                return

    async def _replace(self, program: Program, process: asyncio.subprocess.Process, reason: str) -> None:
        self._say(f"{program.name} is ended and started again: {reason}")
        self._replaced.add(process.pid)
        await self._end(process)

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        if process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), self._patience.grace)
        except TimeoutError:
            process.kill()
            await process.wait()


def die_with(parent: int) -> None:
    """In the child: end when the supervisor does, however it ends (Linux)."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)


def _explain(code: int) -> str:
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return _MEANING.get(code, f"exit code {code}")
