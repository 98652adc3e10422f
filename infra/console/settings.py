"""What the console is told at its start."""

import tomllib
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from schemas.errors import CroupierError

from .roles import ROLES, AccountError, Role, check_person

DEFAULT_PORT: Final = 8600


class SettingsError(CroupierError):
    """The console cannot run like that."""


class Grant(Struct, frozen=True, forbid_unknown_fields=True):
    """Who has a value among the issuer's claim may do this."""

    value: str
    role: Role
    tenants: Annotated[tuple[str, ...], Meta(min_length=1)] | None = None  # None: all


class Oidc(Struct, frozen=True, forbid_unknown_fields=True):
    """An issuer that vouches for people (OpenID Connect)."""

    issuer: str
    client_id: str
    client_secret_file: str
    grants: Annotated[tuple[Grant, ...], Meta(min_length=1)]
    claim: str = "groups"  # of the identity token: a text or a list of them, looked for among the grants
    name_claim: str = "email"  # what people are called here
    label: str = "Sign in with your organisation"


class Settings(Struct, frozen=True):
    """Of one console."""

    home: Path
    bootstrap: str | None = None
    prefix: str = ""
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    public_url: str | None = None  # where people find it, if a proxy stands before it
    interval: float = 2.0  # seconds between two looks at the deployment
    plan: Path | None = None  # of `croupier roi`
    targets: Path | None = None
    oidc: Oidc | None = None

    @property
    def secure(self) -> bool:
        """Whether browsers come by HTTPS."""
        return self.public_url is not None and self.public_url.startswith("https://")

    @property
    def cookie(self) -> str:
        """Name of the session's cookie.  __Host-: browsers take it from this host and by HTTPS only."""
        return "__Host-croupier" if self.secure else "croupier"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names by which the console may be asked for; another is a page of somebody else (DNS rebinding)."""
        names = ["localhost", "127.0.0.1", "[::1]"]
        if self.public_url is not None:
            names.append(urlsplit(self.public_url).hostname or "")
        if self.host not in ("0.0.0.0", "::", *names):  # noqa: S104 - these are no names
            names.append(self.host)
        return tuple(names)


def read_oidc(path: Path) -> Oidc:
    """From a file (TOML); SettingsError: what is wrong with it."""
    try:
        found = msgspec.convert(tomllib.loads(path.read_text("utf-8-sig")), Oidc)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read ({error}); expected a file as in docs/console.md") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is no TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise SettingsError(f"{path}: {error}; docs/console.md has every key (roles: {', '.join(ROLES)})") from None
    for grant in found.grants:
        try:
            check_person(grant.value, grant.role, grant.tenants)
        except AccountError as error:
            raise SettingsError(f"{path}: {error}") from None
    local = urlsplit(found.issuer).hostname in ("localhost", "127.0.0.1", "::1")
    if not found.issuer.startswith("https://") and not local:
        raise SettingsError(f"{path}: issuer is {found.issuer!r}; it must begin with https:// (or be on this machine)")
    return found


def read_secret(oidc: Oidc) -> str:
    """The client's secret."""
    try:
        return Path(oidc.client_secret_file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"client_secret_file {oidc.client_secret_file} cannot be read: {error}") from None


def check_public_url(url: str | None) -> str | None:
    """SettingsError: it is no address of a site's root."""
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise SettingsError(
            f"{url!r} is no address like https://console.example.org: scheme and name, and nothing more"
        )
    return url.rstrip("/")
