"""What a reward brings to a decision: `rules.absorb` and `rules.is_complete` on names and numbers in bytes."""

import numpy as np

from schemas.events import MAX_OBSERVATIONS

from ..bandits.kernel import kernel
from ..columnar.memory import Bytes, equal
from ..columnar.messagepack import put, read_text
from .columns import AWAITED, ID_SIZE, NOTES, NOTES_END, NOTES_LOST, OBSERVED
from .names import Table
from .outcomes import observed
from .parsing import Places
from .tallies import REWARDS_DUPLICATE, REWARDS_JOINED, REWARDS_SURPLUS


@kernel()
def contains(notes: Bytes, begin: int, end: int, step: int, data: Bytes, at: int, size: int) -> bool:
    """Whether a text with its head (data[at : at + size]) is in notes, where `step` bytes follow each text."""
    while begin < end:
        _, _, after = read_text(notes, begin, end)
        if after - begin == size and equal(notes, begin, data, at, size):
            return True
        begin = after + step
    return False


@kernel()
def _room(notes: Bytes, awaited: int, observed_at: int, observed_end: int) -> int:
    """How many components that are not awaited may still be kept."""
    count = 0
    place = observed_at
    while place < observed_end:
        _, _, place = read_text(notes, place, observed_end)
        place += 9
        count += 1
    place = awaited
    while place < observed_at:
        _, _, after = read_text(notes, place, observed_at)
        size = after - place
        if not contains(notes, observed_at, observed_end, 9, notes, place, size) and not contains(
            notes, awaited, place, 0, notes, place, size
        ):
            count += 1
        place = after
    return MAX_OBSERVATIONS - count


@kernel()
def absorb(rows: Table, notes: Bytes, marks: Places, row: int, data: Bytes, at: int, size: int) -> int:
    """Add observations (texts with their numbers) to an open row; what is to be counted.  Notes must have room."""
    awaited = rows[row, NOTES] + rows[row, ID_SIZE]
    observed_at, observed_end = observed(rows, row)
    end = at + size
    kind = REWARDS_DUPLICATE
    begin = rows[row, NOTES]
    written = marks[NOTES_END]  # the row's notes move to the end when something is added
    room = np.int64(MAX_OBSERVATIONS)
    # A name awaited is at least 2 bytes, an observation 11: only where there could be too many are they counted.
    if (observed_at - awaited) // 2 + (observed_end - observed_at + size) // 11 > MAX_OBSERVATIONS:
        room = _room(notes, awaited, observed_at, observed_end)
    while at < end:
        _, _, after = read_text(data, at, end)
        name_size = after - at
        if not contains(notes, observed_at, observed_end, 9, data, at, name_size):
            keeps = True
            if not contains(notes, awaited, observed_at, 0, data, at, name_size):
                keeps = room > 0
                room -= 1
            if keeps:
                if kind != REWARDS_JOINED:
                    written = put(notes, written, notes, begin, observed_end - begin)
                    kind = REWARDS_JOINED
                written = put(notes, written, data, at, name_size + 9)
            elif kind == REWARDS_DUPLICATE:
                kind = REWARDS_SURPLUS
        at = after + 9
    if kind == REWARDS_JOINED:
        rows[row, NOTES] = marks[NOTES_END]
        rows[row, OBSERVED] += written - marks[NOTES_END] - (observed_end - begin)
        marks[NOTES_LOST] += observed_end - begin
        marks[NOTES_END] = written
    return kind


@kernel()
def is_complete(rows: Table, notes: Bytes, row: int) -> bool:
    """Whether something is awaited and all of it was observed."""
    if rows[row, AWAITED] == 0:
        return False
    observed_at, observed_end = observed(rows, row)
    place = rows[row, NOTES] + rows[row, ID_SIZE]
    while place < observed_at:
        _, _, after = read_text(notes, place, observed_at)
        if not contains(notes, observed_at, observed_end, 9, notes, place, after - place):
            return False
        place = after
    return True


@kernel()
def after_the_end(rows: Table, notes: Bytes, row: int, data: Bytes, at: int, size: int) -> int:
    """What a reward in time for a decision that is over is counted as."""
    observed_at, observed_end = observed(rows, row)
    end = at + size
    while at < end:
        _, _, after = read_text(data, at, end)
        if not contains(notes, observed_at, observed_end, 0, data, at, after - at):
            return REWARDS_SURPLUS
        at = after + 9
    return REWARDS_DUPLICATE
