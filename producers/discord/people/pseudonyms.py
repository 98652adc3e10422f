"""Keyed hashes of user ids.

A tenant has a random key, and each user there a random salt.  Two HMAC-SHA-256 values are made of a user's id:

- the *row*, under the key alone: where the bot finds the user's salt and what it remembers;
- the *unit*, under the key, of id and salt: the pseudonym that records in Kafka carry.

A user's id has only some 2^60 possible values, so whoever has key and salt can try them all; without the salt, which is
128 bits of chance, nobody can, not even with the key.  Deleting a row therefore makes that user's records unlinkable,
deleting the key those of everybody.
"""

import hmac
import secrets
from hashlib import sha256
from typing import Final

KEY_BYTES: Final = 32
SALT_BYTES: Final = 16
#: Of a pseudonym: among a million users two are the same with a probability of 10^-27.
UNIT_BITS: Final = 128
_ROW_BYTES: Final = 16


def new_key() -> bytes:
    """Of a tenant."""
    return secrets.token_bytes(KEY_BYTES)


def new_salt() -> bytes:
    """Of a user in a tenant."""
    return secrets.token_bytes(SALT_BYTES)


def row(key: bytes, user: int) -> bytes:
    """Where a user's row is.  16 bytes; never leaves the bot's disk."""
    return hmac.digest(key, b"row:%d" % user, sha256)[:_ROW_BYTES]


def unit(key: bytes, salt: bytes, user: int) -> str:
    """A user's pseudonym: 32 hexadecimal digits, always, so that none is the beginning of another."""
    return hmac.digest(key, b"unit:" + salt + b":%d" % user, sha256)[: UNIT_BITS // 8].hex()
