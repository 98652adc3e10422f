"""What a domain's inputs must be together with the other domains of the file: whose they are, of which arms, in order.

As `rules`: the tables are read as written, and only parts of the right type are judged.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from .lines import Path
from .problems import Problems, show, suggestion

Table = dict[str, Any]
Name = tuple[str, str]  # tenant, domain

#: Which of an input's keys each sort needs; the others have no meaning there.
_NEEDS: Final = {"choice": "arms", "observation": "name"}

#: About the decision that a request follows from, whose domain comes before.
_OF_A_DECISION: Final = ("choice", "propensity", "observation", "reward")
_SORTS: Final = (*_OF_A_DECISION, "recent_reward")


def check_inputs(tables: Sequence[tuple[Table, Path]], problems: Problems) -> None:
    """Report every input that nothing can be known of."""
    declared: dict[Name, Table] = {}
    for table, _ in tables:
        for name in _names(table):
            declared.setdefault(name, table)
    for table, path in tables:
        seen: list[Table] = []
        for each, place in _inputs(table, path):
            if each in seen:
                problems.add(place, "an input that is there already", "each input once")
                continue
            seen.append(each)
            _check_keys(each, place, problems)
            for tenant, _ in _names(table):
                if not _check_source(tenant, each, place, declared, problems):
                    break
    _check_order(tables, problems)


def _check_keys(each: Table, place: Path, problems: Problems) -> None:
    what = each.get("what")
    for sort, key in _NEEDS.items():
        if what == sort and not each.get(key):
            expected = "the arms of that domain, in any order" if key == "arms" else "the name of the observation"
            problems.add((*place, key), "nothing", f'{expected}, which what = "{sort}" needs')
        elif what in _SORTS and what != sort and key in each:
            problems.add((*place, key), f"a key of what = {show(sort)}", f"no {key} with what = {show(what)}")
    arms = each.get("arms")
    if isinstance(arms, list):
        for index, arm in enumerate(arms):
            if isinstance(arm, str) and arm in arms[:index]:
                problems.add((*place, "arms", index), f"a second {show(arm)}", "each arm once")


def _check_source(tenant: str, each: Table, place: Path, declared: dict[Name, Table], problems: Problems) -> bool:
    """Whether the tenant has the domain and its arms; the first tenant that has not is told."""
    source = each.get("domain")
    if not isinstance(source, str):
        return True
    table = declared.get((tenant, source))
    if table is None:
        known = [domain for owner, domain in declared if owner == tenant]
        problems.add(
            (*place, "domain"),
            show(source),
            f"a domain that this file declares for tenant {tenant}: {', '.join(map(show, known))}",
            suggestion(source, known),
        )
        return False
    arms, theirs = each.get("arms"), table.get("arms")
    if not isinstance(arms, list) or not isinstance(theirs, list):
        return True
    names = [arm["name"] for arm in theirs if isinstance(arm, dict) and isinstance(arm.get("name"), str)]
    wrong = [(index, arm) for index, arm in enumerate(arms) if isinstance(arm, str) and arm not in names]
    for index, arm in wrong:
        problems.add(
            (*place, "arms", index),
            show(arm),
            f"one of the arms of {tenant}/{source}: {', '.join(map(show, names))}",
            suggestion(arm, names),
        )
    return not wrong


def _check_order(tables: Sequence[tuple[Table, Path]], problems: Problems) -> None:
    """A decision that another follows from is made first, so no domain may come before itself."""
    after: dict[Name, dict[Name, Path]] = {}
    for table, path in tables:
        for tenant, domain in _names(table):
            for each, place in _inputs(table, path):
                source = each.get("domain")
                if isinstance(source, str) and each.get("what") in _OF_A_DECISION:
                    after.setdefault((tenant, domain), {}).setdefault((tenant, source), place)
    told: set[frozenset[str]] = set()
    for name, sources in after.items():
        for source, place in sources.items():
            way = _way(source, name, after)
            if way is None or frozenset(domain for _, domain in way) in told:
                continue
            told.add(frozenset(domain for _, domain in way))
            circle = " -> ".join([name[1], *(domain for _, domain in way)])
            problems.add(
                (*place, "domain"),
                f"a circle of domains that each follow from the next: {circle}",
                'domains in an order, in which the first follows from none; only what = "recent_reward" may go back',
            )


def _way(begin: Name, end: Name, after: dict[Name, dict[Name, Path]]) -> list[Name] | None:
    """The domains from one to the other, each following from the next; None: there is no way."""
    ways, seen = [[begin]], {begin}
    for way in ways:
        if way[-1] == end:
            return way
        for following in after.get(way[-1], ()):
            if following not in seen:
                seen.add(following)
                ways.append([*way, following])
    return None


def _names(table: Table) -> list[Name]:
    domain, tenants = table.get("name"), table.get("tenants", [table.get("tenant")])
    if not isinstance(domain, str) or not isinstance(tenants, list):
        return []
    return [(tenant, domain) for tenant in tenants if isinstance(tenant, str)]


def _inputs(table: Table, path: Path) -> Iterator[tuple[Table, Path]]:
    inputs = table.get("inputs")
    if isinstance(inputs, list):
        yield from ((each, (*path, "inputs", index)) for index, each in enumerate(inputs) if isinstance(each, dict))
