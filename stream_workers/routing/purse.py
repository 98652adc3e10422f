"""What the router may still spend under a hard cap: what is charged, and what is decided and not charged yet.

A decision is reserved, at the most that its arm may cost, from the moment it is made until the learner has charged its
outcome (`learning.spending`).  In between it is known in two places, and counted in one at a time:

    made here, not read back yet       its id          counted in every period: which one it is in, the broker decides
    read by the joiner, not charged    its ordinal     counted in the period of its append time

Nothing of this is written anywhere.  After a restart the joiner knows the open decisions, the learner those charged,
and the router decides nothing before both have read what was in the log when the partition was assigned: so the cap
holds under SIGKILL, too.  A decision that ended and was not charged when an account is opened is reserved at the
dearest arm's most: its record is not kept that long.

The sums of a period are over the decisions appended in it, by broker time.  Those made just before it begins, and
appended in it, were counted against both.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas import topics, wire
from schemas.errors import BadRecordError
from schemas.events import Decision

from ..columnar.rows import FetchedRecords
from ..joining.processor import JoinerProcessor
from ..learning.domain import DomainState
from ..learning.processor import LearnerProcessor
from ..learning.spending import Cap

Name = tuple[str, str]

_NONE: Final = -1


class Account:
    """Of one domain."""

    def __init__(self, cap: Cap) -> None:
        self.cap = cap
        self.sent: dict[str, tuple[int, float]] = {}  # id: how many records, USD
        self.open: dict[int, tuple[int, float]] = {}  # ordinal: period, USD

    def reserve(self, decision: str, arm: str) -> None:
        """A decision was made."""
        count, most = self.sent.get(decision, (0, 0.0))
        self.sent[decision] = (count + 1, max(most, self.cap.most_of(arm)))

    def read_back(self, decision: str) -> None:
        """A record of a decision has come back."""
        count, most = self.sent.pop(decision, (0, 0.0))
        if count > 1:
            self.sent[decision] = (count - 1, most)

    def appended(self, ordinal: int, decided_ms: int, arm: str | None) -> None:
        """A decision counts.  arm: None: not known any more."""
        most = self.cap.largest if arm is None else self.cap.most_of(arm)
        self.open[ordinal] = (self.cap.number(decided_ms), most)

    def left(self, now_ms: int, state: DomainState, learner: LearnerProcessor) -> float:
        """USD that may be decided now, a moment of broker time."""
        if self.open:
            ordinals = np.fromiter(self.open, np.int64, len(self.open))
            for ordinal in ordinals[learner.charged(ordinals)].tolist():
                del self.open[ordinal]
        seen = (number for number, _ in self.open.values())
        period = max(self.cap.number(now_ms), state.charged_period(), max(seen, default=0))
        reserved = math.fsum(most for number, most in self.open.values() if number == period)
        sent = math.fsum(most for _, most in self.sent.values())
        return self.cap.amount - state.charged(period) - reserved - sent


class Purse:
    """Accounts of one partition.  joiner: None where there is none (an offline replay): nothing is ever read back."""

    def __init__(self, learner: LearnerProcessor, joiner: JoinerProcessor | None) -> None:
        self._learner = learner
        self._joiner = joiner
        self._accounts: dict[Name, Account] = {}
        self._tenants: set[bytes] = set()
        if joiner is not None:
            joiner.watch(self._counted)

    def account(self, state: DomainState) -> Account:
        """The account of a domain that has a hard cap; it is opened when it is asked for first."""
        name, cap = (state.spec.tenant, state.spec.domain), state.terms.cap
        assert cap is not None
        account = self._accounts.get(name)
        if account is None:
            account = self._accounts[name] = Account(cap)
            self._tenants.add(name[0].encode())
            if self._joiner is not None:
                self._open(name, account)
        elif account.cap is not cap:  # another specification: what is reserved is what its arms may cost
            sent, account = account.sent, Account(cap)
            account.sent = sent
            self._accounts[name] = account
            if self._joiner is not None:
                self._open(name, account)
        return account

    def _open(self, name: Name, account: Account) -> None:
        """Reserve what is decided and not charged yet."""
        assert self._joiner is not None
        known = self._joiner.known_of(name[0].encode())
        ordinals = np.array([ordinal for ordinal, _, _ in known], np.int64)
        charged = self._learner.charged(ordinals)
        for (ordinal, decided_ms, record), is_charged in zip(known, charged.tolist(), strict=True):
            if is_charged:
                continue
            if record is None:
                account.appended(ordinal, decided_ms, None)
                continue
            decision = _decoded(record)
            if decision is None or (decision.tenant, decision.domain) == name:
                account.appended(ordinal, decided_ms, None if decision is None else decision.arm)

    def _counted(self, records: FetchedRecords, ordinals: NDArray[np.int64], times: NDArray[np.int64]) -> None:
        """The joiner has read decisions.  ordinals: (n,), -1 of those that do not count; times: (n,) ms."""
        if not self._tenants:
            return
        for row in range(len(records)):
            record = records[row]
            if record.key not in self._tenants:
                continue
            decision = _decoded(record.value)
            account = None if decision is None else self._accounts.get((decision.tenant, decision.domain))
            if decision is None or account is None:
                continue
            if ordinals[row] != _NONE:
                account.appended(int(ordinals[row]), int(times[row]), decision.arm)
            account.read_back(decision.id)


def _decoded(record: bytes | None) -> Decision | None:
    try:
        found = wire.decode(topics.DECISIONS.name, record)
    except BadRecordError:
        return None
    return found if isinstance(found, Decision) and found.choice < len(found.arms) else None
