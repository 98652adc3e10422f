"""One request to the REST API, read; and the route that it took."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from ..errors import ApiError, invalid
from ..permissions import Permission
from ..state.accounts import Json
from ..state.places import Channel
from ..state.world import World


class Upload(NamedTuple):
    """A file of a multipart request, by the number in its field's name (`files[n]`)."""

    filename: str
    content_type: str
    data: bytes


class Answer(NamedTuple):
    """What a call gives: HTTP status and JSON; None where there is no content."""

    status: int
    body: bytes | None


NOTHING = Answer(204, None)


def answer(content: object, status: int = 200) -> Answer:
    """`content` as JSON."""
    return Answer(status, msgspec.json.encode(content))


@dataclass(slots=True)
class Call:
    """path: values of the route's parameters.  body: the JSON object, from `payload_json` when there are files."""

    world: World
    path: dict[str, str]
    query: Mapping[str, str]
    body: Json = field(default_factory=dict)
    items: list[Json] = field(default_factory=list)
    files: dict[int, Upload] = field(default_factory=dict)

    def number(self, name: str) -> int:
        """A snowflake of the path; 50035 when it isn't one."""
        return snowflake(self.path[name], name)

    def channel(self, *permissions: Permission) -> Channel:
        """The channel of the path, if the bot sees it and has these permissions there."""
        channel = self.world.find_channel(self.number("channel"))
        self.world.allow(channel, *permissions)
        return channel

    def asked(self, name: str) -> int | None:
        """A number of the query string, None when it isn't there."""
        text = self.query.get(name)
        return None if text is None else snowflake(text, name)

    def flag(self, name: str) -> bool:
        """A boolean of the query string."""
        return self.query.get(name, "").lower() in ("1", "true")


def snowflake(text: object, name: str) -> int:
    """`text` as a snowflake; 50035 for the field `name` when it isn't one."""
    if isinstance(text, int):
        return text
    if isinstance(text, str) and text.isascii() and text.isdigit():
        return int(text)
    raise invalid(name, "NUMBER_TYPE_COERCE", f'Value "{text}" is not snowflake.')


class Route(NamedTuple):
    """method and path, with parameters in braces; what answers it; the rate limit's bucket.

    major: the parameter whose values have limits of their own.  open: no token needed, no global limit.
    """

    method: str
    path: str
    handle: Callable[[Call], Answer]
    bucket: str = ""
    major: str | None = None
    open: bool = False


class Table:
    """Finds the route of a request, by the segments of its path."""

    def __init__(self, routes: list[Route]) -> None:
        self._root: Json = {}
        for route in routes:
            node = self._root
            for segment in route.path.strip("/").split("/"):
                node = node.setdefault("{}" if segment.startswith("{") else segment, {})
            names = [s[1:-1] for s in route.path.strip("/").split("/") if s.startswith("{")]
            node.setdefault("", {})[route.method] = (route, names)

    def find(self, method: str, segments: list[str]) -> tuple[Route, dict[str, str]]:
        """The route and the values of its parameters; 404 for an unknown path, 405 for a method it doesn't have."""
        node, values = self._root, []
        for segment in segments:
            following = node.get(segment) if segment else None
            if following is None:
                following = node.get("{}")
                values.append(segment)
            if following is None:
                raise ApiError(0)
            node = following
        methods = node.get("")
        if methods is None:
            raise ApiError(0)
        if method not in methods:
            raise ApiError(0, status=405, message="405: Method Not Allowed")
        route, names = methods[method]
        return route, dict(zip(names, values, strict=True))
