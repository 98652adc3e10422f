"""Contexts decided as single objects: every kind of them, and what is wrong with those that cannot be.

The path of what `contexts` does not read, and the reference for what it does.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas import topics, wire
from schemas.errors import BadRecordError, Reason
from schemas.events import MAX_EVENT_BYTES, Context, Decision

from ..bandits.randomness import draws
from ..learning.domain import DomainState
from ..learning.processor import LearnerProcessor
from ..runtime.stage import Dead, Emit, Record
from .inputs import Inputs
from .parents import Parents
from .purse import Account, Purse
from .routes import awaited

_decode = wire.DECODERS["contexts"].decode
_encode = wire.encode


class _Route:
    """What stays the same for all decisions of a domain under one version of its specification."""

    __slots__ = (
        "arm_index",
        "arms",
        "awaited",
        "enabled",
        "enabled_names",
        "key",
        "row_bytes",
        "salt",
        "state",
        "version",
    )

    def __init__(self, state: DomainState) -> None:
        spec = state.spec
        self.state = state
        self.version = state.version
        self.key = spec.tenant.encode()
        self.salt = f"{spec.tenant}/{spec.domain}"
        self.row_bytes = 4 * spec.features
        self.arm_index = {arm.name: index for index, arm in enumerate(spec.arms)}
        self.enabled = np.array([index for index, arm in enumerate(spec.arms) if arm.enabled], dtype=np.int64)
        self.enabled_names = tuple(arm.name for arm in spec.arms if arm.enabled)
        self.arms: Any = msgspec.Raw(_encode(self.enabled_names))
        self.awaited: Any = msgspec.Raw(_encode(awaited(spec)))


class SingleContexts:
    """Decides contexts, or keeps them in dead-letters."""

    def __init__(
        self,
        emit: Emit,
        dead: Dead,
        learner: LearnerProcessor,
        parents: Parents | None = None,
        purse: Purse | None = None,
    ) -> None:
        self._emit = emit
        self._dead = dead
        self._learner = learner
        self._parents = parents or Parents(learner)
        self._purse = purse or Purse(learner, None)
        self.inputs = Inputs(self._parents)
        self._routes: dict[tuple[str, str], _Route] = {}

    def apply(self, topic: str, records: Sequence[Record]) -> None:
        """Decide a batch of contexts."""
        self._parents.begin()
        groups: dict[tuple[str, str], list[tuple[Record, Context]]] = {}
        for record in records:
            value = record.value
            try:
                context = _decode(value) if value is not None and len(value) <= MAX_EVENT_BYTES else None
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                context = None
            if context is None:
                self._refuse(topic, record)
                continue
            name = (context.tenant, context.domain)
            group = groups.get(name)
            if group is None:
                group = groups[name] = []
            group.append((record, context))
        for (tenant, domain), group in groups.items():
            self._decide(topic, tenant, domain, group)

    def _refuse(self, topic: str, record: Record) -> None:
        """Find out what is wrong with a record, and keep it."""
        try:
            wire.decode(topic, record.value)
        except BadRecordError as error:
            self._dead(topic, record, error)

    def _route(self, tenant: str, domain: str) -> _Route | None:
        state = self._learner.domain(tenant, domain)
        if state is None:
            return None
        route = self._routes.get((tenant, domain))
        if route is None or route.state is not state or route.version != state.version:
            route = self._routes[tenant, domain] = _Route(state)
        return route

    def _decide(self, topic: str, tenant: str, domain: str, group: list[tuple[Record, Context]]) -> None:
        route = self._route(tenant, domain)
        if route is None:
            error = BadRecordError(
                Reason.UNKNOWN_DOMAIN,
                f"tenant {tenant!r} has no domain {domain!r}: declare it with `croupier domains apply`",
            )
            for record, _ in group:
                self._dead(topic, record, error)
            return
        accepted: list[tuple[Record, Context]] = []
        restricted: list[tuple[Record, Context]] = []
        for pair in group:
            record, context = pair
            if len(context.features) != route.row_bytes or record.key != route.key:
                self._dead(topic, record, _unfit(route, record, context))
            elif context.restrictions and (wrong := _misplaced(route, context, context.restrictions)) is not None:
                self._dead(topic, record, wrong)
            elif context.eligible is None:
                accepted.append(pair)
            else:
                restricted.append(pair)
        if accepted:
            self._choose(topic, route, accepted, None)
        if restricted:
            self._choose_restricted(topic, route, restricted)

    def _choose_restricted(self, topic: str, route: _Route, group: list[tuple[Record, Context]]) -> None:
        """Contexts that name the arms they can use."""
        enabled = set(route.enabled.tolist())
        kept: list[tuple[Record, Context]] = []
        rows: list[list[int]] = []
        for record, context in group:
            names = context.eligible or ()
            unknown = [name for name in names if name not in route.arm_index]
            usable = sorted({route.arm_index[name] for name in names if name in route.arm_index} & enabled)
            if unknown:
                self._dead(
                    topic, record,
                    BadRecordError(
                        Reason.UNKNOWN_ARM, f"{unknown[0]!r} is no arm of {route.salt}: {', '.join(route.arm_index)}"
                    ),
                )  # fmt: skip
            elif not usable:
                self._dead(
                    topic, record,
                    BadRecordError(Reason.NO_ELIGIBLE_ARM, f"of {', '.join(names)} none is enabled in {route.salt}"),
                )  # fmt: skip
            else:
                kept.append((record, context))
                rows.append(usable)
        if kept:
            mask = np.zeros((len(kept), len(route.arm_index)), dtype=np.bool_)
            for index, usable in enumerate(rows):
                mask[index, usable] = True
            self._choose(topic, route, kept, mask)

    def _choose(
        self, topic: str, route: _Route, group: list[tuple[Record, Context]], mask: NDArray[np.bool_] | None
    ) -> None:
        features = np.frombuffer(b"".join([context.features for _, context in group]), dtype="<f4")
        features = features.reshape(len(group), -1) if route.row_bytes else features.reshape(len(group), 0)
        spec = route.state.spec
        usable = np.isfinite(features) if spec.missing == "refuse" else ~np.isinf(features)
        if not usable.all():
            finite = usable.all(axis=1)
            what = "NaN or infinite" if spec.missing == "refuse" else "infinite"
            for (record, _), fine in zip(group, finite, strict=True):
                if not fine:
                    self._dead(topic, record, BadRecordError(Reason.FEATURES_NOT_FINITE, f"a feature is {what}"))
            group = [pair for pair, fine in zip(group, finite, strict=True) if fine]
            if not group:
                return
            features = np.ascontiguousarray(features[finite])
            mask = None if mask is None else mask[finite]
        if spec.inputs:
            group = [
                (record, msgspec.structs.replace(context, features=self.inputs.append(spec, context)))
                for record, context in group
            ]
            features = np.frombuffer(bytearray(b"".join([context.features for _, context in group])), "<f4")
            features = features.reshape(len(group), spec.width)
        if route.state.terms.cap is None:
            self._draw(route, group, features, mask)
        else:
            self._spend(route, group, features, mask)

    def _spend(
        self,
        route: _Route,
        group: list[tuple[Record, Context]],
        features: NDArray[np.float32],
        mask: NDArray[np.bool_] | None,
    ) -> None:
        """Under a hard cap: one after another where the rest of it could run out, each among the arms that fit."""
        cap, account, names = route.state.terms.cap, self._purse.account(route.state), list(route.arm_index)
        assert cap is not None
        most = np.array([cap.most_of(name) for name in names])
        allowed = np.zeros((len(group), len(names)), np.bool_)
        allowed[:, route.enabled] = True
        if mask is not None:
            allowed &= mask
        row = 0
        while row < len(group):
            now = max(record.timestamp for record, _ in group[row:])
            left = account.left(now, route.state, self._learner)
            if np.where(allowed[row:], most, 0.0).max(axis=1).sum() <= left:
                rest = None if mask is None else mask[row:]
                self._reserve(account, names, group[row:], self._draw(route, group[row:], features[row:], rest))
                return
            fits = allowed[row : row + 1] & (most <= left)
            record, context = group[row]
            if fits.any():
                here = group[row : row + 1]
                self._reserve(account, names, here, self._draw(route, here, features[row : row + 1], fits))
            else:
                detail = (
                    f"context {context.id!r}: of its hard cap of {cap.amount:g} USD a {cap.period} {route.salt} has "
                    f"{max(left, 0.0):g} left, and no eligible arm costs at most that; raise the cap, wait for the "
                    f"next {cap.period}, or declare an arm that is free (most = 0)"
                )
                self._dead(topics.CONTEXTS.name, record, BadRecordError(Reason.BUDGET_SPENT, detail))
            row += 1

    def _reserve(
        self, account: Account, names: list[str], group: list[tuple[Record, Context]], arms: NDArray[np.int64]
    ) -> None:
        for (_, context), arm in zip(group, arms.tolist(), strict=True):
            account.reserve(context.id, names[arm])

    def _draw(
        self,
        route: _Route,
        group: list[tuple[Record, Context]],
        features: NDArray[np.float32],
        mask: NDArray[np.bool_] | None,
    ) -> NDArray[np.int64]:
        """Decide and emit; the arms chosen."""
        choices = route.state.decide(features, mask, draws([context.id for _, context in group], route.salt))
        if mask is None:
            self._emit_all(route, group, choices.arm, choices.propensities, choices.scores)
        else:
            self._emit_each(route, group, mask, choices.arm, choices.propensities, choices.scores)
        return choices.arm

    def _chain(self, context: Context) -> float | None:
        return None if context.after is None else self._parents.chain(context.tenant, context.after)

    def _emit_all(
        self,
        route: _Route,
        group: list[tuple[Record, Context]],
        arms: NDArray[np.int64],
        propensities: NDArray[np.float32],
        scores: NDArray[np.float32],
    ) -> None:
        """All enabled arms were eligible: whole columns, cut into rows of bytes."""
        enabled = route.enabled
        width = 4 * len(enabled)
        choice = np.searchsorted(enabled, arms).tolist()
        p = np.ascontiguousarray(propensities[:, enabled], dtype="<f4").tobytes()
        s = np.ascontiguousarray(scores[:, enabled], dtype="<f4").tobytes()
        spec, learned, emit, key = route.state.spec, self._learner.applied, self._emit, route.key
        tenant, domain, policy, horizon = spec.tenant, spec.domain, spec.champion.name, spec.horizon_ms
        raw, awaited_raw, version = route.arms, route.awaited, route.version
        at = 0
        for (record, context), chosen in zip(group, choice, strict=True):
            until = at + width
            emit(
                topics.DECISIONS.name,
                key,
                _encode(
                    Decision(
                        context.id, tenant, domain, raw, chosen, p[at:until], s[at:until], context.features,
                        policy, version, learned, horizon, awaited_raw, record.offset, context.unit, context.after,
                        self._chain(context), context.restrictions,
                    )
                ),
            )  # fmt: skip
            at = until

    def _emit_each(
        self,
        route: _Route,
        group: list[tuple[Record, Context]],
        mask: NDArray[np.bool_],
        arms: NDArray[np.int64],
        propensities: NDArray[np.float32],
        scores: NDArray[np.float32],
    ) -> None:
        """Each context has eligible arms of its own."""
        spec = route.state.spec
        names = [arm.name for arm in spec.arms]
        for index, (record, context) in enumerate(group):
            eligible = np.flatnonzero(mask[index])
            decision = Decision(
                context.id, spec.tenant, spec.domain, tuple(names[i] for i in eligible),
                int(np.searchsorted(eligible, arms[index])),
                np.ascontiguousarray(propensities[index, eligible], dtype="<f4").tobytes(),
                np.ascontiguousarray(scores[index, eligible], dtype="<f4").tobytes(),
                context.features, spec.champion.name, route.version, self._learner.applied, spec.horizon_ms,
                route.awaited, record.offset, context.unit, context.after, self._chain(context),
                context.restrictions,
            )  # fmt: skip
            self._emit(topics.DECISIONS.name, route.key, _encode(decision))


def _misplaced(route: _Route, context: Context, restrictions: Mapping[str, str]) -> BadRecordError | None:
    """What is wrong with the restrictions of a context, if anything."""
    eligible = route.enabled_names if context.eligible is None else context.eligible
    for arm, why in restrictions.items():
        if arm not in route.arm_index:
            arms = ", ".join(route.arm_index)
            return BadRecordError(Reason.UNKNOWN_ARM, f"restrictions name {arm!r}, no arm of {route.salt}: {arms}")
        if arm in eligible:
            return BadRecordError(
                Reason.INVALID,
                f"restrictions say that {arm!r} is {why!r}, and it is eligible: `eligible` must name the arms that are "
                "left, and none of those that are restricted",
            )
    return None


def _unfit(route: _Route, record: Record, context: Context) -> BadRecordError:
    if record.key != route.key:
        return BadRecordError(
            Reason.WRONG_KEY, f"the record's key is {record.key!r}; it must be the tenant, {context.tenant!r}"
        )
    return BadRecordError(
        Reason.FEATURES_LENGTH,
        f"{len(context.features)} bytes of features; {route.salt} declares {route.row_bytes // 4} features: "
        f"{route.row_bytes} bytes of little-endian float32",
    )
