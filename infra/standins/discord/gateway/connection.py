"""One websocket connection: frames out in order, payloads in, closing politely or not."""

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

import msgspec
from aiohttp import WSMsgType, web

from ..state.accounts import Json
from .compression import Compress

if TYPE_CHECKING:
    from .session import Session

LONGEST = 4096
"""Bytes of a payload that a client may send ("Gateway", Sending Events)."""


class ClosedError(Exception):
    """Close the connection with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Connection:
    """A client's connection.  last_heartbeat: monotonic seconds.  muted: the server has stopped answering (a fault)."""

    def __init__(self, request: web.BaseRequest, socket: web.WebSocketResponse, compress: Compress | None) -> None:
        self.session: Session | None = None
        self.last_heartbeat = time.monotonic()
        self.heartbeats = 0
        self.muted = False
        self._request, self._socket, self._compress = request, socket, compress
        self._frames: list[bytes] = []
        self._wake = asyncio.Event()
        self._sent: deque[float] = deque()
        self._closing: tuple[int, bytes] | None = None
        self._task = asyncio.create_task(self._write())

    def send(self, frame: bytes) -> None:
        """Send a payload after those before it."""
        if not self.muted:
            self._frames.append(frame)
            self._wake.set()

    def close(self, code: int, reason: str = "") -> None:
        """Close after what is being sent."""
        self._closing = (code, reason.encode())
        self._wake.set()

    def drop(self) -> None:
        """Break the connection without a word."""
        self._task.cancel()
        if self._request.transport is not None:
            self._request.transport.abort()

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            frames, self._frames = self._frames, []
            try:
                for frame in frames:
                    if self._compress is None:
                        await self._socket.send_frame(frame, WSMsgType.TEXT)
                    else:
                        await self._socket.send_frame(self._compress(frame), WSMsgType.BINARY)
                if self._closing is not None:
                    await self._socket.close(code=self._closing[0], message=self._closing[1])
                    return
            except (ConnectionError, RuntimeError):  # the client is gone; the reader sees that too
                return

    async def receive(self, heartbeat: float, most: int) -> Json | None:
        """The next payload; None when the client has closed.

        Raises ClosedError when it sends too much (4008), what cannot be read (4002), or no heartbeat in time (4009).
        """
        left = self.last_heartbeat + heartbeat * 1.5 - time.monotonic()
        try:
            message = await self._socket.receive(timeout=max(left, 0.001))
        except TimeoutError:
            raise ClosedError(4009, "Session timed out.") from None
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            return None
        now = time.monotonic()
        self._sent.append(now)
        while self._sent[0] < now - 60:
            self._sent.popleft()
        if len(self._sent) > most:
            raise ClosedError(4008, "You are being rate limited.")
        data = message.data if isinstance(message.data, bytes) else message.data.encode()
        if len(data) > LONGEST:
            raise ClosedError(4002, "Error while decoding payload.")
        try:
            return msgspec.json.decode(data, type=Json)
        except msgspec.DecodeError:
            raise ClosedError(4002, "Error while decoding payload.") from None

    @property
    def close_code(self) -> int | None:
        """The code that the connection closed with: the server's if it was first, otherwise the client's."""
        return self._socket.close_code if self._closing is None else self._closing[0]

    async def finish(self) -> None:
        """Wait for what is being sent, then close for good."""
        if self._closing is None:
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
