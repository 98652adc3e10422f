"""Transport compression: one stream per connection, flushed after each payload ("Gateway", Transport Compression)."""

import zlib
from collections.abc import Callable

Compress = Callable[[bytes], bytes]


def compression(asked: str | None) -> Compress | None:
    """What compresses the payloads of one connection; each ends with Z_SYNC_FLUSH (00 00 ff ff).

    Only zlib-stream is there.  discord.py asks for zstd-stream where the package zstandard is installed, and takes
    plain payloads as well.
    """
    if asked != "zlib-stream":
        return None
    stream = zlib.compressobj(1)

    def compress(data: bytes) -> bytes:
        return stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)

    return compress
