"""Columns of `table.LearningTable`: one row for each domain; those of its policies are as `bandits.layout` has them."""

from typing import Final

# Of a domain: integers (sizes, then addresses).
FEATURES: Final = 0  # d
ARMS: Final = 1  # K
FIRST: Final = 2  # row of its champion; the challengers' follow
POLICIES: Final = 3  # number of policies
NAMES: Final = 4  # row of its first arm's name; the others follow
PARTS: Final = 5  # row of its first reward component; the others follow
COMPONENTS: Final = 6  # number of reward components
COST: Final = 7  # which of them is "cost", or -1
PRICES: Final = 8  # (K,)
LAMBDA: Final = 9  # (1,)
COUNTS: Final = 10  # (COUNTERS,) int64
VALUES: Final = 11  # this and the following: the arrays of `evaluation.progressive.PARTS`
WEIGHTS: Final = 12
FIXED: Final = 13
AHEAD: Final = 14
VERSUS: Final = 15
GROUPS: Final = 16
ACTED: Final = 17
CHECKS: Final = 18  # (CHECKS_SIZE,), see `honesty.layout`
CHECKS_SIZE: Final = 19
LIMITS: Final = 20  # (honesty.layout.LIMITS + K,)
PACED: Final = 21  # (bandits.pacer.SIZE,)
HELD: Final = 22  # (bandits.quality.SIZE,)
COSTS: Final = 23  # as `bandits.layout` has it: state, size, length of phi, fold, signs, units, bases
COSTS_SIZE: Final = 24
COSTS_PHI: Final = 25
COSTS_SLOTS: Final = 26
COSTS_SIGNS: Final = 27
COSTS_UNITS: Final = 28
COSTS_BASES: Final = 29
INTEGERS: Final = 30

#: `terms.COUNTED`.
COUNTERS: Final = 5

# Of a domain: floats.
STEERING: Final = 0  # (bandits.steering.CONSTANTS,)
DEFAULT: Final = 7  # reward of an outcome without its required components
FLOATS: Final = 8

# Of a reward component: floats.
WEIGHT: Final = 0
WORST: Final = 1
BEST: Final = 2
REQUIRED: Final = 3
COMPONENT_FLOATS: Final = 4
