"""What operators do: specifications checked, compared, applied and brought back; dead letters sent again; all of it
written down before it is done."""

import asyncio
import html
import re
import time

import msgspec
import pytest
from starlette.testclient import TestClient

from infra.console.console import make_app
from infra.domains.changes import differences
from infra.domains.written import to_toml
from infra.kpis.store import Scope
from infra.readable.plain import plain_record
from infra.reading.log import Log
from schemas import wire
from schemas.events import SpecChange

from . import told
from .conftest import Browser, opened

pytestmark = pytest.mark.kafka

MINE = msgspec.structs.replace(told.SPEC, domain="mine")
DEARER = msgspec.structs.replace(MINE, exploration_minimum=0.05)


def base_of(page):
    return html.unescape(re.search(r'name="base" value="([^"]*)"', page.text)[1])


def applied(browser, spec):
    """Check, compare, apply; the page that says so."""
    preview = browser.post("/specifications/check", {"text": to_toml([spec])})
    assert preview.status_code == 200, preview.text
    response = browser.post("/specifications/apply", {"text": to_toml([spec]), "base": base_of(preview)})
    assert response.status_code == 303, response.text
    return browser.get(response.headers["location"])


async def records(log, topic):
    """All that the topic has: offset and event."""
    async with Log.open(*log) as reading:
        bounds = await reading.bounds(topic)
        return [(record, wire.decode(topic, record.value)) async for record in reading.merged(topic, bounds)]


async def test_a_specification_s_life(as_, log):
    """Applied, changed, brought back, removed: each is in specs and outcomes, and in the audit log before."""
    browser = as_("acme-operator")
    page = applied(browser, MINE)
    assert "In the log: acme/mine version" in page.text
    preview = browser.post("/specifications/check", {"text": to_toml([DEARER])})
    (words,) = differences(MINE, DEARER)
    assert words in html.unescape(preview.text)
    assert '<span class="plus">+exploration_minimum = 0.05' in preview.text
    applied(browser, DEARER)
    history = browser.get("/specification?tenant=acme&domain=mine").text
    first = min(map(int, re.findall(r"domain=mine&amp;version=(\d+)", history)))
    old = browser.get(f"/specification?tenant=acme&domain=mine&version={first}")
    assert '<span class="plus">+exploration_minimum = 0.02' in old.text
    text = html.unescape(re.search(r"<textarea[^>]*>\n(.*?)</textarea>", old.text, re.DOTALL)[1])
    assert text == to_toml([MINE])
    applied(browser, MINE)
    response = browser.post("/specifications/removed", {"tenant": "acme", "domain": "mine"})
    assert response.status_code == 303
    assert "domain removed" in browser.get("/specification?tenant=acme&domain=mine").text
    specs = [(r, e) for r, e in await records(log, "specs") if (e.tenant, e.domain) == ("acme", "mine")]
    assert [event.spec for _, event in specs] == [MINE, DEARER, MINE, None]
    announced = [e for _, e in await records(log, "outcomes") if isinstance(e, SpecChange) and e.domain == "mine"]
    assert [(event.version, event.spec) for event in announced] == [(r.offset, e.spec) for r, e in specs]
    audit = [(r, e) for r, e in await records(log, "audit") if e.target == "acme/mine"]
    assert [(e.who, e.action, e.document) for _, e in audit] == [
        ("acme-operator", "specification-applied", to_toml([each])) for each in (MINE, DEARER, MINE)
    ] + [("acme-operator", "domain-removed", "")]
    assert all(a.timestamp <= s.timestamp for (a, _), (s, _) in zip(audit, specs, strict=True))
    assert all(plain_record("audit", record)["type"] == "audit.1" for record, _ in audit)


def test_mistakes_are_at_their_line(as_):
    """Every problem with its line, in the page and in what the script asks for; nothing is applied."""
    text = to_toml([MINE]).replace("exploration_minimum = 0.02", "exploration_minimum = 2.0").replace("0.03", '"x"')
    browser = as_("otto")
    line = text.splitlines().index("exploration_minimum = 2.0") + 1
    for path, fields, status in (
        ("/specifications/check", {}, 422), ("/specifications/apply", {"base": "[]"}, 422),
        ("/specifications/check", {"fragment": "1"}, 200),
    ):  # fmt: skip
        page = browser.post(path, {"text": text, **fields})
        assert page.status_code == status
        assert "2 problems; nothing was changed" in page.text
        assert f'data-line="{line}"' in page.text
        assert ("<html" in page.text) == (status == 422)
    assert (
        "1 domain, without a problem"
        in browser.post("/specifications/check", {"text": to_toml([MINE]), "fragment": "1"}).text
    )


def test_two_operators_at_once(as_):
    """Who compares with a version that is in force no more is shown the new comparison, and nothing is applied."""
    one, other = as_("otto"), as_("anna")
    spec = msgspec.structs.replace(MINE, domain="shared")
    applied(one, spec)
    theirs = msgspec.structs.replace(spec, forgetting=0.99)
    stale = base_of(one.post("/specifications/check", {"text": to_toml([theirs])}))
    between = msgspec.structs.replace(spec, forgetting=0.98)
    applied(other, between)
    response = one.post("/specifications/apply", {"text": to_toml([theirs]), "base": stale})
    assert response.status_code == 409
    assert "somebody else changed this" in response.text
    (words,) = differences(between, theirs)
    assert words in html.unescape(response.text)
    response = one.post("/specifications/apply", {"text": to_toml([theirs]), "base": base_of(response)})
    assert response.status_code == 303


async def test_dead_letters_are_sent_again(as_, log):
    """To the topic they came from, by their own tenant, once the audit log has it; others are refused with a reason."""
    before = [e for _, e in await records(log, "contexts")]
    browser = as_("acme-operator")
    (place,) = re.findall(r'name="letter\.(\d+\.\d+)"', browser.get("/dead-letters?tenant=acme").text)
    assert "unknown-domain" in browser.get(f"/dead-letter?place={place}").text
    response = browser.post("/dead-letters/again", {f"letter.{place}": "on"})
    assert response.status_code == 303, response.text
    after = await records(log, "contexts")
    assert len(after) == len(before) + 1
    sent = [(r, e) for r, e in after if e.id == "acme-x"]
    assert [(r.key, e) for r, e in sent] == [(b"acme", told.context("acme-x", "acme", "x"))]
    entries = [e for _, e in await records(log, "audit") if e.action == "dead-letter-sent-again"]
    assert [(e.who, e.tenant, e.target) for e in entries] == [("acme-operator", "acme", place)]
    admin = as_("anna")
    hostile = admin.get("/dead-letters?topic=outcomes").text
    assert 'name="letter.' not in hostile
    other = re.search(r"place=(\d+\.\d+)", hostile)[1]
    refused = admin.post("/dead-letters/again", {f"letter.{other}": "on", f"letter.{place}": "on"})
    assert (refused.status_code, "Nothing was sent" in refused.text) == (400, True)
    assert len(await records(log, "contexts")) == len(after)


def test_without_a_broker(tmp_path):
    """Pages say what is wrong and keep working, signing in, too; what cannot be written down is not done."""
    with opened(tmp_path, "127.0.0.1:1", "") as console:
        with TestClient(make_app(console), base_url="http://localhost", follow_redirects=False) as client:
            browser = Browser(client, console, "anna")
            deadline = time.monotonic() + 60
            while console.deployment.problem is None:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            for path in ("/", "/health", "/tenants", "/people", "/audit", "/account"):
                page = browser.get(path)
                assert page.status_code == 200, path
                assert "the broker at 127.0.0.1:1 cannot be used" in page.text, path
            for path in ("/decisions", "/specifications", "/dead-letters", "/decision?id=x"):
                page = browser.get(path)
                assert page.status_code == 503, path
                assert "croupier up" in page.text
            response = browser.post("/specifications/apply", {"text": to_toml([MINE]), "base": "[]"})
            assert response.status_code == 503
        (waiting,) = console.trail._database.execute("select count(*) from waiting").fetchone()
        assert waiting == 0
        console.trail.note("vera", "viewer", "signed-in")
        (waiting,) = console.trail._database.execute("select count(*) from waiting").fetchone()
        assert waiting == 1


async def test_what_waited_is_sent(log, tmp_path):
    """Entries that were written down while the broker was away are in the topic when it is back, once, in order."""
    with opened(tmp_path, *log) as console:
        for i in range(3):
            console.trail.note("waited", "", "signed-in", str(i))
        with TestClient(make_app(console), base_url="http://localhost"):
            deadline = time.monotonic() + 60
            while len([1 for _, entry in console.trail.entries if entry.who == "waited"]) < 3:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.02)
        (waiting,) = console.trail._database.execute("select count(*) from waiting").fetchone()
        assert waiting == 0
    assert [e.detail for _, e in await records(log, "audit") if e.who == "waited"] == ["0", "1", "2"]


def test_kpis_of_the_pages_are_those_of_the_store(as_):
    """The numbers of a page are the summary's, to the digits that are shown."""
    browser = as_("acme-viewer")
    figures = browser.console.figures
    store = figures.store
    since, until = figures.bounds("24h")
    summary = store.summary(Scope("acme", "routing"), since, until)
    text = browser.get("/domain?tenant=acme&domain=routing").text
    assert f"{summary.interactions:,}" in text
    assert f"{summary.reward:.3f}" in text
    assert f"{100 * summary.satisfaction.estimate:.1f}%" in text
    for arm in summary.arms:
        assert f"{arm.value.estimate:.3f}" in text
