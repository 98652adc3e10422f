"""A small OpenID Connect issuer on this machine: discovery, keys, authorization code with PKCE, identity tokens."""

import base64
import hashlib
import secrets
import time
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.responses import JSONResponse, RedirectResponse
from starlette.routing import Route


class Issuer:
    """Everybody is `claims`; `change` makes tokens wrong."""

    def __init__(self):
        self.address = ""
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
        self.signing_key = self.key
        self.claims = {"sub": "u-1", "email": "ida@example.org", "groups": ["staff"]}
        self.change = {}
        self.algorithm = "RS256"
        self.codes = {}
        self.app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.configuration),
                Route("/keys", self.keys),
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
            ]
        )

    async def configuration(self, _):
        return JSONResponse(
            {
                "issuer": self.address, "authorization_endpoint": f"{self.address}/authorize",
                "token_endpoint": f"{self.address}/token", "jwks_uri": f"{self.address}/keys",
                "response_types_supported": ["code"], "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )  # fmt: skip

    async def keys(self, _):
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def authorize(self, request):
        query = request.query_params
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_hex(8)
        self.codes[code] = dict(query)
        return RedirectResponse(f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}", 303)

    async def token(self, request):
        form = dict(pair.split("=", 1) for pair in (await request.body()).decode().split("&"))
        asked = self.codes.pop(form["code"], None)
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        if asked is None or challenge != asked["code_challenge"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {
            "iss": self.address, "aud": asked["client_id"], "iat": now, "exp": now + 60, "nonce": asked["nonce"],
            **self.claims, **self.change,
        }  # fmt: skip
        header = {"alg": self.algorithm, "kid": "one"}
        told = jwt.encode(header, claims, self.signing_key, algorithms=[self.algorithm])
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": told})
