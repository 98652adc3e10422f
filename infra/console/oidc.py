"""Signing in at an issuer (OpenID Connect, authorization code with PKCE), by authlib.

The state of a sign-in is in a cookie that is signed and good for ten minutes.  What the identity token says of somebody
is compared with the grants of the settings, once: the session holds what it found.
"""

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import structlog
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import OAuth
from joserfc.errors import JoseError
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from .roles import ROLES, Person
from .settings import Oidc, Settings, read_secret

if TYPE_CHECKING:
    from .signing_in import SignIn

PATH: Final = "/login/oidc"
_STATE_S: Final = 600

_logger = structlog.get_logger()


class Issuer:
    """One that vouches for people."""

    def __init__(self, settings: Settings, oidc: Oidc) -> None:
        self._settings = settings
        self._oidc = oidc
        self._client: Any = OAuth().register(
            "issuer",
            client_id=oidc.client_id,
            client_secret=read_secret(oidc),
            server_metadata_url=f"{oidc.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256", "timeout": 10.0},
        )

    def routes(self, sign_in: "SignIn") -> Mount:
        """There, and back."""

        async def there(request: Request) -> Response:
            request.session.clear()
            request.session["next"] = request.query_params.get("next", "")
            try:
                response: Response = await self._client.authorize_redirect(request, self._address(request))
            except (
                Exception
            ) as error:  # authlib asks by httpx or another client, as it finds it: no type is its error's
                return sign_in.refused(request, "", _unreachable(error))
            return response

        async def back(request: Request) -> Response:
            wanted = request.session.get("next", "")
            try:
                token = await self._client.authorize_access_token(
                    request, claims_options={"iss": {"essential": True, "value": self._oidc.issuer}}
                )
            except (AuthlibBaseError, JoseError) as error:
                return sign_in.refused(request, "", f"The issuer's answer is not accepted: {error}")
            except Exception as error:  # as above
                return sign_in.refused(request, "", _unreachable(error))
            finally:
                request.session.clear()
            claims = token.get("userinfo") or {}
            name = str(claims.get(self._oidc.name_claim) or claims.get("sub") or "")[:128]
            person = person_of(claims, self._oidc)
            if person is None:
                return sign_in.refused(
                    request, name, f"{name or 'You'} may not sign in here: nothing is granted for your "
                    f"{self._oidc.claim}. Ask whoever runs this console.",
                )  # fmt: skip
            return sign_in.signed_in(request, person, wanted, f"at {self._oidc.issuer}")

        cookie = Middleware(
            SessionMiddleware, secret_key=secrets.token_hex(32), session_cookie="croupier-oidc", max_age=_STATE_S,
            path=PATH, same_site="lax", https_only=self._settings.secure,
        )  # fmt: skip
        return Mount(PATH, routes=[Route("/", there), Route("/back", back)], middleware=[cookie])

    def _address(self, request: Request) -> str:
        """Where the issuer sends people back to, as it is registered there."""
        base = self._settings.public_url or f"{request.url.scheme}://{request.url.netloc}"
        return f"{base}{PATH}/back"


def person_of(claims: Mapping[str, Any], oidc: Oidc) -> Person | None:
    """Whom an identity token is about: the highest role counts, of one role all tenants.  None: nothing is granted."""
    told = claims.get(oidc.claim)
    values = {told} if isinstance(told, str) else {each for each in told or () if isinstance(each, str)}
    grants = [each for each in oidc.grants if each.value in values]
    name = claims.get(oidc.name_claim) or claims.get("sub")
    if not grants or not isinstance(name, str) or not name.isprintable():
        return None
    role = max((each.role for each in grants), key=ROLES.index)
    scopes = [each.tenants for each in grants if each.role == role]
    if None in scopes:
        return Person(name[:128], role, None, local=False)
    return Person(name[:128], role, tuple(sorted({tenant for each in scopes for tenant in each or ()})), local=False)


def _unreachable(error: Exception) -> str:
    _logger.warning("the issuer cannot be used", error=f"{type(error).__name__}: {error}")
    return f"The issuer cannot be used now ({type(error).__name__}). Try again, or sign in with a local account."
