"""Which links may be followed: public web addresses, and nothing that only this machine or its network can reach.

A link is what a stranger wrote.  Followed without care it makes the bot a way into the network it runs in (server-side
request forgery: cloud metadata, admin pages on localhost).  So a link's form is checked before anything is looked up
(`check_link`), and the address of every single connection when its socket is made (`is_public`): what a name resolves
to later, or second, changes nothing.
"""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

from yarl import URL

from schemas.errors import CroupierError

LONGEST_LINK: Final = 2048
PORTS: Final = frozenset({80, 443})

#: Networks in which another address is wrapped, and which a router may unwrap: NAT64 (RFC 6052, RFC 8215).
_WRAPPING: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
#: All that is given out on the internet (RFC 4291, IANA); other IPv6 addresses are special in some way.
_GIVEN_OUT: Final = IPv6Network("2000::/3")
#: Public by the registry, and yet answered by the machine's own host: Azure's platform.
_PLATFORM: Final = frozenset({IPv4Address("168.63.129.16")})


class LinkRefusedError(CroupierError):
    """A link that is not followed, or behind which there is nothing to read."""


def check_link(text: str, ports: frozenset[int] = PORTS) -> URL:
    """The link, if its form is that of a page of the public web.  LinkRefusedError: it is not."""
    if len(text) > LONGEST_LINK:
        raise LinkRefusedError(f"a link of {len(text)} characters; at most {LONGEST_LINK} are followed")
    try:
        url = URL(text)
        host, port = url.host, url.port
    except ValueError:
        raise LinkRefusedError("a link that cannot be read") from None
    if url.scheme not in {"http", "https"} or not host:
        raise LinkRefusedError(f"a link of scheme {url.scheme!r:.40}; only http and https are followed")
    if url.user is not None or url.password is not None:
        raise LinkRefusedError("a link with a user name or password in it")
    if port not in ports:
        raise LinkRefusedError(f"a link to port {port}; only {', '.join(map(str, sorted(ports)))} are followed")
    return url.with_fragment(None)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet's, also when it is wrapped in another.

    >>> is_public("93.184.215.14"), is_public("127.0.0.1"), is_public("::ffff:169.254.169.254")
    (True, False, False)
    """
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if found.is_multicast or not found.is_global:
        return False
    if isinstance(found, IPv4Address):
        return found not in _PLATFORM
    wrapped = found.sixtofour is not None or found.teredo is not None or any(found in each for each in _WRAPPING)
    return found in _GIVEN_OUT and not wrapped
