"""Outcomes read in place into the columns that are learned from, for the domains that a `table` holds.

Read are plain outcomes: of a known domain, in ASCII, over arms that are all still there, with nothing that
`wire.decode` or `outcomes.check` could object to.  Every other one is left to the path of single records.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.events import MAX_ARMS, MAX_FEATURES, MAX_OBSERVATIONS, Decision, Outcome
from schemas.observations import COST, UNFOLLOWED

from ..bandits.kernel import kernel
from ..columnar.memory import Bytes, copy_bytes, equal
from ..columnar.messagepack import (
    NIL,
    is_ascii,
    read_array,
    read_bytes,
    read_integer,
    read_map,
    read_number,
    read_optional_text,
    read_text,
    skip,
)
from ..columnar.rows import FetchedRecords
from ..evaluation.groups import group_of
from ..routing.routes import MISSING, find
from . import layout

Places = NDArray[np.int64]
Floats = NDArray[np.float64]

#: What is said of a record that was not read.
OTHER, UNKNOWN_DOMAIN = -1, -2

#: Longest name (schemas.events.Name) and id.
NAME_BYTES: Final = 64
_ID_BYTES: Final = 128
_OUTCOME: Final = np.frombuffer(bytearray(str(Outcome.__struct_config__.tag).encode()), np.uint8)
_DECISION: Final = np.frombuffer(bytearray(str(Decision.__struct_config__.tag).encode()), np.uint8)
_COMPLETE: Final = np.frombuffer(bytearray(b"complete"), np.uint8)
_HORIZON: Final = np.frombuffer(bytearray(b"horizon"), np.uint8)
_COST: Final = np.frombuffer(bytearray(COST.encode()), np.uint8)
_UNFOLLOWED: Final = np.frombuffer(bytearray(UNFOLLOWED.encode()), np.uint8)
_OUTCOME_FIELDS: Final = 1 + len(Outcome.__struct_fields__)
#: Elements of a decision's array: as the first releases wrote it, with unit, after and chain, and with restrictions.
_DECISION_LEAST: Final = 15
_DECISION_WITH_UNITS: Final = 18
_DECISION_FIELDS: Final = 1 + len(Decision.__struct_fields__)
assert _DECISION_FIELDS == 19
#: Propensities whose sum is this near to 1 pass `outcomes.check` however the sum is rounded.
_SURELY_ONE: Final = 0.9e-4
#: Observations beyond this may overflow in the reward's arithmetic.
_LARGEST: Final = 1e150


@kernel()
def _read_name(data: Bytes, at: int, end: int, most: int) -> tuple[int, int, int]:
    """As `read_text`, of 1 to `most` ASCII characters."""
    begin, size, after = read_text(data, at, end)
    if after < 0 or not 1 <= size <= most or not is_ascii(data, begin, size):
        return -1, 0, -1
    return begin, size, after


@kernel()
def _read_optional_name(data: Bytes, at: int, end: int, most: int) -> tuple[int, int, int]:
    """As `_read_name`, or nothing, whose size is below 0."""
    begin, size, at = read_optional_text(data, at, end)
    if at < 0 or size == 0 or size > most or (size > 0 and not is_ascii(data, begin, size)):
        return 0, 0, -1
    return begin, size, at


@kernel()
def _read_origin(data: Bytes, at: int, end: int) -> tuple[int, int, int]:
    """A decision's unit, where it is and its size (below 0: none), and the position after its chain; -1: not plain."""
    unit_at, unit_size, at = _read_optional_name(data, at, end, NAME_BYTES)
    if at >= 0:
        _, _, at = _read_optional_name(data, at, end, _ID_BYTES)
    if at < 0:
        return 0, 0, -1
    if at < end and data[at] == NIL:
        return unit_at, unit_size, at + 1
    chain, at = read_number(data, at, end)
    return unit_at, unit_size, at if 0.0 < chain <= 1.0 else -1


@kernel()
def _read_restrictions(data: Bytes, at: int, end: int) -> int:
    """The position after a decision's restrictions; -1: they are not plain."""
    if 0 <= at < end and data[at] == NIL:
        return at + 1
    count, at = read_map(data, at, end)
    if at < 0 or count > MAX_ARMS:
        return -1
    for _ in range(2 * count):
        _, _, at = _read_name(data, at, end, NAME_BYTES)
        if at < 0:
            return -1
    return at


@kernel()
def _is(data: Bytes, at: int, size: int, text: Bytes) -> bool:
    return size == text.shape[0] and equal(data, at, text, 0, size)


@kernel()
def _is_row(data: Bytes, at: int, size: int, row: Bytes) -> bool:
    return size == row[0] and equal(data, at, row, 1, size)


@kernel()
def _read_observations(
    data: Bytes, at: int, end: int, parts: NDArray[np.uint8], first: int, components: int, values: Floats
) -> tuple[float, bool, int]:
    """Write values (components,), NaN: not observed.

    (cost, whether it was followed, position after them: -1 if they are not plain).
    """
    count, at = read_map(data, at, end)
    if at < 0 or count > MAX_OBSERVATIONS:
        return 0.0, True, -1
    cost, followed = np.nan, True
    for c in range(components):
        values[c] = np.nan
    for k in range(count):
        begin, size, at = _read_name(data, at, end, NAME_BYTES)
        if at < 0:
            return 0.0, True, -1
        value, at = read_number(data, at, end)
        if at < 0 or not abs(value) <= _LARGEST:
            return 0.0, True, -1
        if _is(data, begin, size, _COST):
            cost = value
        elif _is(data, begin, size, _UNFOLLOWED):
            followed = not value > 0.0
        for step in range(components):
            c = (k + step) % components  # usually in the order of the specification
            if _is_row(data, begin, size, parts[first + c]):
                values[c] = value
                break
    return cost, followed, at


@kernel()
def worth(parts: Floats, first: int, components: int, default: float, values: Floats) -> tuple[float, bool]:
    """`reward.reward_of`, of values (components,), NaN: not observed."""
    total = weights = 0.0
    for c in range(components):
        part = parts[first + c]
        weight, worst, best = part[layout.WEIGHT], part[layout.WORST], part[layout.BEST]
        if np.isnan(values[c]):
            if part[layout.REQUIRED] != 0.0:
                return default, False
            utility = default
        elif best == worst:
            utility = 1.0 if values[c] >= best else 0.0
        else:
            utility = min(max((values[c] - worst) / (best - worst), 0.0), 1.0)
        total += weight * utility
        weights += weight
    return (min(max(total / weights, 0.0), 1.0) if weights > 0.0 else default), True


@kernel()
def _read_arms(
    data: Bytes,
    at: int,
    end: int,
    names: NDArray[np.uint8],
    first: int,
    K: int,
    places: Places,
    mask: NDArray[np.bool_],
) -> tuple[int, int]:
    """Write the place of each arm among the domain's K and their mask.  (number, position after; -1: not plain)."""
    count, at = read_array(data, at, end)
    if at < 0 or not 1 <= count <= K:
        return 0, -1
    a = 0
    for k in range(count):
        begin, size, at = _read_name(data, at, end, NAME_BYTES)
        if at < 0:
            return 0, -1
        found = -1
        for _ in range(K):
            if _is_row(data, begin, size, names[first + a]):
                found = a
                break
            a = a + 1 if a + 1 < K else 0
        if found < 0 or mask[found]:
            return 0, -1
        mask[found] = True
        places[k] = found
        a = a + 1 if a + 1 < K else 0
    return count, at


@kernel(
    "i8(u1[::1], i8[::1], i8[::1], i8[::1], i8[::1], u8[::1], i8[::1], u1[::1], i8[:,::1], i8[:,::1], f8[:,::1], "
    "u1[:,::1], u1[:,::1], f8[:,::1], i8[::1], i8[::1], i8[::1], i8[::1], f4[:,::1], b1[:,::1], i8[::1], f8[::1], "
    "f4[:,::1], f8[::1], f8[::1], b1[::1], f8[::1], f8[::1], b1[::1], i8[::1], b1[::1])"
)
def read_outcomes(
    data: Bytes,
    key_at: Places,
    key_size: Places,
    value_at: Places,
    value_size: Places,
    hashes: NDArray[np.uint64],
    table_slots: Places,
    domain_names: Bytes,
    name_places: Places,
    domains: Places,
    domain_floats: Floats,
    arm_names: NDArray[np.uint8],
    part_names: NDArray[np.uint8],
    parts: Floats,
    verdicts: Places,
    row: Places,
    slot: Places,
    ordinal: Places,
    features: NDArray[np.float32],
    eligible: NDArray[np.bool_],
    chosen: Places,
    propensity: Floats,
    propensities: NDArray[np.float32],
    reward: Floats,
    costs: Floats,
    complete: NDArray[np.bool_],
    decided: Floats,
    ended: Floats,
    lapsed: NDArray[np.bool_],
    group: Places,
    followed: NDArray[np.bool_],
) -> int:
    """Read n outcomes; how many are plain.

    The tables of `routes.Lookup` and `table.LearningTable` come after the record's columns.  Written are verdicts
    (n,): the slot, or why not; and for each plain outcome, one after another, the columns of `PlainOutcomes`.
    """
    found = 0
    places, values = np.empty(MAX_ARMS, np.int64), np.empty(MAX_OBSERVATIONS)
    numbers, probabilities = np.empty(MAX_FEATURES, np.float32), np.empty(MAX_ARMS, np.float32)
    for i in range(value_at.shape[0]):
        verdicts[i] = OTHER
        if value_size[i] < 0 or key_size[i] < 0:
            continue
        at, end = value_at[i], value_at[i] + value_size[i]
        fields, at = read_array(data, at, end)
        if fields != _OUTCOME_FIELDS:
            continue
        begin, size, at = read_text(data, at, end)
        if at < 0 or not _is(data, begin, size, _OUTCOME):
            continue
        number, at = read_integer(data, at, end)
        begin, size, at = read_text(data, at, end)
        by_horizon = _is(data, begin, size, _HORIZON)
        if at < 0 or number < 0 or not (by_horizon or _is(data, begin, size, _COMPLETE)):
            continue
        begun, at = read_integer(data, at, end)
        over, observations_at = read_integer(data, at, end)
        at = skip(data, observations_at, end)
        decision_offset, at = read_integer(data, at, end)
        fields, at = read_array(data, at, end) if at >= 0 and decision_offset >= 0 else (0, -1)
        if fields != _DECISION_LEAST and fields != _DECISION_WITH_UNITS and fields != _DECISION_FIELDS:
            continue
        begin, size, at = read_text(data, at, end)
        if at < 0 or not _is(data, begin, size, _DECISION):
            continue
        unit_at, unit_size, at = _read_name(data, at, end, _ID_BYTES)  # of one that names no unit
        named = False
        tenant_at, tenant_size, at = _read_name(data, at, end, NAME_BYTES)
        domain_at, domain_size, at = _read_name(data, at, end, NAME_BYTES)
        if at < 0 or tenant_size != key_size[i] or not equal(data, tenant_at, data, key_at[i], tenant_size):
            continue
        which = find(
            data, tenant_at, tenant_size, domain_at, domain_size, hashes, table_slots, domain_names, name_places
        )
        if which < 0:
            verdicts[i] = UNKNOWN_DOMAIN
            continue
        domain = domains[which]
        K, d, components = domain[layout.ARMS], domain[layout.FEATURES], domain[layout.COMPONENTS]
        mask, logged = eligible[found], propensities[found]
        for a in range(mask.shape[0]):
            mask[a], logged[a] = False, 0.0
        count, at = _read_arms(data, at, end, arm_names, domain[layout.NAMES], K, places, mask)
        choice, at = read_integer(data, at, end)
        p_at, p_size, at = read_bytes(data, at, end)
        _, scores_size, at = read_bytes(data, at, end)
        x_at, x_size, at = read_bytes(data, at, end)
        if at < 0 or not 0 <= choice < count or p_size != 4 * count or x_size != 4 * d or scores_size > 4 * MAX_ARMS:
            continue
        _, _, at = _read_name(data, at, end, NAME_BYTES)
        version, at = read_integer(data, at, end)
        learned, at = read_integer(data, at, end)
        horizon, at = read_integer(data, at, end)
        awaited, at = read_array(data, at, end)
        for _ in range(awaited if at >= 0 else 0):
            _, _, at = _read_name(data, at, end, NAME_BYTES)
        context, at = read_integer(data, at, end)
        if fields >= _DECISION_WITH_UNITS:
            begin, size, at = _read_origin(data, at, end)
            if size > 0:
                unit_at, unit_size, named = begin, size, True
        if fields == _DECISION_FIELDS:
            at = _read_restrictions(data, at, end)
        if at != end or min(version, learned, horizon, context) < 0:
            continue
        copy_bytes(probabilities, 0, data, p_at, p_size)
        total, least = 0.0, 1.0
        for k in range(count):
            total += np.float64(probabilities[k])
            least = min(least, np.float64(probabilities[k]))
            logged[places[k]] = probabilities[k]
        if not (abs(total - 1.0) <= _SURELY_ONE and least >= 0.0 and probabilities[choice] > 0.0):
            continue
        copy_bytes(numbers, 0, data, x_at, x_size)
        length = 0.0
        for j in range(d):
            features[found, j] = numbers[j]
            if numbers[j] == numbers[j] or name_places[which, MISSING] == 0:
                length += np.float64(numbers[j]) * np.float64(numbers[j])
        if not np.isfinite(length):
            continue
        cost, acted_on, after = _read_observations(
            data, observations_at, end, part_names, domain[layout.PARTS], components, values
        )
        if after < 0:
            continue
        verdicts[i] = which
        row[found], slot[found], ordinal[found] = i, which, number
        chosen[found], propensity[found], costs[found] = places[choice], np.float64(probabilities[choice]), cost
        decided[found], ended[found], lapsed[found] = np.float64(begun), np.float64(over), by_horizon
        group[found], followed[found] = group_of(data, unit_at, unit_at + unit_size, named), acted_on
        reward[found], complete[found] = worth(
            parts, domain[layout.PARTS], components, domain_floats[which, layout.DEFAULT], values
        )
        found += 1
    return found


class PlainOutcomes(NamedTuple):
    """Outcomes of many domains in log order.  The first d of features, K of eligible and propensities count."""

    row: Places  # (n,) index in the batch
    slot: Places
    ordinal: Places
    features: NDArray[np.float32]  # (n, width)
    eligible: NDArray[np.bool_]  # (n, Kmax)
    chosen: Places  # index among the domain's arms
    propensity: Floats
    propensities: NDArray[np.float32]  # (n, Kmax)
    reward: Floats
    costs: Floats  # USD; NaN: not observed
    complete: NDArray[np.bool_]
    decided: Floats  # ms
    ended: Floats
    lapsed: NDArray[np.bool_]  # it ended with its horizon
    group: Places  # of the unit, see `evaluation.groups`
    followed: NDArray[np.bool_]  # somebody acted on the decision

    def where(self, rows: Any) -> "PlainOutcomes":
        """Only these rows (a mask, or a slice)."""
        return PlainOutcomes(*(each[rows] for each in self))


def read(
    records: FetchedRecords, lookup: tuple[Any, ...], tables: tuple[Any, ...], width: int, arms: int
) -> tuple[PlainOutcomes, Places]:
    """The plain outcomes of a batch, and what each record is: see `read_outcomes`.

    lookup: the first four of `Lookup.arrays`; tables: of `LearningTable.tables`; width, arms: its largest d and K.
    """
    n = len(records)
    verdicts = np.empty(n, np.int64)
    plain = PlainOutcomes(
        np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64), np.empty((n, width), np.float32),
        np.empty((n, arms), np.bool_), np.empty(n, np.int64), np.empty(n), np.empty((n, arms), np.float32), np.empty(n),
        np.empty(n), np.empty(n, np.bool_), np.empty(n), np.empty(n), np.empty(n, np.bool_), np.empty(n, np.int64),
        np.empty(n, np.bool_),
    )  # fmt: skip
    columns = (records.data, records.key_at, records.key_size, records.value_at, records.value_size)
    arguments: list[Any] = [*(np.ascontiguousarray(each) for each in columns), *lookup, *tables, verdicts, *plain]
    found = read_outcomes(*arguments)
    return plain.where(slice(found)), verdicts
