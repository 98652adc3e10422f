"""What a protocol puts around a reply: its frames on the wire, and its errors."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from .reply import Reply, Turn

#: Of a message: text, or parts of which some have text.
Content = str | list[dict[str, Any]] | None


class Asked(Struct, frozen=True):
    """What both protocols ask, read from a request's body."""

    model: str
    turns: tuple[Turn, ...]
    most_output_tokens: int | None
    stream: bool
    usage: bool  # wanted in the stream
    caching: bool  # the provider keeps what it has read for requests that begin the same


class Frames(Struct, frozen=True):
    """The stream, ready to be sent: what comes before the text, each piece, and what comes after."""

    head: bytes
    pieces: Sequence[bytes]
    tail: bytes

    @property
    def whole(self) -> bytes:
        """All of it."""
        return b"".join((self.head, *self.pieces, self.tail))


class Speaks(Protocol):
    """One of the protocols."""

    def key(self, headers: Mapping[str, str]) -> str | None:
        """The key that came with a request."""
        ...

    def read(self, body: bytes) -> Asked:
        """ValueError: it is not a request of this protocol; its text says why."""
        ...

    def frames(self, asked: Asked, reply: Reply, number: int, *, usage: bool, refused: bool) -> Frames:
        """The stream of server-sent events."""
        ...

    def whole(self, asked: Asked, reply: Reply, number: int, *, refused: bool) -> bytes:
        """The answer of a request that wants no stream, as JSON."""
        ...

    def error(self, status: int, message: str, code: str | None = None) -> bytes:
        """The body of an error, as JSON."""
        ...

    def error_event(self, status: int, message: str) -> bytes:
        """An error in the midst of a stream."""
        ...

    def models(self, names: Sequence[str]) -> bytes:
        """The list of models, as JSON."""
        ...


def text_of(content: Content) -> str:
    """The text of a message."""
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content or () if isinstance(part.get("text"), str))


def event(data: bytes, name: bytes = b"") -> bytes:
    """A server-sent event."""
    return (b"event: " + name + b"\n" if name else b"") + b"data: " + data + b"\n\n"
