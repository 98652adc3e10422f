"""What was asked of the REST API, for assertions."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .changes import Changes
from .state.accounts import Json


class Request(NamedTuple):
    """at, answered: monotonic seconds.  route: with parameters in braces; "" when there is no such route."""

    at: float
    answered: float
    method: str
    route: str
    path: str
    status: int
    body: Json


class Record:
    """The last requests, oldest first, and how many there were of each status."""

    def __init__(self, keep: int, changes: Changes) -> None:
        self.requests: deque[Request] = deque(maxlen=keep)
        self.statuses: dict[int, int] = {}
        self.changes = changes

    def add(self, request: Request) -> None:
        """Remember a request."""
        self.requests.append(request)
        self.statuses[request.status] = self.statuses.get(request.status, 0) + 1
        self.changes.tell()

    def of(self, route: str, *, status: int | None = None) -> list[Request]:
        """The requests whose "METHOD /route" begins with `route`, such as "POST /channels/{channel}/messages"."""
        return list(self._of(route, status))

    def _of(self, route: str, status: int | None) -> Iterator[Request]:
        for request in self.requests:
            if f"{request.method} {request.route}".startswith(route) and status in (None, request.status):
                yield request

    async def until(self, look: Callable[["Record"], object], timeout: float = 10.0) -> None:
        """Wait until `look(record)` is true; TimeoutError after `timeout` seconds."""
        await self.changes.until(lambda: bool(look(self)), timeout, self._seen)

    def _seen(self) -> str:
        last = [f"{r.method} {r.path} {r.status}" for r in list(self.requests)[-5:]]
        return f"{len(self.requests)} requests, the last: {'; '.join(last)}"
