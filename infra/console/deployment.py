"""The deployment in the console's eyes: read in the background, so that no page waits for the broker to be asked.

What is followed (status, audit log, KPIs) is tried again for ever.  While the broker is away, `problem` says so, and
what was read last is still there with its time.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import structlog

from infra.connection import bootstrap_servers, home
from infra.domains import clients
from infra.reading.log import Log
from infra.status.processes import processes
from infra.status.report import Report, report
from infra.status.sample import take
from schemas.errors import BrokerUnavailableError, CroupierError

_AGAIN_S: Final = 2.0
#: A broker that has not answered for so long is away.
PATIENCE_S: Final = 10.0
#: So many pages read the log at once; others wait their turn.
_READERS: Final = 4

_logger = structlog.get_logger()


class Deployment:
    """Where it is, and what is known of it."""

    def __init__(
        self, bootstrap: str | None, prefix: str, directory: Path | None = None, interval: float = 2.0
    ) -> None:
        """bootstrap: as of every command.  directory: of the local deployment.  interval: seconds between two looks."""
        self._bootstrap = bootstrap
        self.prefix = prefix
        self.directory = directory or home()
        self.interval = interval
        self.patience = PATIENCE_S
        self.report: Report | None = None
        self.at = 0.0  # when that was, seconds since 1970
        self.troubles: dict[str, str] = {}  # by what is followed: why it cannot be now
        self._readers = asyncio.Semaphore(_READERS)

    @property
    def servers(self) -> str:
        """The broker, as it is configured now: a local one may come back with another port."""
        return bootstrap_servers(self._bootstrap)

    @property
    def problem(self) -> str | None:
        """Why what is shown may be old."""
        return next(iter(self.troubles.values()), None)

    @asynccontextmanager
    async def log(self) -> AsyncIterator[Log]:
        """To read now; BrokerUnavailableError when that cannot be."""
        async with self._readers, Log.open(self.servers, self.prefix) as log:
            yield log

    async def follow_status(self) -> None:
        """Look again and again, until the broker goes away."""
        async with Log.open(self.servers, self.prefix) as log, clients.admin(self.servers) as admin:
            before = await self._sample(log, admin)
            while True:
                await asyncio.sleep(self.interval)
                after = await self._sample(log, admin)
                run = self.directory / "run"
                self.report = report(before, after, await processes(run, self.prefix), self.prefix, str(run))
                self.at = time.time()
                self.well("status")
                before = after

    async def _sample(self, log: Log, admin: Any) -> Any:
        async with asyncio.timeout(self.patience):
            return await take(log, admin, self.prefix)

    def well(self, what: str) -> None:
        """It can be followed."""
        self.troubles.pop(what, None)

    async def keep(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        """Follow something for ever; what is wrong meanwhile is in `troubles`."""
        while True:
            try:
                await work()
            except CroupierError as error:
                self._trouble(what, str(error))
            except (OSError, TimeoutError) as error:
                self._trouble(what, f"the broker does not answer ({type(error).__name__}: {error})")
            except Exception as error:
                # A page with what there is, and a line in the log, is better than no console.
                _logger.exception("what the console follows failed", what=what)
                self._trouble(what, f"{what} cannot be read ({type(error).__name__}); the console's log has the rest")
            await asyncio.sleep(_AGAIN_S)

    def _trouble(self, what: str, problem: str) -> None:
        if self.troubles.get(what) != problem:
            _logger.warning("the console cannot follow the deployment", what=what, problem=problem)
        self.troubles[what] = problem


@asynccontextmanager
async def within_patience(seconds: float = PATIENCE_S) -> AsyncIterator[None]:
    """What takes longer is told as a broker that does not answer."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise BrokerUnavailableError(
            f"the log could not be read within {seconds:g} s: ask for less (a tenant, a shorter time), or see whether "
            "the broker is well"
        ) from None


@asynccontextmanager
async def in_background(*works: Awaitable[None]) -> AsyncIterator[None]:
    """Run these until the end of the block."""
    tasks = [asyncio.ensure_future(each) for each in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
