"""Transport compression: one stream per connection, flushed after each payload ("Gateway", Transport Compression)."""

import zlib
from collections.abc import Callable

Compress = Callable[[bytes], bytes]


def zlib_stream() -> Compress:
    """Each payload ends with Z_SYNC_FLUSH (00 00 ff ff)."""
    stream = zlib.compressobj(1)

    def compress(data: bytes) -> bytes:
        return stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)

    return compress


def zstd_stream() -> Compress:
    """Each payload ends a block.  Needs the package zstandard, with which discord.py asks for it."""
    import zstandard  # type: ignore[import-not-found,unused-ignore]

    stream = zstandard.ZstdCompressor(level=1).compressobj()

    def compress(data: bytes) -> bytes:
        flushed: bytes = stream.compress(data) + stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        return flushed

    return compress


STREAMS: dict[str, Callable[[], Compress]] = {"zlib-stream": zlib_stream, "zstd-stream": zstd_stream}
