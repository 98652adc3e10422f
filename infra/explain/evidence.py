"""What the log holds about one decision."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from schemas.domains import DomainSpec
from schemas.events import Context, Decision, Outcome, Reward

Event = TypeVar("Event", Context, Decision, Outcome, Reward)


@dataclass(frozen=True, slots=True)
class Placed(Generic[Event]):
    """An event and where it stands."""

    event: Event
    partition: int
    offset: int
    appended_at: int  # milliseconds since 1970, by the broker's clock
    #: The largest append time of its partition up to it: what the join goes by (`stream_workers.joining.rules`).
    effective_at: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """One decision, and all that refers to it."""

    uses: tuple[Placed[Decision], ...]  # decisions with this tenant and id that count, oldest first; the last is meant
    repeats: tuple[Placed[Decision], ...]  # records of it that came after, and do not count
    context: Placed[Context] | None  # None: retention has taken it
    rewards: tuple[Placed[Reward], ...]  # with its tenant and id, in order of offset
    outcome: Placed[Outcome] | None
    spec: DomainSpec | None  # of the version that decided; None: no longer to be found
    #: The version in force where the outcome stands, by which its reward was learned; None: the one that decided.
    later_spec: tuple[int, DomainSpec] | None

    @property
    def decision(self) -> Placed[Decision]:
        """The one that is explained."""
        return self.uses[-1]
