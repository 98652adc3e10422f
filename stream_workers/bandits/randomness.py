"""Random numbers from the decision's id, so that a decision can be repeated from its record.

draw(id, salt), for whoever repeats it in another language, all arithmetic modulo 2^64:

    h = 0xCBF29CE484222325
    for byte in utf8(salt) + [0xFF] + utf8(id):  h = (h xor byte) * 0x100000001B3          (FNV-1a)
    h = (h xor (h >> 30)) * 0xBF58476D1CE4E5B9;  h = (h xor (h >> 27)) * 0x94D049BB133111EB;  h = h xor (h >> 31)
    draw = (h >> 11) / 2^53                                                                (splitmix64's finaliser)

0xFF is in no UTF-8 text, so no two pairs of salt and id are hashed alike.  Ids come from the outside: whoever can
choose them can choose the draw of their own requests, nothing else.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .kernel import kernel

_PRIME = np.uint64(0x100000001B3)
_START = np.uint64(0xCBF29CE484222325)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


@kernel()
def draw_of(seed: np.uint64, text: NDArray[np.uint8], begin: int, end: int) -> float:
    """The draw of the id text[begin:end] under a salt.  seed: the salt's, see `seed_of`."""
    h = seed
    for i in range(begin, end):
        h = (h ^ np.uint64(text[i])) * _PRIME
    h = (h ^ (h >> np.uint64(30))) * _MIX_1
    h = (h ^ (h >> np.uint64(27))) * _MIX_2
    h = h ^ (h >> np.uint64(31))
    return np.float64(h >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@kernel("void(u1[::1], i8[::1], u1[::1], f8[::1])")
def hash_to_unit(
    text: NDArray[np.uint8], ends: NDArray[np.int64], salt: NDArray[np.uint8], out: NDArray[np.float64]
) -> None:
    """Write the draw of every id.  text: the ids' bytes one after another; ends: where each ends; salt ends in 0xFF."""
    seed = _START
    for i in range(salt.shape[0]):
        seed = (seed ^ np.uint64(salt[i])) * _PRIME
    begin = 0
    for n in range(ends.shape[0]):
        out[n] = draw_of(seed, text, begin, ends[n])
        begin = ends[n]


@kernel()
def seed_of_names(names: NDArray[np.uint8], at: int, tenant: int, domain: int) -> np.uint64:
    """With which the hash of every id of a domain begins: that of its salt, tenant/domain, and of 0xFF.

    names has the tenant's bytes from `at` on, and the domain's after them, so many of each.
    """
    h = _START
    for i in range(at, at + tenant):
        h = (h ^ np.uint64(names[i])) * _PRIME
    h = (h ^ np.uint64(47)) * _PRIME  # "/"
    for i in range(at + tenant, at + tenant + domain):
        h = (h ^ np.uint64(names[i])) * _PRIME
    return (h ^ np.uint64(255)) * _PRIME


def draws(ids: Sequence[str], salt: str) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1), one per id: (n,) float64.  salt: f"{tenant}/{domain}"."""
    encoded = [each.encode() for each in ids]
    ends = np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)))
    text = np.frombuffer(bytearray(b"".join(encoded)), np.uint8)
    out = np.empty(len(encoded), np.float64)
    hash_to_unit(text, ends, np.frombuffer(bytearray(salt.encode() + b"\xff"), np.uint8), out)
    return out
