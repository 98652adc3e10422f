"""Content features: hashed words and pairs of words, projected to a fixed number of dimensions.

Each term (a word, or two words in a row) has a direction: +1 or -1 in every dimension, read from the bits of its hash.
A text is the sum of its terms' directions, scaled to length 1.  That is a random projection (Achlioptas 2003) of the
bag of terms, without a vocabulary and without a matrix to ship: inner products between texts are kept to within
about 1/sqrt(dimensions).

The same bits everywhere: the hash is CRC-32 of the UTF-8 bytes, spread by the finaliser of SplitMix64 (Steele et al.
2014); sums are of integers, and only a division and a square root follow, both exact in IEEE 754.
"""

import re
from itertools import pairwise
from math import sqrt
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

#: A word is a run of ASCII letters or digits or of Latin, Greek and Cyrillic letters; every other character outside
#: ASCII is a word of its own, so that scripts without spaces have terms too.
_WORD = re.compile(r"[a-z0-9\u00c0-\u024f\u0370-\u052f]+|[^\x00-\x7f]")

#: Words that say nothing about the subject and would drown the others; skipped alone, kept in pairs.
STOP_WORDS: Final = frozenset(
    """
    a an and are as at be by can do does for from had has have he her his i if in is it its of on or she so some that
    the their them then there these they this to was we were will with would you your not but been than also no
    """.split()  # noqa: SIM905 - a column of ninety quoted words is no easier to read
)

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)


def content(text: str, dimensions: int) -> NDArray[np.float32]:
    """The projected bag of terms.  Returns (dimensions,) float32 of length 1, or zeros when the text has no term."""
    hashes = [crc32(term.encode()) for term in terms(text)]
    if not hashes:
        return np.zeros(dimensions, dtype=np.float32)
    directions = _directions(np.array(hashes, dtype=np.uint64), dimensions)
    total = 2 * directions.sum(axis=0, dtype=np.int64) - len(hashes)
    norm = sqrt(int(total @ total))
    return (total / norm).astype(np.float32) if norm else np.zeros(dimensions, dtype=np.float32)


def terms(text: str) -> list[str]:
    """Words that are not stop words, and every two words in a row."""
    words = _WORD.findall(text.lower())
    pairs = [f"{first} {second}" for first, second in pairwise(words)]
    return [word for word in words if word not in STOP_WORDS] + pairs


def _directions(hashes: NDArray[np.uint64], dimensions: int) -> NDArray[np.uint8]:
    """1 for +1 and 0 for -1.  hashes: (terms,).  Returns (terms, dimensions)."""
    counter = np.arange(1, -(-dimensions // 64) + 1, dtype=np.uint64)
    bits = _spread(((hashes[:, None] << np.uint64(16)) + counter) * _GOLDEN)
    return np.unpackbits(bits.astype("<u8").view(np.uint8), axis=1, count=dimensions, bitorder="little")


def _spread(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser: every bit of the input moves every bit of the output."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
