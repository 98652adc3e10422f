"""How long feedback and decisions wait for each other, beside a domain's own horizon.

Part of what the logs mean: the same for all workers of a deployment, and unchanged while a log that was joined with
them is to be replayed or audited.
"""

from typing import Final

#: A reward may be appended this long before its decision.
EARLY_MS: Final = 10 * 60 * 1000
#: After its horizon, a decision is known for this long: its id is taken, and feedback about it is late, no orphan.
REMEMBER_MS: Final = 60 * 60 * 1000
