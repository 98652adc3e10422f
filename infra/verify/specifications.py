"""The specifications that one outcomes partition announces, by version and in force."""

from schemas.domains import DomainSpec
from schemas.events import SpecChange

#: tenant and domain
Name = tuple[str, str]


class Specifications:
    """Follows `SpecChange` records in log order; a version that is not newer than the one in force changes nothing."""

    def __init__(self) -> None:
        self._in_force: dict[Name, SpecChange] = {}
        self._versions: dict[tuple[str, str, int], DomainSpec | None] = {}

    def change(self, event: SpecChange) -> None:
        """Take the next change."""
        name = (event.tenant, event.domain)
        self._versions.setdefault((*name, event.version), event.spec)
        before = self._in_force.get(name)
        if before is None or event.version > before.version:
            self._in_force[name] = event

    def in_force(self, tenant: str, domain: str) -> DomainSpec | None:
        """The specification at this point of the log; None when the domain is not declared, or removed."""
        change = self._in_force.get((tenant, domain))
        return None if change is None else change.spec

    def version(self, tenant: str, domain: str, version: int) -> DomainSpec | None:
        """The specification of a version, if this partition announced it."""
        return self._versions.get((tenant, domain, version))

    def announced(self) -> dict[Name, SpecChange]:
        """The newest change of every domain."""
        return dict(self._in_force)
