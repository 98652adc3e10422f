"""The console in a real Chromium: every page for every role, live updates, a broker that goes away, accessibility."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from infra.domains.written import to_toml
from infra.kafka import start_broker
from infra.kafka.topics import create_topics

from . import told
from .chromium import context, executable, launched, ready, serving
from .conftest import ACCOUNTS, PASSWORD, append, opened

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif(
        executable() is None,
        reason="there is no Chromium: install one (Debian: apt-get install chromium) or name it in CROUPIER_CHROMIUM",
    ),
]

AXE = Path(__file__).parent / "axe" / "axe.min.js"

PAGES = [
    "/", "/?window=30d&tenant=acme", "/domains", "/domain?tenant=acme&domain=routing",
    "/what-if?tenant=acme&domain=routing",
    "/decisions?since=7d", "/decision?id=acme-0&tenant=acme", "/tenants", "/roi", "/health", "/dead-letters",
    "/specifications", "/specification?tenant=acme&domain=routing", "/account",
]  # fmt: skip
FOR_OPERATORS = ["/specifications/new", "/specifications/remove?tenant=acme&domain=routing"]
FOR_ADMINS = ["/people", "/audit"]


@pytest.fixture(scope="module")
def browser():
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(console):
    with serving(console) as address:
        ready(console)
        yield address


@pytest.fixture
def page_of(browser, console, address):
    """`page_of("vera")`: a page of theirs; what it complains of fails the test."""
    contexts, complaints = [], []

    def made(name=None, **options):
        profile = context(browser, console, address, name, **options)
        contexts.append(profile)
        page = profile.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
        return page

    yield made
    for profile in contexts:
        profile.close()
    # A page that is refused is told as an error, too.
    assert [each for each in complaints if "the server responded with a status of 4" not in each] == []


def violations(page):
    """What axe finds wrong with a page, by WCAG 2.2 AA and its best practices."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [(each["id"], [node["html"][:200] for node in each["nodes"]][:3]) for each in found["violations"]]


def run(coroutine):
    """Playwright has a loop in this thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def settle(page, path):
    """Load, and wait until the page has what its stream sends first: then nothing changes under axe."""
    assert page.goto(path).status == 200, path
    if page.locator("[data-live]").count():
        page.locator("[data-live][data-updates]").wait_for(state="attached")


def test_every_page_is_accessible(page_of):
    """Axe finds nothing wrong with any page; none is wider than a phone's screen; each loads only what is ours."""
    page = page_of("anna", viewport={"width": 390, "height": 844})
    foreign = []
    page.on("request", lambda request: foreign.append(request.url) if "127.0.0.1" not in request.url else None)
    for path in PAGES + FOR_OPERATORS + FOR_ADMINS:
        settle(page, path)
        assert violations(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        assert page.locator("h1").count() == 1
    assert foreign == []


def test_dark_and_wide_and_signing_in(page_of):
    """The same in dark, on a wide screen, for the pages with most colours, and for those without a session."""
    page = page_of("anna", color_scheme="dark", viewport={"width": 1280, "height": 900})
    for path in ("/", "/domain?tenant=acme&domain=routing", "/decision?id=acme-0&tenant=acme", "/health"):
        settle(page, path)
        assert violations(page) == [], path
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 28)"
    page = page_of()
    page.goto("/login")
    assert violations(page) == []


@pytest.mark.parametrize("name", ["vera", "acme-operator", "anna"])
def test_every_role(page_of, name):
    """Each page that is theirs is shown; the navigation leads to those, and to no other."""
    page = page_of(name, viewport={"width": 1280, "height": 900})
    role = ACCOUNTS[name][0]
    for path in FOR_OPERATORS:
        assert page.goto(path).status == (403 if role == "viewer" else 200), path
    for path in FOR_ADMINS:
        assert page.goto(path).status == (200 if role == "admin" else 403), path
    settle(page, "/")
    links = page.locator("header nav a")
    for i in range(links.count()):
        links.nth(i).click()
        assert page.locator("h1").inner_text()
        assert page.locator("header nav a[aria-current=page]").count() == 1
    assert (page.get_by_role("link", name="Audit log").count() == 1) == (role == "admin")
    page.goto("/specification?tenant=acme&domain=routing")
    assert (page.locator("textarea").count() == 1) == (role != "viewer")


def test_by_keyboard_alone(page_of):
    """Sign in, skip to the content, sign out: without a pointer."""
    page = page_of()
    page.goto("/decisions?since=7d")
    page.locator("#name:focus").wait_for()
    page.keyboard.type("vera")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/decisions?since=7d")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main" or page.url.endswith("#main")
    page.get_by_role("button", name="Sign out").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/login")


def test_pages_change_while_they_are_open(page_of, console, log):
    """A decision appears without loading again; what was focused stays focused; an ended session shows at once."""
    page = page_of("vera")
    settle(page, "/decisions?since=7d&tenant=acme")
    link = page.get_by_role("link", name="acme-0")
    link.focus()
    page.evaluate("window.same = true")
    run(append(*log, [("decisions", "acme", told.decision("acme-new"))]))
    page.get_by_role("link", name="acme-new").wait_for()
    assert page.evaluate("window.same") is True
    assert page.evaluate("document.activeElement.tagName") == "A"
    console.accounts.change("vera", "viewer", ("acme",))
    settle(page, "/")
    for session in console.sessions.all():
        if session.person.name == "vera":
            console.sessions.revoke(session.number)
    page.wait_for_url("**/login**")
    console.accounts.change("vera", "viewer", None)


def test_a_specification_is_written_and_applied(page_of):
    """A mistake is shown at its line while it is typed; when mended: compared, applied, and in the history."""
    page = page_of("otto")
    page.goto("/specifications/new")
    spec = msgspec.structs.replace(told.SPEC, domain="typed")
    text = page.get_by_label("Specification")
    text.fill(to_toml([spec]).replace("exploration_minimum = 0.02", "exploration_minimum = 5.0"))
    problem = page.get_by_role("link", name="Line 5")
    problem.wait_for()
    problem.click()
    assert "exploration_minimum" in page.evaluate(
        "(({value, selectionStart, selectionEnd}) => value.slice(selectionStart, selectionEnd))"
        "(document.getElementById('text'))"
    )
    page.keyboard.type("exploration_minimum = 0.04")
    page.get_by_text("1 domain, without a problem").wait_for()
    page.get_by_role("button", name="Compare").click()
    page.get_by_text("domain added").wait_for()
    assert violations(page) == []
    page.keyboard.press("Enter")
    page.get_by_text("In the log: acme/typed version").wait_for()
    assert violations(page) == []


def test_without_scripts(page_of):
    """Pages are whole without them."""
    page = page_of("anna", java_script_enabled=False)
    for path in ("/", "/domain?tenant=acme&domain=routing", "/specification?tenant=acme&domain=routing", "/audit"):
        assert page.goto(path).status == 200
        assert page.locator("h1").count() == 1
    page.goto("/health")
    assert page.get_by_text("UTC").count() > 0


@pytest.mark.timeout(180)
def test_a_broker_that_goes_away_and_comes_back(browser, tmp_path):
    """The open page says so and keeps what it showed; what needs the broker says so; later all is well again."""
    with start_broker(how="local", progress=lambda _: None) as broker:
        servers = broker.bootstrap_servers
        run(create_topics(servers, partitions=1))
        with opened(tmp_path, servers, "") as console:
            console.deployment.patience = 2.0
            with serving(console) as address:
                ready(console)
                profile = context(browser, console, address, "anna")
                page = profile.new_page()
                settle(page, "/health")
                page.get_by_role("heading", name="Topics").wait_for()
                assert page.locator("#problem").is_hidden()
                broker.kill()
                page.locator("#problem:not([hidden])").wait_for(timeout=60_000)
                assert page.get_by_role("heading", name="Topics").count() == 1
                assert violations(page) == []
                other = profile.new_page()
                assert other.goto("/specifications").status == 503
                assert other.get_by_role("heading", name="The deployment cannot be reached").count() == 1
                broker.restart()
                page.locator("#problem[hidden]").wait_for(state="attached", timeout=60_000)
                profile.close()
