"""What a play sent, by tenant, so that readers of the topics can be held against it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class TenantReport:
    """Records sent and read for one tenant."""

    contexts: int = 0
    decisions: int = 0  # different ones
    repeated_decisions: int = 0  # further records of a decision that had been read already
    unrecorded: int = 0  # decisions for an arm the recording knows no result of: no feedback could be sent
    on_time: int = 0  # reward records sent within the horizon
    late: int = 0  # reward records sent after the horizon
    duplicates: int = 0  # reward records sent once more
    orphans: int = 0  # rewards sent for decisions that never were
    lost: int = 0  # reward records the plan did not send
    rows: list[int] = field(default_factory=list)  # recorded rows that got a decision, for hindsight
    latency_ms: list[float] = field(default_factory=list)  # from sending a context to reading its decision

    @property
    def rewards(self) -> int:
        """Every reward record that was sent."""
        return self.on_time + self.late + self.duplicates + self.orphans

    @property
    def undecided(self) -> int:
        """Contexts whose decision did not come while it was waited for."""
        return self.contexts - self.decisions


@dataclass(frozen=True, slots=True)
class PlayReport:
    """The whole play.  run: what the ids of its decisions begin with."""

    run: str
    tenants: Mapping[str, TenantReport]

    @property
    def contexts(self) -> int:
        """Contexts sent."""
        return sum(each.contexts for each in self.tenants.values())

    @property
    def decisions(self) -> int:
        """Different decisions read."""
        return sum(each.decisions for each in self.tenants.values())

    @property
    def rewards(self) -> int:
        """Reward records sent, of every kind."""
        return sum(each.rewards for each in self.tenants.values())

    @property
    def undecided(self) -> int:
        """Contexts without a decision."""
        return self.contexts - self.decisions
