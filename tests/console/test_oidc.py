"""Signing in at an issuer: a real one on this machine, right and wrong in every part of what it says."""

import asyncio
import contextlib
import threading
import time
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn
from joserfc.jwk import OctKey, RSAKey
from starlette.testclient import TestClient

from infra.console.console import make_app
from infra.console.oidc import person_of
from infra.console.settings import Grant, Oidc, SettingsError, read_oidc

from .chromium import _Server, wait
from .conftest import Browser, opened
from .issuer import Issuer

GRANTS = (Grant("staff", "viewer", ("acme",)), Grant("ops", "operator", ("acme", "globex")), Grant("root", "admin"))


@pytest.fixture(scope="module")
def running():
    issuer = Issuer()
    server = _Server(uvicorn.Config(issuer.app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    wait(lambda: server.started)
    issuer.address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield issuer
    server.should_exit = True
    thread.join()


@pytest.fixture
def issuer(running):
    kept = (running.claims, running.signing_key)
    yield running
    running.claims, running.signing_key = kept
    running.change, running.algorithm = {}, "RS256"


@pytest.fixture
def browser(issuer, tmp_path):
    """Nobody's, at a console that takes this issuer's word."""
    (tmp_path / "secret").write_text("s3cret\n")
    oidc = Oidc(issuer.address, "croupier", str(tmp_path / "secret"), GRANTS)
    with opened(tmp_path, "127.0.0.1:1", "", oidc=oidc) as console:
        client = TestClient(make_app(console), base_url="http://localhost", follow_redirects=False)
        with contextlib.closing(client):
            yield Browser(client, console)


def there(browser, path="/login/oidc/"):
    """Off to the issuer; where it sends people back to."""
    response = browser.get(path)
    assert response.status_code == 302, response.text
    answer = httpx.get(response.headers["location"])
    assert answer.status_code == 303
    back = urlsplit(answer.headers["location"])
    assert back.path == "/login/oidc/back"
    return f"{back.path}?{back.query}"


def test_somebody_signs_in(browser, issuer):
    """Role and tenants are those that their groups are granted; then they go where they wanted to."""
    assert "Sign in with your organisation" in browser.get("/login").text
    response = browser.get(there(browser, "/login/oidc/?next=/decisions"))
    assert (response.status_code, response.headers["location"]) == (303, "/decisions")
    person = browser.console.sessions.find(browser.cookies["croupier"]).person
    assert (person.name, person.role, person.tenants, person.local) == ("ida@example.org", "viewer", ("acme",), False)
    assert browser.get("/account").status_code == 200
    assert browser.post("/account/password", {"old": "", "new": "x", "again": "x"}).status_code == 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"change": {"aud": "another"}},
        {"change": {"iss": "https://evil.example"}},
        {"change": {"nonce": "another"}},
        {"change": {"exp": int(time.time()) - 3600}},
        {"signing_key": RSAKey.generate_key(2048, {"kid": "one"})},
        {"signing_key": OctKey.import_key("s3cret" * 8), "algorithm": "HS256"},
        {"claims": {"sub": "u-2", "email": "eve@example.org", "groups": ["others"]}},
        {"claims": {"sub": "u-2", "email": "eve@example.org"}},
    ],
)
def test_what_is_not_taken(browser, issuer, wrong):
    """Another audience, issuer, nonce, time, key or algorithm, and who is granted nothing: nobody is signed in."""
    for name, value in wrong.items():
        setattr(issuer, name, value)
    response = browser.get(there(browser))
    assert response.status_code == 403
    assert "croupier" not in browser.cookies
    assert browser.get("/account").status_code == 303


def test_an_answer_to_nobody_s_question(browser):
    """A state that this browser did not begin with (somebody else's sign-in, put under us) is refused."""
    back = there(browser)
    other = Browser(browser.client, browser.console)
    response = other.get(back)
    assert response.status_code == 403
    assert "croupier" not in other.cookies
    assert browser.get(back.replace("state=", "state=x")).status_code == 403


def test_an_issuer_that_is_away(browser, issuer):
    """It is said, and local accounts may still sign in."""
    browser.console.sign_in.issuer._client._server_metadata_url = "http://127.0.0.1:1/none"
    browser.console.sign_in.issuer._client.server_metadata = {}
    response = browser.get("/login/oidc/")
    assert response.status_code == 403
    assert "cannot be used now" in response.text


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ("staff", ("viewer", ("acme",))),
        (["staff", "ops"], ("operator", ("acme", "globex"))),
        (["staff", "root", "ops"], ("admin", None)),
        (["none"], None), ([], None), (None, None), ([1, {}], None),
    ],
)  # fmt: skip
def test_grants(groups, expected):
    """The highest role that is granted counts; of it, all tenants."""
    oidc = Oidc("https://issuer.example", "c", "f", GRANTS)
    found = person_of({"email": "a@b", "groups": groups}, oidc)
    assert (None if found is None else (found.role, found.tenants)) == expected


def test_settings(tmp_path):
    """The file of the docs is read; wrong ones are refused with the place and what is expected."""
    right = """
issuer = "https://issuer.example.org"
client_id = "croupier"
client_secret_file = "/run/secrets/croupier-console"
claim = "groups"

[[grants]]
value = "croupier-operators"
role = "operator"
tenants = ["acme"]
"""
    path = tmp_path / "oidc.toml"
    path.write_text(right)
    assert read_oidc(path).grants == (Grant("croupier-operators", "operator", ("acme",)),)
    for old, new, said in (
        ("https://", "http://", "must begin with https://"),
        ('"operator"', '"admin"', "sees all tenants"),
        ('"operator"', '"king"', "roles: viewer"),
        ("client_id", "clientid", "client"),
        ("[[grants]]", "[[grant", "no TOML"),
    ):
        path.write_text(right.replace(old, new))
        with pytest.raises(SettingsError, match=said):
            read_oidc(path)
