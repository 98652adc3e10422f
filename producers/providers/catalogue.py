"""The models there are: the catalogue file, read and checked (examples/models.toml shows one; docs/providers.md)."""

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from schemas.errors import CroupierError

Seconds = Annotated[float, Meta(gt=0, le=3600)]
Dollars = Annotated[float, Meta(ge=0)]  # USD per million tokens
Count = Annotated[int, Meta(ge=0)]
Tokens = Annotated[int, Meta(gt=0)]
Capability = Literal["vision", "tools", "json", "reasoning", "web"]

Part = TypeVar("Part", bound=Struct)


class CatalogueError(CroupierError):
    """A catalogue that can not be used; its text lists everything that is wrong with it, and where."""


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """How long a model may take.  hedge_after_s: without a first token by then the next model is asked as well."""

    connect_s: Seconds = 3.0
    first_token_s: Seconds = 20.0
    between_tokens_s: Seconds = 15.0
    total_s: Seconds = 120.0
    hedge_after_s: Seconds | None = 8.0  # `hedge = false` in the file: never
    retries: Annotated[int, Meta(ge=0, le=10)] = 1
    retry_within_s: Seconds = 3.0  # a provider that asks for a longer wait is not waited for


class BreakerLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """When a model counts as unhealthy, and for how long."""

    failures: Annotated[int, Meta(gt=0)] = 5  # in a row
    open_s: Seconds = 30.0
    longest_open_s: Seconds = 300.0  # doubled up to this while probes fail


class ThrottleLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """How many requests may be made in addition: retries and hedges."""

    share: Annotated[float, Meta(ge=0, le=1)] = 0.2  # of all requests, in the long run
    burst: Annotated[int, Meta(ge=0)] = 20  # at once, after quiet times


class Provider(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody who runs models.  kind: the protocol it speaks."""

    kind: Literal["openai", "anthropic"]
    base_url: Annotated[str, Meta(pattern=r"^https?://[^\s]+$")]
    key_variable: Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None  # None: it wants no key
    headers: dict[str, str] = {}
    output_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"  # what it calls the field
    check_path: Annotated[str, Meta(pattern=r"^/")] = "/models"  # a GET that only a good key can make


class Model(Struct, frozen=True, forbid_unknown_fields=True):
    """One arm.  Prices in USD per million tokens."""

    provider: str
    model: Annotated[str, Meta(min_length=1)]  # the provider's name for it
    input: Dollars
    output: Dollars
    context_length: Tokens
    most_output_tokens: Tokens
    cached: Dollars | None = None  # input read from the provider's cache; None: as input
    written: Dollars | None = None  # input written to the provider's cache; None: as input
    capabilities: frozenset[Capability] = frozenset()
    characters_per_token: Annotated[float, Meta(gt=0, le=20)] = 4.0  # for estimates
    enabled: bool = True
    extra: dict[str, Any] = {}  # more fields of the request, as the provider documents them
    limits: Limits = Limits()


class Catalogue(Struct, frozen=True):
    """All arms, by name in the order of the file, and who runs them."""

    providers: dict[str, Provider]
    models: dict[str, Model]
    breaker: BreakerLimits = BreakerLimits()
    throttle: ThrottleLimits = ThrottleLimits()

    @property
    def arms(self) -> tuple[str, ...]:
        """Of models that are enabled."""
        return tuple(arm for arm, model in self.models.items() if model.enabled)


def read_catalogue(path: Path) -> Catalogue:
    """The catalogue in a file; CatalogueError lists everything wrong with it."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(
            f"{path}: can not be read ({error}); expected a catalogue, e.g. examples/models.toml"
        ) from None
    return parse_catalogue(text, str(path))


def parse_catalogue(text: str, file: str) -> Catalogue:
    """The catalogue in `text`; file: its name, for errors."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{file}: not TOML: {error}") from None
    problems: list[str] = []
    catalogue = _Reading(document, problems).catalogue()
    if problems:
        raise CatalogueError("\n".join(f"{file}: {each}" for each in problems))
    return catalogue


_TOP = ("limits", "breaker", "throttle", "providers", "models")
_UNKNOWN = re.compile(r"^Object contains unknown field `(?P<field>.*?)`")
_AT = re.compile(r" - at `(?:key in )?\$\.?(?P<path>.*)`$")


class _Reading:
    """Goes through a document table by table, so that a problem names the table that it stands in."""

    def __init__(self, document: Mapping[str, Any], problems: list[str]) -> None:
        self._document = document
        self._problems = problems

    def catalogue(self) -> Catalogue:
        for key in self._document:
            if key not in _TOP:
                self._problems.append(f"[{key}]: unknown{_near(key, _TOP)}; known are {', '.join(_TOP)}")
        limits = self._limits("[limits]", self._table(self._document, "limits"), {}) or {}
        breaker = self._part("[breaker]", self._table(self._document, "breaker"), BreakerLimits)
        throttle = self._part("[throttle]", self._table(self._document, "throttle"), ThrottleLimits)
        providers = dict(self._providers())
        models = dict(self._models(limits, providers))
        if not models and not self._problems:
            self._problems.append("no model: expected at least one table [models.NAME]")
        return Catalogue(providers, models, breaker or BreakerLimits(), throttle or ThrottleLimits())

    def _providers(self) -> Iterator[tuple[str, Provider]]:
        for name, table in self._table(self._document, "providers").items():
            provider = self._part(f"[providers.{_key(name)}]", table, Provider)
            if provider is not None:
                yield name, provider

    def _models(self, limits: Mapping[str, Any], providers: Mapping[str, Provider]) -> Iterator[tuple[str, Model]]:
        declared = self._table(self._document, "providers")
        for name, table in self._table(self._document, "models").items():
            place = f"[models.{_key(name)}]"
            if not isinstance(table, dict):
                self._problems.append(f"{place}: found {table!r}; expected a table")
                continue
            own = self._limits(f"{place} limits", self._table(table, "limits", f"{place} "), limits)
            model = self._part(place, {**table, "limits": own or {}}, Model)
            if model is None:
                continue
            if model.provider not in declared:
                known = ", ".join(declared) or "none"
                hint = _near(model.provider, declared)
                self._problems.append(f"{place} provider: no [providers.{model.provider}]{hint}; declared are {known}")
            elif model.most_output_tokens > model.context_length:
                self._problems.append(f"{place} most_output_tokens: more than context_length ({model.context_length})")
            yield name, model

    def _limits(self, place: str, table: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any] | None:
        """Limits over those that hold for all models; `hedge = false` switches hedging off."""
        values = {**base, **table}
        hedge = values.pop("hedge", True)
        if not isinstance(hedge, bool):
            self._problems.append(f"{place} hedge: found {hedge!r}; expected true or false")
        elif not hedge:
            values["hedge_after_s"] = None
        return values if self._part(place, values, Limits) is not None else None

    def _part(self, place: str, table: object, kind: type[Part]) -> Part | None:
        try:
            return msgspec.convert(table, kind)
        except msgspec.ValidationError as error:
            self._problems.append(f"{place}{_explained(str(error), kind)}")
            return None

    def _table(self, document: Mapping[str, Any], key: str, place: str = "") -> Mapping[str, Any]:
        table = document.get(key, {})
        if isinstance(table, dict):
            return table
        self._problems.append(f"{place}{key}: found {table!r}; expected a table")
        return {}


def _explained(error: str, kind: type[Struct]) -> str:
    """What msgspec says, with the key in front and the known keys behind."""
    at = _AT.search(error)
    what = error[: at.start()] if at else error
    key = f" {at['path']}" if at and at["path"] else ""
    unknown = _UNKNOWN.match(what)
    if unknown is None:
        return f"{key}: {what[0].lower()}{what[1:]}"
    known = kind.__struct_fields__
    return f"{key} {unknown['field']}: unknown{_near(unknown['field'], known)}; known are {', '.join(known)}"


def _near(found: str, known: Any) -> str:
    near = difflib.get_close_matches(found, list(known), n=1, cutoff=0.6)
    return f" (did you mean {near[0]}?)" if near else ""


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else f'"{name}"'
