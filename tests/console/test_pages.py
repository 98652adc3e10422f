"""Every page, for every role."""

import pytest

pytestmark = pytest.mark.kafka

FOR_ALL = [
    "/", "/?window=30d", "/?tenant=acme", "/tenants", "/domains?order=cost&window=7d",
    "/domain?tenant=acme&domain=routing", "/domain?tenant=acme&domain=routing&window=30d",
    "/what-if?tenant=acme&domain=routing", "/roi", "/health", "/dead-letters", "/decisions",
    "/decision?id=acme-0&tenant=acme", "/specifications", "/specification?tenant=acme&domain=routing", "/account",
]  # fmt: skip
FOR_OPERATORS = ["/specifications/new", "/specifications/remove?tenant=acme&domain=routing"]
FOR_ADMINS = ["/people", "/audit"]


@pytest.mark.parametrize("name", ["vera", "otto", "anna", "acme-viewer", "acme-operator"])
def test_every_page(as_, name):
    """Those of one's role are shown, whole; the others are refused, and not in the navigation."""
    browser = as_(name)
    role = browser.console.accounts.find(name).role
    for path in FOR_ALL:
        response = browser.get(path)
        assert response.status_code == 200, (path, response.text)
        assert "</html>" in response.text
    for path in FOR_OPERATORS:
        assert browser.get(path).status_code == (403 if role == "viewer" else 200), path
    for path in FOR_ADMINS:
        assert browser.get(path).status_code == (200 if role == "admin" else 403), path
    assert ("/audit" in browser.get("/health").text) == (role == "admin")
