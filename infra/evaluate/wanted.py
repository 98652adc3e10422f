"""Which policies somebody asks about, from the texts of `--policy`.

arm:NAME            always this arm, wherever it is eligible
uniform             every eligible arm with the same probability
NAME                a policy of the domain, by its name, as it was learning
KIND                a kind of policy with its default parameters, had it been learning
KIND:a=1,b=2        with these
state:FILE          the champion of a state that `--save-state` wrote, as it is there
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from schemas.domains import DomainSpec, LearnerSpec
from schemas.errors import SpecificationError
from stream_workers.bandits.registry import KINDS, check_params
from stream_workers.learning.domain import DomainState

from .history import EvaluationError


class Arm(NamedTuple):
    """Always the same."""

    text: str
    arm: str


class Even(NamedTuple):
    """Any eligible arm."""

    text: str


class Learner(NamedTuple):
    """A policy that learns along the log."""

    text: str
    learner: LearnerSpec

    @property
    def learns(self) -> bool:
        """Whether it does, or is only declared among those that do."""
        return self.learner.kind not in ("fixed", "uniform")


class Frozen(NamedTuple):
    """A state that has learned."""

    text: str
    state: DomainState


Wanted = Arm | Even | Learner | Frozen


def wanted(texts: Sequence[str], spec: DomainSpec, arms: Sequence[str]) -> list[Wanted]:
    """The policies of these texts; of none, those of the domain.  arms: all that ever were.

    EvaluationError says what is wrong with a text, and what there is.
    """
    if not texts:
        return [Learner(each.name, each) for each in (spec.champion, *spec.challengers)]
    return [_one(text, spec, arms) for text in dict.fromkeys(texts)]


def _one(text: str, spec: DomainSpec, arms: Sequence[str]) -> Wanted:
    head, colon, rest = text.partition(":")
    if head == "arm" and colon:
        if rest not in arms:
            raise EvaluationError(f"--policy {text}: there is no arm {rest!r}; arms: {', '.join(arms)}")
        return Arm(text, rest)
    if head == "state" and colon:
        return Frozen(text, _state(Path(rest), spec))
    for each in (spec.champion, *spec.challengers):
        if each.name == text:
            return Learner(text, each)
    if text == "uniform":
        return Even(text)
    if head not in KINDS:
        names = ", ".join(each.name for each in (spec.champion, *spec.challengers))
        raise EvaluationError(
            f"--policy {text}: there is no such policy. Expected arm:NAME, uniform, state:FILE, one of the domain's "
            f"policies ({names}), or a kind ({', '.join(KINDS)}), with parameters as in squarecb:gamma=10"
        )
    params = _params(text, rest)
    try:
        check_params(head, params, [arm.name for arm in spec.arms])
    except SpecificationError as error:
        raise EvaluationError(f"--policy {text}: {error}") from None
    return Learner(text, LearnerSpec("evaluated", head, params))  # type: ignore[arg-type]  # a kind of the registry


def _params(text: str, written: str) -> dict[str, float | str]:
    params: dict[str, float | str] = {}
    for pair in written.split(",") if written else []:
        name, equals, value = pair.partition("=")
        if not equals:
            raise EvaluationError(
                f"--policy {text}: {pair!r} is no parameter; expected NAME=VALUE, several with commas"
            )
        try:
            params[name.strip()] = float(value)
        except ValueError:
            params[name.strip()] = value.strip()
    return params


def _state(path: Path, spec: DomainSpec) -> DomainState:
    try:
        state = DomainState.from_bytes(path.read_bytes())
    except (OSError, ValueError) as error:
        raise EvaluationError(f"the state {path} cannot be read: {error}") from None
    if state.spec.width != spec.width:
        raise EvaluationError(
            f"the state {path} is of a domain with {state.spec.width} features; {spec.domain} has {spec.width}"
        )
    return state
