"""The binary tree over arms: which node has which children, and what becomes of it when arms come and go.

`left` and `right` are (K - 1,) int64: a child is the number of a node, or -(a + 1) for arm a.  Parents come before
their children, the root is 0.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

#: An arm's index, or the two sides of a node.
Branch = int | tuple["Branch", "Branch"]

#: A tree deeper than this many times the least depth is balanced anew when arms come or go.
DEEPEST: Final = 2


class Shape(NamedTuple):
    """Children of the nodes, as above."""

    left: Integers
    right: Integers


def balanced(branches: Sequence[Branch]) -> Branch:
    """Halves on halves, in the order given."""
    if len(branches) == 1:
        return branches[0]
    middle = len(branches) // 2
    return balanced(branches[:middle]), balanced(branches[middle:])


def to_shape(root: Branch) -> Shape:
    """Nodes numbered in the order in which they are met from the root, left sides first."""
    left: list[int] = []
    right: list[int] = []

    def number(branch: Branch) -> int:
        if isinstance(branch, int):
            return -(branch + 1)
        node = len(left)
        left.append(0)
        right.append(0)
        left[node] = number(branch[0])
        right[node] = number(branch[1])
        return node

    number(root)
    return Shape(np.array(left, np.int64), np.array(right, np.int64))


def to_branch(shape: Shape) -> Branch:
    """The inverse of `to_shape`; one arm where there is no node."""

    def branch(child: int) -> Branch:
        return -child - 1 if child < 0 else (branch(int(shape.left[child])), branch(int(shape.right[child])))

    return branch(0 if len(shape.left) else -1)


def leaves(branch: Branch) -> list[int]:
    """Its arms, from left to right."""
    return [branch] if isinstance(branch, int) else leaves(branch[0]) + leaves(branch[1])


def depth(branch: Branch) -> int:
    """Nodes on the longest way down."""
    return 0 if isinstance(branch, int) else 1 + max(depth(branch[0]), depth(branch[1]))


def _pruned(branch: Branch, new_of: dict[int, int]) -> Branch | None:
    """Without the arms that are not in new_of, the others renumbered; a node that loses a side becomes its other."""
    if isinstance(branch, int):
        return new_of.get(branch)
    left, right = _pruned(branch[0], new_of), _pruned(branch[1], new_of)
    if left is None or right is None:
        return right if left is None else left
    return left, right


def rearranged(shape: Shape, known: Sequence[int]) -> tuple[Shape, list[tuple[int, int]]]:
    """The tree after arms have come or gone, and which (new node, old node) are the same.

    known: for each arm of now its index among the arms of before, or -1.

    A node that loses all arms of a side goes, its other side takes its place.  The arms that are new make a balanced
    tree of their own, and a new root stands between it and the old tree: every old node keeps its two sides.  Should
    that make the tree more than DEEPEST times as deep as it has to be, it is balanced anew, arms in their order from
    left to right.  Nodes whose sides have the same arms as those of an old node (of the old ones, those that have not
    gone) are that node.
    """
    new_of = {old: new for new, old in enumerate(known) if old >= 0}
    before = to_branch(shape)
    old = _pruned(before, new_of)
    fresh: list[Branch] = [new for new, old in enumerate(known) if old < 0]
    parts = [part for part in (old, balanced(fresh) if fresh else None) if part is not None]
    tree = balanced(parts)
    if depth(tree) > DEEPEST * (len(known) - 1).bit_length():
        tree = balanced(leaves(tree))
    after = to_shape(tree)

    def sides(shape: Shape, node: int, names: dict[int, int] | None) -> tuple[frozenset[int], frozenset[int]]:
        both = []
        for child in (int(shape.left[node]), int(shape.right[node])):
            arms = leaves(_below(shape, child))
            both.append(frozenset(arms if names is None else (names[arm] for arm in arms if arm in names)))
        return both[0], both[1]

    place = {sides(shape, node, new_of): node for node in reversed(range(len(shape.left)))}
    same = [(node, place[found]) for node in range(len(after.left)) if (found := sides(after, node, None)) in place]
    return after, same


def _below(shape: Shape, child: int) -> Branch:
    if child < 0:
        return -child - 1
    return _below(shape, int(shape.left[child])), _below(shape, int(shape.right[child]))
