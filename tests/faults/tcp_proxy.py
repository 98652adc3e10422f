"""The network between one process and the broker: a TCP proxy that can hold, delay, cut and reset.

A network that loses packets does not lose bytes of a connection: TCP sends them again.  So "swallowed" bytes are held
here, and either the connection dies of it or they arrive late, when the network is back: the worse of the two.
"""

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field
from typing import Literal

Direction = Literal["to-broker", "from-broker"]
DIRECTIONS: tuple[Direction, Direction] = ("to-broker", "from-broker")

_CHUNK = 64 * 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(eq=False)
class _Connection:
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    pumps: list[asyncio.Task[None]] = field(default_factory=list)

    def reset(self) -> None:
        for writer in self.writers:
            with contextlib.suppress(OSError):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            writer.transport.abort()
        for pump in self.pumps:
            pump.cancel()


class TcpProxy:
    """Listens on 127.0.0.1:`port` and passes everything on to 127.0.0.1:`target`, as long as it is let."""

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self.target = target
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._open = {direction: asyncio.Event() for direction in DIRECTIONS}
        self._delay = 0.0
        self._refusing = False
        self.release()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
        self.reset()
        await asyncio.sleep(0)

    # --- faults -------------------------------------------------------------------------------------------------

    def hold(self, *directions: Direction) -> None:
        """Let nothing through in these directions: it waits here."""
        for direction in directions:
            self._open[direction].clear()

    def release(self) -> None:
        """Let everything through again, what was held first."""
        for event in self._open.values():
            event.set()
        self._delay = 0.0
        self._refusing = False

    def delay(self, seconds: float) -> None:
        """Every piece of data waits so long, in both directions."""
        self._delay = seconds

    def refuse(self) -> None:
        """Reset every connection, now and when a new one comes."""
        self._refusing = True
        self.reset()

    def reset(self) -> None:
        """Break the connections there are; new ones are welcome."""
        for connection in list(self._connections):
            connection.reset()

    # --- passing on ---------------------------------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection([writer])
        self._connections.add(connection)
        try:
            if self._refusing:
                connection.reset()
                return
            broker_reader, broker_writer = await asyncio.open_connection("127.0.0.1", self.target)
            connection.writers.append(broker_writer)
            connection.pumps = [
                asyncio.create_task(self._pump(reader, broker_writer, "to-broker")),
                asyncio.create_task(self._pump(broker_reader, writer, "from-broker")),
            ]
            await asyncio.wait(connection.pumps, return_when=asyncio.FIRST_COMPLETED)
        except OSError:
            pass  # the broker is away: so is its port
        finally:
            connection.reset()
            await asyncio.gather(*connection.pumps, return_exceptions=True)
            self._connections.discard(connection)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                if self._delay:
                    await asyncio.sleep(self._delay)
                await self._open[direction].wait()
                writer.write(data)
                await writer.drain()
