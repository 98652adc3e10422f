"""Columns of `table.DecisionTable`: one row of integers and one of floats for each slot."""

from typing import Final

#: Kinds.
EMPTY: Final = 0
CONSTANT: Final = 1
DOUBLY_ROBUST: Final = 2

#: Integers: sizes, then addresses of arrays.
KIND: Final = 0
FEATURES: Final = 1  # d
SIZE: Final = 2  # m
ARMS: Final = 3  # K
ENABLED: Final = 4  # number of enabled arms
LEADER: Final = 5  # constant: index of the arm that leads among the enabled ones, or -1
PLACES: Final = 6  # (enabled,) index of each enabled arm among all
PRICES: Final = 7  # (K,)
LAMBDA: Final = 8  # (1,)
ACTED: Final = 9  # (K, 3) moments of each arm's rewards
MEAN: Final = 10
SCALE: Final = 11
SLOTS: Final = 12
SIGNS: Final = 13
P: Final = 14
THETA: Final = 15
CORRECTION: Final = 16
AGE: Final = 17
COUNTERS: Final = 18
INTEGERS: Final = 19

#: Floats.
MINIMUM: Final = 0
FACTOR: Final = 1
FORGETTING: Final = 2
RIDGE: Final = 3
BONUS: Final = 4
GAMMA: Final = 5
UNKNOWN_MEAN: Final = 6  # what an arm that never acted is taken to be worth
FLOATS: Final = 7
