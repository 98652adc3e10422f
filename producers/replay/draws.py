"""Random numbers that are a function of what they are for, so that no order of events changes them."""

from hashlib import blake2b

_DRAW_BYTES = 8
_WORDS = 1 << 53


def uniform(*key: str | int) -> float:
    """One number in [0, 1) for a key, the same for ever and on every machine."""
    digest = blake2b("\x1f".join(map(str, key)).encode(), digest_size=_DRAW_BYTES).digest()
    return (int.from_bytes(digest, "little") >> 11) / _WORDS


def uniforms(count: int, *key: str | int) -> tuple[float, ...]:
    """Up to eight numbers for a key with one hash."""
    digest = blake2b("\x1f".join(map(str, key)).encode(), digest_size=_DRAW_BYTES * count).digest()
    return tuple(
        (int.from_bytes(digest[start : start + _DRAW_BYTES], "little") >> 11) / _WORDS
        for start in range(0, len(digest), _DRAW_BYTES)
    )
