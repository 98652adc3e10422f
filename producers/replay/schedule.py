"""Which recorded requests are played, and in which order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .draws import uniform


@dataclass(frozen=True, slots=True)
class Interaction:
    """One request to play: the recording's number, its how many-eth request this is, and the recorded row."""

    recording: int
    index: int
    row: int


def shares(rows: Sequence[int], interactions: int) -> list[int]:
    """How many interactions each recording gets: the same for all, but none more than its rows while others have more.

    Only when all rows are used up are recordings played again, in proportion to their size.
    """
    if interactions < 0 or any(each < 1 for each in rows) or not rows:
        raise ValueError(f"{interactions} interactions over recordings of {list(rows)} rows; expected rows in each")
    passes, rest = divmod(interactions, sum(rows))
    given = [0] * len(rows)
    while rest:
        open_ = [i for i, each in enumerate(rows) if given[i] < each]
        each = max(1, rest // len(open_))
        for i in open_:
            more = min(each, rows[i] - given[i], rest)
            given[i] += more
            rest -= more
    return [passes * size + more for size, more in zip(rows, given, strict=True)]


def schedule(rows: Sequence[int], interactions: int, seed: int) -> list[Interaction]:
    """Every interaction in the order of play: rows shuffled within a recording, recordings interleaved evenly.

    A function of its arguments alone.  rows: the number of rows of each recording.
    """
    placed: list[tuple[float, int, Interaction]] = []
    for recording, share in enumerate(shares(rows, interactions)):
        for index, row in zip(range(share), _shuffled(rows[recording], recording, seed), strict=False):
            position = (index + uniform(seed, "place", recording, index)) / share
            placed.append((position, recording, Interaction(recording, index, row)))
    placed.sort(key=lambda each: each[:2])
    return [interaction for _, _, interaction in placed]


def rows_played(interactions: Sequence[Interaction], recording: int) -> list[int]:
    """The rows of one recording, in the order of play."""
    return [each.row for each in interactions if each.recording == recording]


def _shuffled(rows: int, recording: int, seed: int) -> Iterator[int]:
    """Row numbers without end: every row once, in another order each time."""
    again = 0
    while True:
        yield from sorted(range(rows), key=lambda row: uniform(seed, "row", recording, again, row))
        again += 1
