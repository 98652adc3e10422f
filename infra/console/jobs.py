"""What takes longer than a page may: a process of its own, one at a time, and its answer kept for a while."""

import asyncio
import functools
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
import structlog

from infra.supervisor import die_with

_LONGEST_S: Final = 600.0
_KEPT_S: Final = 600.0
_KEPT: Final = 64
_WAITING: Final = 8

_logger = structlog.get_logger()


class Job:
    """One; `answer` is what it printed (JSON), `trouble` why it did not."""

    def __init__(self, begun: float) -> None:
        self.begun = begun
        self.ended: float | None = None
        self.answer: Any = None
        self.trouble: str | None = None

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.ended is not None


class Jobs:
    """Begins them, and remembers."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._jobs: dict[Any, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._one = asyncio.Semaphore(1)

    def ask(self, key: Any, arguments: Sequence[str], given: bytes = b"") -> Job:
        """The job of this key, begun now if there is none, or only an old one.  arguments: of Python."""
        job = self._jobs.get(key)
        if job is not None and (job.ended is None or self._clock() - job.ended < _KEPT_S):
            return job
        job = Job(self._clock())
        if sum(not each.done for each in self._jobs.values()) >= _WAITING:
            job.ended, job.trouble = self._clock(), "Too much is being computed already: try again in a minute."
            return job
        self._jobs.pop(key, None)
        self._jobs[key] = job
        task = asyncio.create_task(self._run(job, arguments, given))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        for old in [name for name, each in self._jobs.items() if each.done][: max(0, len(self._jobs) - _KEPT)]:
            del self._jobs[old]
        return job

    def known(self, key: Any) -> Job | None:
        """The job of this key, if there is one."""
        return self._jobs.get(key)

    def forget(self, key: Any) -> None:
        """Ask anew the next time, unless it runs."""
        job = self._jobs.get(key)
        if job is not None and job.done:
            del self._jobs[key]

    async def stop(self) -> None:
        """End those that run."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, job: Job, arguments: Sequence[str], given: bytes) -> None:
        try:
            async with self._one, asyncio.timeout(_LONGEST_S):
                told = await _printed(arguments, given)
            if isinstance(told, dict) and "error" in told:
                job.trouble = str(told["error"])
            else:
                job.answer = told
        except TimeoutError:
            job.trouble = f"It took longer than {_LONGEST_S / 60:g} minutes, and was ended."
        except (OSError, msgspec.DecodeError) as error:
            _logger.warning("a computation of the console failed", arguments=arguments, error=str(error))
            job.trouble = "It failed; the console's log says why."
        finally:
            job.ended = self._clock()


async def _printed(arguments: Sequence[str], given: bytes) -> Any:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        preexec_fn=functools.partial(_nicely, os.getpid()),
    )  # fmt: skip
    try:
        output, _ = await process.communicate(given)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return msgspec.json.decode(output)


def _nicely(parent: int) -> None:
    """In the child: pages first; and it ends with the console."""
    os.nice(10)
    die_with(parent)
