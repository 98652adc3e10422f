"""Who may do what: signing in, forms of other sites, other tenants' data, hostile names, limits, headers."""

import re
from urllib.parse import quote

import pytest
from argon2 import PasswordHasher
from starlette.testclient import TestClient

from infra.console.accounts import Accounts
from infra.console.console import make_app
from infra.console.database import open_database
from infra.console.guard import POLICY, own_path
from infra.domains.written import to_toml
from schemas.partitioning import partition

from . import told
from .conftest import ACCOUNTS, PARTITIONS, PASSWORD, Browser, opened

pytestmark = pytest.mark.kafka

#: What changes something: path, fields, the least role.
CHANGES = [
    ("/specifications/check", {"text": ""}, "operator"),
    ("/specifications/apply", {"text": "", "base": ""}, "operator"),
    ("/specifications/removed", {"tenant": "acme", "domain": "routing"}, "operator"),
    ("/dead-letters/again", {}, "operator"),
    ("/roi/again", {}, "operator"),
    ("/people/revoke", {"session": "x"}, "admin"),
    ("/account/password", {"old": "", "new": "a", "again": "b"}, "viewer"),
    ("/account/elsewhere", {}, "viewer"),
    ("/logout", {}, "viewer"),
]


def routes(served):
    return [route for route in served.app.routes if hasattr(route, "methods")]


def test_nobody_sees_anything(as_, served):
    """Without a session every page leads to signing in, every change and every stream is refused."""
    browser = as_()
    open_to_all = {"/login", "/login/link", "/healthz", "/static/{hash}/{name}"}
    for route in routes(served):
        if route.path in open_to_all:
            continue
        if "GET" in route.methods:
            response = browser.get(route.path)
            if route.path.startswith("/live"):
                assert response.status_code == 401
            else:
                assert (response.status_code, response.headers["location"].split("?")[0]) == (303, "/login"), route.path
        elif route.path != "/logout":
            assert browser.post(route.path).status_code == 403, route.path


def test_every_change_is_in_the_list(served):
    """What follows tries all that can be done."""
    assert {path for path, _, _ in CHANGES} | {"/login", "/login/link"} == {
        route.path for route in routes(served) if "POST" in route.methods
    }


@pytest.mark.parametrize(("path", "fields", "role"), CHANGES)
def test_forms_of_other_sites(as_, path, fields, role):
    """Refused: a form without this session's token, with another session's, from another origin, or as JSON."""
    browser, other = as_("anna"), as_("anna")
    token = other.console.sessions.token(other.cookies["croupier"])
    assert browser.post(path, fields, token=False).status_code == 403
    assert browser.post(path, {**fields, "token": token}).status_code == 403
    assert browser.post(path, fields, origin="https://evil.example").status_code == 403
    assert browser.post(path, fields, origin="null").status_code == 403
    assert browser.post(path, fields, sec_fetch_site="cross-site").status_code == 403
    assert browser.post(path, fields, content_type="text/plain").status_code == 415
    assert browser.console.sessions.find(browser.cookies["croupier"]) is not None


@pytest.mark.parametrize(("path", "fields", "role"), CHANGES)
def test_changes_need_their_role(as_, path, fields, role):
    """Who has a lesser role is refused, and the form's contents do not matter."""
    for name, (own, _) in ACCOUNTS.items():
        browser = as_(name)
        if not browser.console.accounts.find(name).may(role):
            response = browser.post(path, fields)
            assert response.status_code == 403, (own, path)
            assert f"for the role {role}" in response.text


def test_another_tenant_is_not_there(as_):
    """Who sees acme finds no page of globex, nothing of it on any list, and can change nothing of it."""
    browser = as_("acme-operator")
    for path in (
        "/?tenant=globex", "/domain?tenant=globex&domain=routing", "/decision?id=globex-0&tenant=globex",
        "/decisions?tenant=globex", "/specification?tenant=globex&domain=routing",
        "/what-if?tenant=globex&domain=routing&ask=1", "/specifications/remove?tenant=globex&domain=routing",
    ):  # fmt: skip
        response = browser.get(path)
        assert response.status_code == 404, path
        assert "not yours to see" in response.text
    for path in ("/", "/tenants", "/domains", "/decisions?since=7d", "/dead-letters", "/specifications", "/health"):
        assert "globex" not in browser.get(path).text, path
    for path in ("/tenants", "/decisions?since=7d", "/dead-letters", "/specifications"):
        assert "globex" in as_("otto").get(path).text, path
    assert browser.get("/decision?id=globex-0").status_code == 404
    text = to_toml([told.OTHER])
    response = browser.post("/specifications/check", {"text": text})
    assert (response.status_code, "not your tenants: globex" in response.text) == (403, True)
    response = browser.post("/specifications/apply", {"text": text, "base": "[]"})
    assert (response.status_code, "Nothing was changed" in response.text) == (403, True)
    assert browser.post("/specifications/removed", {"tenant": "globex", "domain": "routing"}).status_code == 404


def test_another_tenant_s_dead_letters(as_):
    """They are not found by their place either, nor sent again."""
    places = set(re.findall(r"place=(\d+\.\d+)", as_("otto").get("/dead-letters?tenant=globex").text))
    assert places
    assert all(place.split(".")[0] == str(partition("globex", PARTITIONS)) for place in places)
    browser = as_("acme-operator")
    for place in places:
        assert browser.get(f"/dead-letter?place={place}").status_code == 404
        assert browser.post("/dead-letters/again", {f"letter.{place}": "on"}).status_code == 404
    for place in ("0.99999", "99.0", "x", "1.2.3", "-1.0", "0." + "9" * 30):
        assert as_("otto").get(f"/dead-letter?place={place}").status_code == 404


def test_streams_are_for_the_same_people(as_):
    """What a page may not show, its stream does not either."""
    browser = as_("acme-viewer")
    assert browser.get("/live/audit").status_code == 403


def test_hostile_names_are_text(as_):
    """Names with tags, quotes and turned text are written out on every page: no tag, no attribute, no turning."""
    admin = as_("anna")
    admin.console.trail.note(told.HOSTILE, "", "sign-in-refused", told.HOSTILE)
    name = quote(told.HOSTILE)
    seen = 0
    for path in (
        "/", "/tenants", "/domains", "/decisions?since=7d", f"/decisions?tenant={name}&arm={name}", "/dead-letters",
        f"/decision?id={name}&tenant={name}", f"/domain?tenant={name}&domain=routing", f"/?tenant={name}",
        f"/specifications?q={name}", f"/audit?who={name}", f"/dead-letters?reason={name}", f"/tenants?q={name}",
        f"/specification?tenant={name}&domain={name}", f"/login?next={name}",
    ):  # fmt: skip
        text = admin.get(path).text
        assert "<script>alert" not in text, path
        assert "\u202e" not in text, path
        seen += "&lt;script&gt;alert(1)" in text
        for tag in re.findall(r"<[a-z][^>]*>", text):
            assert not re.search(r"\son\w+=|javascript:|\sstyle=", tag), (path, tag)
    assert seen >= 10


def test_answers_carry_their_headers(as_):
    """Pages, errors and static files: no inline script or style, no frames, no guessing of types, no caching."""
    browser = as_("vera")
    static = re.search(r'href="(/static/[^"]+\.css)"', browser.get("/health").text)[1]
    for path in ("/health", "/nowhere", "/login", static, "/healthz", "/people"):
        headers = browser.get(path).headers
        assert headers["content-security-policy"] == POLICY, path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == ("public, max-age=31536000, immutable" if path == static else "no-store")
    assert "unsafe" not in POLICY
    for path in ("/static/0/console.css", static.replace("console.css", "..%2fconsole.py"), "/static/x/../console.py"):
        assert browser.get(path).status_code == 404


def test_every_name_but_ours_is_refused(as_):
    """A page of somebody else whose name leads here (DNS rebinding) gets nothing."""
    assert as_("vera").get("/health", host="evil.example").status_code == 400


def test_signing_in_and_out(as_):
    """Name and password lead to a new session; signing out ends it on the server, whoever kept the cookie."""
    browser = as_()
    page = browser.get("/login?next=/decisions%3Fsince%3D1h")
    assert page.status_code == 200
    token = re.search(r'name="token" value="([^"]+)"', page.text)[1]
    assert token == browser.console.sessions.token(browser.cookies["croupier-visit"])
    response = browser.post("/login", {"name": "vera", "password": PASSWORD, "next": "/decisions?since=1h"})
    assert (response.status_code, response.headers["location"]) == (303, "/decisions?since=1h")
    flags = response.headers["set-cookie"].lower()
    assert "httponly" in flags
    assert "samesite=lax" in flags
    assert browser.get("/health").status_code == 200
    kept = browser.cookies["croupier"]
    assert browser.post("/logout").status_code == 303
    browser.cookies["croupier"] = kept
    assert browser.get("/health").status_code == 303


@pytest.mark.parametrize("cookie", ["", "x", "x.y", "." * 50, "é.x"])
def test_forged_cookies(as_, cookie):
    """A name that we did not sign opens nothing; nor does a signed name whose session there is not."""
    browser = as_()
    browser.cookies["croupier"] = cookie
    assert browser.get("/health").status_code == 303
    real = as_("vera")
    real.cookies["croupier"] = real.cookies["croupier"][:-1] + ("0" if real.cookies["croupier"][-1] != "0" else "1")
    assert real.get("/health").status_code == 303


def test_where_to_go_after_signing_in():
    """Only to a page of this console."""
    assert own_path("/health?a=b") == "/health?a=b"
    for wanted in (
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/\\/evil",
        "health",
        "",
        None,
        "/a\nb",
    ):
        assert own_path(wanted) == "/"


def test_changes_of_an_account_hold_at_once(as_):
    """Another role, other tenants, another password, removal: in sessions that are open."""
    browser = as_()
    accounts = browser.console.accounts
    accounts.add("temp", PASSWORD, "operator", None)
    browser = as_("temp")
    assert browser.get("/specifications/new").status_code == 200
    accounts.change("temp", "viewer", ("acme",))
    assert browser.get("/specifications/new").status_code == 403
    assert browser.get("/?tenant=globex").status_code == 404
    accounts.set_password("temp", PASSWORD + "!")
    assert browser.get("/health").status_code == 303
    browser = as_("temp")
    accounts.remove("temp")
    assert browser.get("/health").status_code == 303


def test_an_admin_ends_a_session(as_):
    """It is over at once, and the audit log says who ended it."""
    admin, other = as_("anna"), as_("otto")
    number = other.console.sessions.find(other.cookies["croupier"]).number
    assert admin.post("/people/revoke", {"session": number}).status_code == 303
    assert other.get("/health").status_code == 303
    assert admin.post("/people/revoke", {"session": number}).status_code == 404


def test_a_link_signs_in_once(as_):
    """Looking at it uses nothing up; using it does."""
    browser = as_()
    token = browser.console.sessions.make_link("vera")
    assert browser.get(f"/login/link?token={token}").status_code == 200
    response = browser.post("/login/link", {"link": token})
    assert (response.status_code, response.headers["location"]) == (303, "/")
    again = as_()
    again.get("/login")
    assert again.post("/login/link", {"link": token}).status_code == 401


def test_changing_one_s_password(as_):
    """The present one is asked for; other sessions end, this one goes on in a new one."""
    console = as_().console
    console.accounts.add("pat", PASSWORD, "viewer", None)
    browser, other = as_("pat"), as_("pat")
    new = "another good one"
    wrong = browser.post("/account/password", {"old": "wrong", "new": new, "again": new})
    assert (wrong.status_code, "present password is wrong" in wrong.text) == (400, True)
    assert browser.post("/account/password", {"old": PASSWORD, "new": "short", "again": "short"}).status_code == 400
    assert browser.post("/account/password", {"old": PASSWORD, "new": new, "again": new}).status_code == 303
    assert browser.get("/health").status_code == 200
    assert other.get("/health").status_code == 303
    assert console.accounts.verify("pat", new)
    console.accounts.remove("pat")


def test_tries_are_limited(log, tmp_path):
    """Five wrong passwords a minute for a name, then none is looked at, the right one neither; others may sign in."""
    with opened(tmp_path, *log) as console:
        client = TestClient(make_app(console), base_url="http://localhost", follow_redirects=False)
        browser = Browser(client, console)
        browser.get("/login")
        for _ in range(5):
            assert browser.post("/login", {"name": "vera", "password": "wrong"}).status_code == 401
        for password in ("wrong", PASSWORD):
            response = browser.post("/login", {"name": "vera", "password": password})
            assert response.status_code == 429
            assert 0 < int(response.headers["retry-after"]) <= 60
        assert browser.post("/login", {"name": "otto", "password": PASSWORD}).status_code == 303
        browser = Browser(client, console)
        browser.get("/login")
        codes = [browser.post("/login", {"name": f"n{i}", "password": "x"}).status_code for i in range(20)]
        assert codes[-1] == 429
        assert console.accounts.all()


def test_passwords_are_argon2id(tmp_path):
    """As the hasher makes them by default: RFC 9106's parameters for little memory; the database has no password."""
    with open_database(tmp_path) as database:
        Accounts(database).add("vera", PASSWORD, "viewer", None)
        (stored,) = database.execute("select password from accounts").fetchone()
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert PasswordHasher().verify(stored, PASSWORD)
    for path in (tmp_path / "console").iterdir():
        assert PASSWORD.encode() not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0 or path.name.endswith(("-wal", "-shm"))
    assert (tmp_path / "console").stat().st_mode & 0o077 == 0


def test_a_form_that_is_too_large(as_):
    """It is refused before it is read whole."""
    response = as_("otto").post("/specifications/check", {"text": "x" * 1_200_000})
    assert response.status_code == 413
