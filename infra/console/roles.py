"""Who may do what, and whose data they see."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from schemas.errors import CroupierError

#: Each may do what those before it may.  viewer: look; operator: apply specifications, send dead letters again;
#: admin: see all sessions, end them, and read the audit log.
Role = Literal["viewer", "operator", "admin"]
ROLES: Final[tuple[Role, ...]] = ("viewer", "operator", "admin")

AccountName = Annotated[str, Meta(min_length=1, max_length=128)]


class AccountError(CroupierError):
    """There is no such account, it exists already, or it cannot be as asked for."""


class Person(Struct, frozen=True):
    """Somebody who is signed in."""

    name: str
    role: Role
    tenants: tuple[str, ...] | None  # whose data they see; None: everybody's
    local: bool = True  # a local account with a password; otherwise the issuer's (OpenID Connect)

    def may(self, role: Role) -> bool:
        """Whether their role is this one or more."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def sees(self, tenant: str | None) -> bool:
        """Whether a tenant's data is theirs to see.  None: what belongs to no tenant alone."""
        return self.tenants is None or (tenant is not None and tenant in self.tenants)

    @property
    def everywhere(self) -> bool:
        """Whether they see all tenants."""
        return self.tenants is None


def role_of(text: str) -> Role:
    """The role of this name; AccountError says which there are."""
    for role in ROLES:
        if role == text:
            return role
    raise AccountError(f"there is no role {text!r}; roles are {', '.join(ROLES)}")


def check_person(name: str, role: Role, tenants: tuple[str, ...] | None) -> None:
    """AccountError: an account cannot be so."""
    if not name or len(name) > 128 or not name.isprintable() or name != name.strip():
        raise AccountError(f"{name!r} is no name: 1 to 128 characters that can be printed, none at its ends blank")
    if tenants is not None and not tenants:
        raise AccountError(f"{name} would see no tenant; name one, or none for all")
    if role == "admin" and tenants is not None:
        raise AccountError(f"{name}: an admin sees all tenants, because who did what is everybody's; leave them out")
