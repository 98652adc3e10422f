"""Does a Kafka answer at an address?  Asked in the fewest bytes, without a client's retries and log noise."""

import contextlib
import socket
import struct
from dataclasses import dataclass

_METADATA, _VERSION, _CORRELATION, _CLIENT = 3, 2, 7, b"croupier-probe"
_MAX_RESPONSE = 1 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What a broker said about its cluster."""

    brokers: int  # alive and ready for clients; 0 while a cluster is still starting
    cluster_id: str


def ask(host: str, port: int, timeout_seconds: float = 3.0) -> Answer:
    """The answer to a Metadata request (version 2, no topics).

    OSError: nothing listens, or it is silent.  ValueError: something else than Kafka answers.
    """
    body = struct.pack(f">hhih{len(_CLIENT)}si", _METADATA, _VERSION, _CORRELATION, len(_CLIENT), _CLIENT, 0)
    with contextlib.closing(socket.create_connection((host, port), timeout_seconds)) as connection:
        connection.sendall(struct.pack(">i", len(body)) + body)
        length = int.from_bytes(_receive(connection, 4), "big")
        if not 8 <= length <= _MAX_RESPONSE:
            raise ValueError("the answer is not Kafka's protocol (TLS, HTTP or another service?)")
        return _parse(_receive(connection, length))


def _receive(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = connection.recv(length - len(data))
        if not more:
            raise ConnectionError("the connection was closed before an answer (does the listener expect TLS or SASL?)")
        data += more
    return data


def _parse(response: bytes) -> Answer:
    try:
        correlation, brokers = struct.unpack_from(">ii", response)
        if correlation != _CORRELATION or not 0 <= brokers <= 100_000:
            raise ValueError("the answer belongs to another question")
        position = 8
        for _ in range(brokers):
            position += 4  # node id
            position += 2 + struct.unpack_from(">h", response, position)[0]  # host
            position += 4  # port
            position += 2 + max(0, struct.unpack_from(">h", response, position)[0])  # rack, or -1
        length = max(0, struct.unpack_from(">h", response, position)[0])
        return Answer(brokers, response[position + 2 : position + 2 + length].decode())
    except (struct.error, UnicodeDecodeError) as error:
        raise ValueError(f"the answer is not Kafka's protocol: {error}") from error
