"""The feature vector of a text: its shape, and its content where the tenant has opted in."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .content import content
from .shape import SHAPES, shape
from .wording import WORDINGS, wording

#: Tells tasks apart; more dimensions took longer to learn than they brought in a few thousand interactions, and a
#: learner's state grows with the square of the number of features.
CONTENT_DIMENSIONS = 16


class Feature(NamedTuple):
    """What one number of the vector is."""

    name: str
    meaning: str
    privacy: Literal["shape", "content"]  # content: made from words, needs the tenant's consent


class TextFeatures:
    """Makes feature vectors of texts; without content the vector has only the content-free part.

    >>> TextFeatures(content=False).size, TextFeatures(content=True).size
    (17, 33)
    >>> TextFeatures(content=True, dimensions=0, wording=True).size
    68
    >>> features = TextFeatures(content=False)
    >>> dict(zip((each.name for each in features.describe()), features("How many?").tolist()))["questions"]
    0.5
    """

    def __init__(self, content: bool, dimensions: int = CONTENT_DIMENSIONS, *, wording: bool = False) -> None:
        """content: the tenant has opted in; dimensions: of the projected words; wording: see `wording`."""
        if dimensions < (0 if wording else 1):
            raise ValueError(
                f"{dimensions} content dimensions; at least 1 is expected, or 0 beside wording "
                "(content=False switches them off)"
            )
        if wording and not content:
            raise ValueError("wording is made from words: it needs content=True, for which the tenant must opt in")
        self._dimensions = dimensions if content else 0
        self._wordings = WORDINGS if wording else ()

    @property
    def size(self) -> int:
        """Number of features: what the domain declares as `features`."""
        return len(SHAPES) + self._dimensions + len(self._wordings)

    def __call__(self, text: str, characters: int | None = None) -> NDArray[np.float32]:
        """The vector.  characters: length of the whole text if `text` is its beginning.  Returns (size,) float32."""
        vector = np.empty(self.size, dtype=np.float32)
        vector[: len(SHAPES)] = shape(text, characters)
        if self._dimensions:
            vector[len(SHAPES) : len(SHAPES) + self._dimensions] = content(text, self._dimensions)
        if self._wordings:
            vector[len(SHAPES) + self._dimensions :] = wording(text)
        return vector

    def describe(self) -> list[Feature]:
        """Every feature in order: name, meaning, privacy class."""
        return (
            [Feature(each.name, each.meaning, "shape") for each in SHAPES]
            + [
                Feature(
                    f"content_{i}",
                    f"dimension {i} of {self._dimensions} of the projected words and pairs of words",
                    "content",
                )
                for i in range(self._dimensions)
            ]
            + [Feature(each.name, each.meaning, "content") for each in self._wordings]
        )
