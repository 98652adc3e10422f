"""What a policy's parameters may be: declared as data by each kind, checked and completed here."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.errors import SpecificationError


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter.  default None: it must be given.

    Numbers lie in [low, high]; text (type str) is one of the choices (several: one or more of them, each once, with
    commas between), or names an arm if there are none.
    """

    name: str
    type: type[float] | type[int] | type[str]
    default: float | str | None
    meaning: str
    low: float = 0.0
    high: float = math.inf
    choices: tuple[str, ...] = ()
    several: bool = False

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        if self.type is str:
            one = "one or more, with commas between," if self.several else "one"
            return f"{one} of {', '.join(self.choices)}" if self.choices else "the name of an arm"
        noun = "a whole number" if self.type is int else "a number"
        return f"{noun} from {self.low:g} to {self.high:g}" if self.high < math.inf else f"{noun}, {self.low:g} or more"

    def accepts(self, value: object) -> bool:
        """Whether the value is of the type and in the range."""
        if self.type is str:
            given = [each.strip() for each in str(value).split(",")] if self.several else [value]
            known = not self.choices or all(each in self.choices for each in given)
            return isinstance(value, str) and known and len(set(given)) == len(given)
        if isinstance(value, bool) or not isinstance(value, float | int) or not math.isfinite(value):
            return False
        return self.low <= value <= self.high and (self.type is float or float(value).is_integer())


def complete(
    kind: str,
    declared: Sequence[Parameter],
    params: Mapping[str, float | str],
    arms: Sequence[str] | None = None,
) -> dict[str, float | str]:
    """Given parameters and defaults.  SpecificationError names parameter, value and what was expected.

    arms: the domain's, when known: a parameter that names one must name one of these.
    """
    known = {each.name: each for each in declared}
    for name, given in params.items():
        if name not in known:
            names = ", ".join(known) or "none"
            raise SpecificationError(f"{kind} has no parameter {name!r} (given {given!r}); its parameters: {names}")
        parameter = known[name]
        if not parameter.accepts(given):
            raise SpecificationError(f"{kind}: parameter {name} is {given!r}; expected {parameter.expected}")
        if parameter.type is str and not parameter.choices and arms is not None and given not in arms:
            raise SpecificationError(
                f"{kind}: parameter {name} is {given!r}; expected the name of an arm of the domain: {', '.join(arms)}"
            )
    completed: dict[str, float | str] = {}
    for each in declared:
        value: float | str | None = params[each.name] if each.name in params else each.default  # noqa: SIM401
        if value is None:
            raise SpecificationError(f"{kind}: parameter {each.name} is missing; expected {each.expected}")
        completed[each.name] = value
    return completed
