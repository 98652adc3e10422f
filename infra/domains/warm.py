"""Reads a file that says what policies begin with (`croupier domains apply --warm-start`), and makes priors of it."""

import tomllib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import Meta, Struct, inspect

from infra.evaluate.export import read_export
from infra.reading.log import Log
from schemas import wire
from schemas.domains import DomainSpec, Identifier, LearnerSpec, Share
from schemas.errors import BadRecordError, CroupierError, SpecificationError
from schemas.events import Outcome, SpecChange
from schemas.partitioning import partition
from schemas.topics import OUTCOMES

from .lines import Path, key_lines
from .problems import Problem, Problems, show, suggestion
from .structure import REFUSED, read

Key = tuple[str, str]  # tenant, domain
Observations = Annotated[int, Meta(ge=1, le=1_000_000)]

#: How many outcomes a prior counts as, where the file does not say.
OF_OUTCOMES: Final = 500
OF_SCORES: Final = 10

#: Learned at once.
_BATCH: Final = 1000


class Sort(Struct, frozen=True):
    """Scores on requests of one sort."""

    features: dict[str, float]  # index: value; those not named are 0
    scores: Annotated[dict[Identifier, Share], Meta(min_length=1, max_length=64)]
    observations: Observations | None = None


class WarmStart(Struct, frozen=True):
    """What one policy begins with: outcomes of another domain, or scores."""

    tenant: Identifier
    domain: Identifier
    policy: Identifier | None = None  # None: the champion
    outcomes: str | None = None  # tenant/domain
    file: str | None = None  # an export that has them; None: the deployment
    bootstrap: str | None = None  # of another deployment, and its prefix; None: the one that is applied to
    prefix: str | None = None
    scores: Annotated[dict[Identifier, Share], Meta(max_length=64)] = {}
    sorts: Annotated[tuple[Sort, ...], Meta(max_length=64)] = ()
    observations: Observations | None = None
    replace: bool = False


_KIND: Final = inspect.type_info(WarmStart)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One prior to be made."""

    start: WarmStart
    spec: DomainSpec
    learner: LearnerSpec

    @property
    def key(self) -> Key:
        """Of its domain."""
        return self.start.tenant, self.start.domain


class Made(NamedTuple):
    """A prior, and what to say of it."""

    wanted: Wanted
    data: bytes
    words: str


def read_warm_starts(path: FilePath, specs: Sequence[DomainSpec]) -> tuple[list[Wanted], tuple[Problem, ...]]:
    """The priors that a file asks for, for the domains of a domain file; or none, and every problem with its line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        document = tomllib.loads(text)
        problems = Problems(str(path), key_lines(text), document)
    except (OSError, ValueError, RecursionError) as error:
        return [], (Problem(str(path), 1, "", "", f"no TOML ({error})", "a file with [[prior]] tables"),)
    for key in document:
        if key != "prior":
            problems.add((key,), f"an unknown key {show(key)}", "only [[prior]] tables at the top")
    tables = document.get("prior")
    if not isinstance(tables, list) or not tables:
        problems.add((), "no prior", "at least one [[prior]] table")
        return [], problems.ordered()
    by_key = {(spec.tenant, spec.domain): spec for spec in specs}
    found = [_read(table, ("prior", index), by_key, problems) for index, table in enumerate(tables)]
    wanted = [each for each in found if each is not None]
    twice: set[tuple[Key, str]] = set()
    for index, each in enumerate(found):
        if each is not None and (each.key, each.learner.name) in twice:
            problems.add(("prior", index), f"a second prior of {each.learner.name}", "one for each policy")
        if each is not None:
            twice.add((each.key, each.learner.name))
    return ([] if problems.found else wanted), problems.ordered()


def _read(table: object, path: Path, specs: Mapping[Key, DomainSpec], problems: Problems) -> Wanted | None:
    start = read(_KIND, table, path, problems)
    if start is REFUSED:
        return None
    spec = specs.get((start.tenant, start.domain))
    if spec is None:
        known = [domain for tenant, domain in specs if tenant == start.tenant]
        expected = f"a domain that the domain file declares for {start.tenant}: {', '.join(map(show, known)) or 'none'}"
        problems.add((*path, "domain"), show(start.domain), expected, suggestion(start.domain, known))
        return None
    learners = {each.name: each for each in (spec.champion, *spec.challengers)}
    learner = spec.champion if start.policy is None else learners.get(start.policy)
    if learner is None:
        expected = f"one of its policies: {', '.join(map(show, learners))}"
        problems.add((*path, "policy"), show(start.policy), expected, suggestion(start.policy, learners))
        return None
    _check(start, spec, path, problems)
    return Wanted(start, spec, learner)


def _check(start: WarmStart, spec: DomainSpec, path: Path, problems: Problems) -> None:
    if (start.outcomes is not None) == bool(start.scores or start.sorts):
        found = "both outcomes and scores" if start.outcomes else "neither outcomes nor scores"
        problems.add(path, found, 'outcomes = "tenant/domain", or scores = { arm = 0.7 }, or [[prior.sorts]]')
    if start.outcomes is not None and "/" not in start.outcomes:
        problems.add((*path, "outcomes"), show(start.outcomes), 'tenant and domain, as in "acme/model_routing"')
    names = [arm.name for arm in spec.arms]
    tables = [((*path, "scores"), start.scores)]
    tables += [((*path, "sorts", index, "scores"), each.scores) for index, each in enumerate(start.sorts)]
    for place, scores in tables:
        for arm in scores:
            if arm not in names:
                expected = f"one of the domain's arms: {', '.join(map(show, names))}"
                problems.add((*place, arm), show(arm), expected, suggestion(arm, names))
    for index, each in enumerate(start.sorts):
        for feature in each.features:
            if not feature.isdecimal() or int(feature) >= spec.width:
                expected = f"the number of a feature, from 0 to {spec.width - 1}"
                problems.add((*path, "sorts", index, "features", feature), show(feature), expected)


async def make_priors(wanted: Iterable[Wanted], bootstrap: str, prefix: str) -> list[Made]:
    """Make the priors, each tried on a policy like the one it is for.  SpecificationError: one cannot be made."""
    return [await _make(each, bootstrap, prefix) for each in wanted]


async def _make(wanted: Wanted, bootstrap: str, prefix: str) -> Made:
    from stream_workers.bandits.prior import begin  # compiled kernels: only who warms waits

    start, spec = wanted.start, wanted.spec
    if start.outcomes is None:
        data, words = _of_scores(wanted)
    else:
        tenant, _, domain = start.outcomes.partition("/")
        if start.file is not None:
            events = [each for each in read_export(FilePath(start.file)) if _name(each) == (tenant, domain)]
        else:
            async with Log.open(start.bootstrap or bootstrap, prefix if start.prefix is None else start.prefix) as log:
                events = [event async for event in _events(log, tenant, domain)]
        data, words = learned_from(wanted, events)
    terms = _terms(spec)
    place = [each.name for each in terms.learners].index(wanted.learner.name)
    try:
        begin(wanted.learner.kind, terms.settings[place], data)
    except SpecificationError as error:
        raise SpecificationError(f"{spec.tenant}/{spec.domain}, policy {wanted.learner.name}: {error}") from None
    return Made(wanted, data, f"{words} ({len(data) / 1024:,.0f} kB)")


def _of_scores(wanted: Wanted) -> tuple[bytes, str]:
    from stream_workers.bandits.prior import Score, scores

    start = wanted.start
    default = start.observations or OF_SCORES
    entries = [Score({}, start.scores, default)] if start.scores else []
    entries += [
        Score({int(index): value for index, value in each.features.items()}, each.scores, each.observations or default)
        for each in start.sorts
    ]
    arms = {arm for each in entries for arm in each.rewards}
    return scores(entries, replace=start.replace), f"scores of {len(arms)} arms, each counted as {default} outcomes"


def learned_from(wanted: Wanted, events: Sequence[SpecChange | Outcome]) -> tuple[bytes, str]:
    """What the wanted policy would have learned from a domain's events, by its own reward; and what to say of it.

    SpecificationError: nothing can be learned from them.
    """
    from stream_workers.bandits.prior import learned
    from stream_workers.learning.domain import DomainState, check

    start, spec = wanted.start, wanted.spec
    arms = {
        arm.name: arm
        for event in events
        if isinstance(event, SpecChange) and event.spec is not None
        for arm in event.spec.arms
    }
    if not arms:
        raise SpecificationError(f"there is no domain {start.outcomes} whose outcomes could be learned from")
    theirs = msgspec.structs.replace(
        spec, arms=tuple(arms.values())[-64:], champion=wanted.learner, challengers=(), budget=None, baseline=None
    )
    state, waiting, seen, refused = DomainState(theirs, 0), [], set(), ""
    for event in events:
        if isinstance(event, SpecChange) or event.ordinal in seen:
            continue
        seen.add(event.ordinal)
        try:
            check(event, theirs)
        except BadRecordError as error:
            refused = error.detail
            continue
        waiting.append(event)
        if len(waiting) == _BATCH:
            state.learn(waiting)
            waiting = []
    state.learn(waiting)
    counts = state.report()["counts"]
    count = int(counts["outcomes"] - counts["unfollowed"])
    if not count:
        why = f": {refused}" if refused else ""
        raise SpecificationError(
            f"{start.outcomes} has no outcome that {spec.tenant}/{spec.domain} could learn from{why}"
        )
    observations = start.observations or OF_OUTCOMES
    data = learned(state.champion, count, observations, replace=start.replace)
    return data, f"{count:,} outcomes of {start.outcomes}, counted as {min(count, observations):,}"


def _terms(spec: DomainSpec) -> Any:
    from stream_workers.learning.terms import terms_of

    return terms_of(spec)[1]


async def _events(log: Log, tenant: str, domain: str) -> AsyncIterator[SpecChange | Outcome]:
    """A domain's events, in log order."""
    number, key = partition(tenant, log.partitions(OUTCOMES.name)), tenant.encode()
    async for batch in log.batches(OUTCOMES.name, await log.bounds(OUTCOMES.name, [number])):
        for record in batch:
            if record.key != key:
                continue
            try:
                event: SpecChange | Outcome = wire.decode(OUTCOMES.name, record.value)
            except CroupierError:
                continue  # it went to the dead letters
            if _name(event) == (tenant, domain):
                yield event


def _name(event: SpecChange | Outcome) -> Key:
    of = event if isinstance(event, SpecChange) else event.decision
    return of.tenant, of.domain
