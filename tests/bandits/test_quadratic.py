"""Quadratic forms are what they say, and each vector's bits are the same alone and in any block."""

import numpy as np
import pytest

from stream_workers.bandits.quadratic import BLOCK, forms

SIZES = (1, 2, 7, 8, 9, 15, 16, 17, 33, 65)


@pytest.mark.parametrize("m", SIZES)
def test_alone_and_in_a_block(m):
    """For every number of vectors at once: numpy's value, and to the bit that of the whole block."""
    generator = np.random.default_rng(m)
    half = generator.normal(size=(m, m))
    P = np.ascontiguousarray(half @ half.T)
    P = (P + P.T) / 2
    w, vectors = generator.normal(size=m), generator.normal(size=(m, BLOCK))
    whole = np.empty(BLOCK), np.empty(BLOCK)
    forms(P, w, vectors.copy(), BLOCK, *whole)
    assert whole[0] == pytest.approx(np.einsum("ir,ij,jr->r", vectors, P, vectors))
    assert whole[1] == pytest.approx(w @ vectors)
    for rows in (1, 2, 8, 9, 16, 17):
        part = np.empty(BLOCK), np.empty(BLOCK)
        forms(P, w, vectors.copy(), rows, *part)
        for found, wanted in zip(part, whole, strict=True):
            assert found[:rows].tobytes() == wanted[:rows].tobytes()


def test_what_lies_in_other_lanes_does_not_matter():
    """Vectors that nobody asked for may be NaN or denormal."""
    P, w = np.eye(9), np.ones(9)
    for other in (np.nan, 5e-324):
        vectors = np.full((9, BLOCK), other)
        vectors[:, 0] = 2.0
        found = np.empty(BLOCK), np.empty(BLOCK)
        forms(P, w, vectors, 1, *found)
        assert (found[0][0], found[1][0]) == (36.0, 18.0)
