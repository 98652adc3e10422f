"""A link that a stranger posts leads to the public web or nowhere, and never costs more than its limits."""

import ipaddress
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.discord.analysis.addresses import LinkRefusedError, check_link, is_public
from producers.discord.analysis.fetching import Limits, Links
from producers.discord.analysis.material import MOST_FILE_BYTES, Source, cut, links_of, material_of
from producers.discord.analysis.reading import page_of, text_of
from tests.discord.site import Site, limits, site

__all__ = ["site"]

INSIDE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "100.100.100.200", "192.0.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "168.63.129.16",
    "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "2002:7f00:1::",
    "2001:0:1:2:3:4:5:6", "not an address", "",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "93.184.215.14", "2606:4700:4700::1111", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", INSIDE)
def test_what_only_the_inside_can_reach_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@settings(max_examples=60)
@given(st.ip_addresses(v=4))
def test_wrapping_an_address_makes_nothing_public(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    assert is_public(f"::ffff:{address}") == is_public(str(address))
    for wrapped in (0x64FF9B << 96 | number, 0x2002 << 112 | number << 80, number):
        assert not is_public(str(ipaddress.IPv6Address(wrapped)))


@pytest.mark.parametrize(
    "link",
    [
        "file:///etc/passwd", "ftp://example.org/", "gopher://example.org/", "http://", "javascript:alert(1)",
        "http://user:secret@example.org/", "http://example.org:22/", "http://example.org:99999/", "http://[::1",
        "https://example.org/" + "a" * 2048, "//example.org/",
    ],
)  # fmt: skip
def test_only_plain_links_to_web_ports_are_followed(link: str) -> None:
    with pytest.raises(LinkRefusedError):
        check_link(link)


async def test_a_page_is_read_without_what_is_around_it(site: Site) -> None:
    async with Links.open(limits(site)) as links:
        page = await links.fetch(site.url("/moved"))
    assert site.hits == ["/moved", "/page"]
    assert page.title == "Ice & rivers"
    assert page.text.startswith("Glaciers\n\nThey move.\n\nSlowly")
    assert "Home" not in page.text
    assert "track" not in page.text


async def test_what_is_in_force_never_connects_to_this_machine(site: Site) -> None:
    """By address, by name, by number: nothing arrives at a server that listens."""
    async with Links.open(Limits(ports=frozenset({site.port}))) as links:
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "127.1", "0x7f.1", "0"):
            with pytest.raises(LinkRefusedError):
                await links.fetch(site.url("/page", host))
    assert site.hits == []


async def test_a_redirect_is_checked_like_a_link(site: Site) -> None:
    async with Links.open(limits(site)) as links:
        for path, why in (("/out", "fetched"), ("/file", "scheme"), ("/round", "redirects")):
            with pytest.raises(LinkRefusedError, match=why):
                await links.fetch(site.url(path))
    assert site.hits == ["/out", "/file", *["/round"] * 5]


async def test_a_page_costs_no_more_than_its_limits(site: Site) -> None:
    async with Links.open(limits(site, bytes=100_000)) as links:
        page = await links.fetch(site.url("/endless"))
    assert 90_000 < len(page.text) <= 100_000
    begun = time.monotonic()
    async with Links.open(limits(site, seconds=0.3)) as links:
        with pytest.raises(LinkRefusedError, match="within"):
            await links.fetch(site.url("/slow"))
    assert time.monotonic() - begun < 5.0


async def test_only_text_that_is_not_compressed_is_read(site: Site) -> None:
    async with Links.open(limits(site)) as links:
        assert (await links.fetch(site.url("/latin"))).text == "caf\u00e9"
        for path, why in (("/image", "type"), ("/bomb", "compressed"), ("/nothing", "404")):
            with pytest.raises(LinkRefusedError, match=why):
                await links.fetch(site.url(path))
    assert all("croupier-bot" in each for each in site.agents)


@pytest.mark.parametrize("tag", ["div", "p", "article", "main", "li"])
def test_a_hostile_page_takes_no_more_time_than_an_honest_one(tag: str) -> None:
    """Elements nested a hundred thousand deep, and many within one another: quadratic readers take minutes."""
    begun = time.monotonic()
    page_of(f"<{tag}>".encode() * 100_000, None)
    page_of((f"<{tag}>" * 100 + "words " * 10 + f"</{tag}>" * 100).encode() * 50, None)
    assert time.monotonic() - begun < 20.0


@settings(max_examples=60)
@given(st.binary(max_size=300), st.sampled_from([None, "utf-8", "latin-1", "no-such-charset", "utf-16"]))
def test_no_bytes_are_an_error(body: bytes, charset: str | None) -> None:
    text = text_of(body, charset)
    assert text is None or "\0" not in text
    page = page_of(body, charset)
    assert "\0" not in page.text


def test_a_program_is_no_text() -> None:
    assert text_of(bytes(range(256)) * 4) is None
    assert text_of("\ufeffnaive caf\u00e9".encode("utf-16")) == "naive caf\u00e9"
    assert text_of(b"one  \r\n\r\n\r\n\r\ntwo\x07") == "one\n\ntwo"


class Attached:
    def __init__(self, filename: str, size: int, content_type: str | None) -> None:
        self.filename, self.size, self.content_type = filename, size, content_type


def test_what_a_post_has_to_read() -> None:
    files = [
        Attached("a.png", 10, "image/png"), Attached("notes.TXT", 10, None), Attached("b", 10, "text/plain; charset=x"),
        Attached("huge.txt", MOST_FILE_BYTES + 1, "text/plain"), Attached("empty.txt", 0, "text/plain"),
    ]  # fmt: skip
    assert not material_of("hello", files[:1])
    assert not material_of("`https://example.org` and ```\nhttps://example.org\n```", [])
    assert material_of("x" * 800, []).long
    found = material_of("See https://example.org/a?b=1#c. And <https://example.org/d>", files)
    assert found.files == (1, 2)
    assert found.links == ("https://example.org/a?b=1#c", "https://example.org/d")
    assert links_of("(https://en.wikipedia.org/wiki/Ice_(band))") == ("https://en.wikipedia.org/wiki/Ice_(band)",)


@given(st.lists(st.text(max_size=50), max_size=5), st.integers(0, 120))
def test_what_is_cut_fits_and_wastes_nothing(written: list[str], most: int) -> None:
    sources = [Source(str(place), text) for place, text in enumerate(written)]
    kept = cut(sources, most)
    assert [each.name for each in kept] == [each.name for each in sources]
    assert all(whole.text.startswith(each.text) for each, whole in zip(kept, sources, strict=True))
    total = sum(len(each.text) for each in kept)
    assert total <= most
    assert total == min(most, sum(map(len, written))) or most - total < len(written)
