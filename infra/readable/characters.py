"""Text and bytes from anybody, made fit for a terminal."""

import msgspec

_PREVIEW = 80


def printable(text: str) -> str:
    """The text with everything that moves a cursor, hides or reorders characters written as an escape."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def key_text(key: bytes | None) -> str | None:
    """A record's key, which should be UTF-8 and may be anything."""
    return None if key is None else printable(key.decode(errors="backslashreplace"))


def preview(value: bytes | None, length: int = _PREVIEW) -> str:
    """What a value looks like: its size and its beginning, decoded if it is MessagePack, else in hexadecimal."""
    if value is None:
        return "no value"
    size = f"{len(value)} byte" if len(value) == 1 else f"{len(value)} bytes"
    try:
        text = repr(msgspec.msgpack.decode(value))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        text = value[:length].hex(" ")
    text = printable(text)
    return f"{size}: {text[:length]}{'...' if len(text) > length else ''}" if value else size
