"""What the columns mean of the tables that the joiner's kernels work on.  All are int64, a table a C-ordered matrix.

`Row` is a decision that is known, `Parsed` a record of a batch, `Mark` a number that changes while kernels run,
`Ended` an outcome written but not emitted yet.  Bytes of variable size lie in byte arrays beside the tables.
"""

from typing import Final

#: A decision that is known.
HASH: Final = 0  # of tenant and id, keyed
ORDINAL: Final = 1
DECIDED: Final = 2  # effective time, ms
HORIZON: Final = 3  # ms; two's complement of what is above 2^63 - 1
OFFSET: Final = 4  # of its record
BODY: Final = 5  # where its record's value lies in the ring (counted from its beginning of time), NOWHERE: the state
BODY_SIZE: Final = 6
NOTES: Final = 7  # where in the notes its id, the components awaited and those observed lie, one after another
ID_SIZE: Final = 8
AWAITED: Final = 9  # bytes of the names awaited, as MessagePack texts
OBSERVED: Final = 10  # bytes of what was observed: texts, each with its float64 while the outcome is open
TENANT: Final = 11
OLDER: Final = 12  # another row of the same name with a lower ordinal; in a free row the next free one; NONE: no more
STATUS: Final = 13
ROW: Final = 14

NONE: Final = -1
NOWHERE: Final = -1

#: Bits of STATUS; a free row is neither open nor over.
OPEN: Final = 1
OVER: Final = 2
CHANGED: Final = 4  # it is in the list of those to write (and stays there when it is freed)
STORED: Final = 8  # the state has its ordinal

#: A record of a batch.
VERDICT: Final = 0
OF: Final = 1  # tenant
ID: Final = 2  # where the decision's id begins
ID_BYTES: Final = 3
PART: Final = 4  # where the names awaited, or the components observed, begin
PART_BYTES: Final = 5
SPAN: Final = 6  # a decision's horizon; the row that a reward is for, or NONE: look for it
TIME: Final = 7  # effective time
PARSED: Final = 8

#: Verdicts on a record of a batch.
UNUSUAL: Final = 0  # to be read one by one
PLAIN: Final = 1
NOTHING: Final = 2  # a clock, or a record that was refused
HELD: Final = 3  # a reward whose decision may still come
ORPHAN: Final = 4

#: Numbers that change.
FREE: Final = 0  # first free row
USED: Final = 1  # rows that were ever used
OPENED: Final = 2  # rows that are open
KNOWN: Final = 3  # rows that are open or over
NOTES_END: Final = 4
NOTES_LOST: Final = 5  # bytes of notes nobody refers to
RING_HEAD: Final = 6  # where the next body goes
RING_TAIL: Final = 7  # bodies before are gone
RING_SAVED: Final = 8  # bodies before are in the state
NEXT: Final = 9  # ordinal
TO_WRITE: Final = 10  # rows in the list of those changed
OUT_END: Final = 11  # bytes of outcomes written
OUT_COUNT: Final = 12
DUE_FROM: Final = 13  # no deadline in the order of those to come is before
OVER_FROM: Final = 14  # no deadline of those to be forgotten is before
MARKS: Final = 15

#: An outcome written.
AT: Final = 0
SIZE: Final = 1
WHOSE: Final = 2  # tenant
LACKS: Final = 3  # row whose body has to be put at its end, NONE: it is whole
ENDED: Final = 4

#: Why a kernel stopped before the end of its batch.
FINISHED: Final = 0
OUT_FULL: Final = 1
NOTES_FULL: Final = 2
RING_FULL: Final = 3
NEW_TENANT: Final = 4
BROKEN: Final = 5
STEPS_TAKEN: Final = 6
NOTHING_OPEN: Final = 7

#: More than one row's notes, or an outcome without its decision, can have: 128 characters of an id, and twice 32
#: names of 64 characters with a float64, all of 4 bytes.
MOST_NOTES: Final = 20_000

#: Times and intervals beyond 2^61 ms (73 million years) are never reached; sums of them stay within int64.
ENDLESS: Final = 1 << 61
NEVER: Final = 1 << 62
