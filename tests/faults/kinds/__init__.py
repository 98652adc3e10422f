"""Every kind of fault, one class each; `KINDS` is the list the schedule draws from."""

from collections.abc import Sequence
from typing import Final

from ..fault import Fault
from .broker import BrokerKill
from .clock import ClockJump
from .disk import DiskFull, ReadOnly
from .local_state import StateDeleted, StateTruncated
from .membership import JoinAndLeave
from .network import NetworkCut, NetworkDelay, NetworkOneWay, NetworkReset
from .poison import Poison
from .process import Kill, Pause
from .stop_point import KillInCheckpoint, KillInRecovery, PauseAtPoint

KINDS: Final[Sequence[type[Fault]]] = (
    Kill,
    KillInCheckpoint,
    KillInRecovery,
    Pause,
    PauseAtPoint,
    BrokerKill,
    NetworkCut,
    NetworkDelay,
    NetworkOneWay,
    NetworkReset,
    JoinAndLeave,
    StateDeleted,
    StateTruncated,
    ReadOnly,
    DiskFull,
    ClockJump,
    Poison,
)
