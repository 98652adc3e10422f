"""What goes wrong at the local models: which fault, at which model, at which of its requests."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from msgspec import Meta, Struct

Kind = Literal[
    "slow", "pause", "fail", "rate-limit", "hang", "cut", "end-early", "error", "no-usage", "refuse", "empty", "think"
]


class Fault(Struct, frozen=True, forbid_unknown_fields=True):
    """Something that happens to requests.

    kind: slow (`seconds` before the first token), pause (`seconds` between pieces), fail (HTTP `status`), rate-limit
    (429; `retry_after` seconds, if any), hang (from piece `after_pieces` on nothing is sent, and the connection stays),
    cut (the connection breaks there), end-early (the stream ends there as if all were well), error (it ends there with
    an error of `status`), no-usage (none is reported), refuse (the model's filter), empty (an answer without text),
    think (so many `pieces` of thoughts come first).
    model: None is all.  first, requests: it begins with the model's request of this number, counted from when the fault
    was set, and lasts for so many (None: until it is cleared).  every: of those, each so-and-so-manyth.
    """

    kind: Kind
    model: str | None = None
    seconds: float = 0.0
    status: int = 500
    retry_after: float | None = None
    after_pieces: int = 0  # those of thoughts count
    pieces: Annotated[int, Meta(ge=0)] = 0
    first: Annotated[int, Meta(ge=1)] = 1
    requests: int | None = None
    every: Annotated[int, Meta(ge=1)] = 1


@dataclass
class Faults:
    """The control object: what is set now, and how many requests each fault and model has seen."""

    seen: dict[str, int] = field(default_factory=dict)  # requests by model
    _set: list[tuple[Fault, list[int]]] = field(default_factory=list)

    def set(self, *faults: Fault) -> None:
        """These and no others from now on."""
        self._set = [(fault, [0]) for fault in faults]

    def add(self, fault: Fault) -> None:
        """One more."""
        self._set.append((fault, [0]))

    def clear(self) -> None:
        """All is well again."""
        self._set = []

    @property
    def now(self) -> tuple[Fault, ...]:
        """What is set."""
        return tuple(fault for fault, _ in self._set)

    def of_request(self, model: str) -> dict[Kind, Fault]:
        """Count a request, and say what happens to it."""
        self.seen[model] = self.seen.get(model, 0) + 1
        happens: dict[Kind, Fault] = {}
        for fault, count in self._set:
            if fault.model not in (None, model):
                continue
            count[0] += 1
            since = count[0] - fault.first
            within = since >= 0 and (fault.requests is None or since < fault.requests)
            if within and since % fault.every == 0:
                happens[fault.kind] = fault
        return happens
