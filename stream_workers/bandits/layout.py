"""How kernels see a learner: a row of integers (sizes, then addresses of its arrays) and a row of floats.

`table.DecisionTable` puts a domain's own columns in front of its champion's.
"""

from typing import Final

#: Kinds.
EMPTY: Final = 0
CONSTANT: Final = 1
LINEAR: Final = 2

# Of a policy: integers.
KIND: Final = 0
LEADER: Final = 1  # constant: index of the arm that leads, or -1
RULE: Final = 1  # linear: see `exploration`
CORRECTED: Final = 2  # whether it has a doubly robust correction
FEATURES: Final = 3  # d
ARMS: Final = 4  # K
RAW: Final = 5  # 1 + w, what the bonus sees of phi
FOURIER: Final = 6  # D
SIZE: Final = 7  # M, length of phi
COUNTERS: Final = 8
MEAN: Final = 9
SCALE: Final = 10
THETA: Final = 11
CORRECTION: Final = 12
AGE: Final = 13
COVARIANCE: Final = 14
M2: Final = 15
SEEN: Final = 16
PANELS: Final = 17
WAITING: Final = 18
SHARED: Final = 19
SHARED_WAITING: Final = 20
TURNS: Final = 21
SLOTS: Final = 22
SIGNS: Final = 23
PICKS: Final = 24
WEIGHTS: Final = 25
PHASES: Final = 26
POLICY_INTEGERS: Final = 27

# Of a policy: floats.
MINIMUM: Final = 0
FACTOR: Final = 1
FORGETTING: Final = 2
RIDGE: Final = 3
BONUS: Final = 4
SHARPNESS: Final = 5
COOLING: Final = 6
CORRECTION_RIDGE: Final = 7
CLIP: Final = 8
POLICY_FLOATS: Final = 9

# Of a slot of `table.DecisionTable`, behind its champion's: integers.
ENABLED: Final = POLICY_INTEGERS  # number of enabled arms
PLACES: Final = POLICY_INTEGERS + 1  # (enabled,) index of each enabled arm among all
PRICES: Final = POLICY_INTEGERS + 2  # (K,)
LAMBDA: Final = POLICY_INTEGERS + 3  # (1,)
ACTED: Final = POLICY_INTEGERS + 4  # (K, 3) moments of each arm's rewards
COSTS: Final = POLICY_INTEGERS + 5  # the cost model's state, its number of numbers (0: none) and of phi; and
COSTS_SIZE: Final = POLICY_INTEGERS + 6  # what it takes from the specification (`cost_model.Outlook`)
COSTS_PHI: Final = POLICY_INTEGERS + 7
COSTS_SLOTS: Final = POLICY_INTEGERS + 8
COSTS_SIGNS: Final = POLICY_INTEGERS + 9
COSTS_UNITS: Final = POLICY_INTEGERS + 10
COSTS_BASES: Final = POLICY_INTEGERS + 11
INTEGERS: Final = POLICY_INTEGERS + 12

# Floats.
UNKNOWN_MEAN: Final = POLICY_FLOATS  # what an arm that never acted is taken to be worth
FLOATS: Final = POLICY_FLOATS + 1
