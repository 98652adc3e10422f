"""Named points at which a process can be made to stand still, so that it can be killed, or left, exactly there.

Checkpoint and recovery call `reached(point)` on their way.  Without a stop file that does nothing.  With one
(CROUPIER_STOP_FILE), a process that reaches the point whose name the file holds removes the file and stops itself with
SIGSTOP: whoever wrote the name may kill it there, or let it go on with SIGCONT.
"""

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

log = structlog.get_logger(__name__)

#: Called with the name of a point.
Reached = Callable[[str], None]

#: In the order in which a checkpoint passes them.
CHECKPOINT_POINTS: Final = (
    "checkpoint-taken",  # state and positions of one instant; nothing of it is durable
    "checkpoint-outputs-durable",  # outputs acknowledged, state not sent
    "checkpoint-state-sent",  # state is on its way to the changelog
    "checkpoint-state-durable",  # acknowledged by the changelog, not in the local table
    "checkpoint-kept",  # in the local table, offsets not committed
)
#: In the order in which a recovery passes them.
RECOVERY_POINTS: Final = (
    "recovery-begun",  # tables open, nothing read
    "recovery-read",  # changelog read, nothing claimed
    "recovery-claimed",  # the first claim is written; what was written before it is not read yet
    "recovery-made",  # all partitions claimed and their processors made; nothing applied
)


def pass_by(point: str) -> None:
    """Go on."""


def stop_where(file: Path) -> Reached:
    """Stops the process at the point that `file` names, once."""

    def reached(point: str) -> None:
        try:
            wanted = file.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return
        if wanted != point:
            return
        with contextlib.suppress(FileNotFoundError):
            file.unlink()
        log.info("stopping itself, as the stop file asks", point=point)
        os.kill(os.getpid(), signal.SIGSTOP)

    return reached
