"""Rate limits as clients see them (Discord docs, "Rate Limits")."""

import hashlib
import math
import time
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from .rest.call import Route
from .rules import Rules

Headers = dict[str, str]


class Refusal(NamedTuple):
    """A 429: its headers and its body.  scope: user, global or shared."""

    headers: Headers
    body: bytes
    scope: str


@dataclass(slots=True)
class Window:
    """What is left until `ends` (monotonic seconds)."""

    left: int
    ends: float


@dataclass(slots=True)
class Limiter:
    """Counts requests by bucket and major parameter, of all routes together, and the invalid ones.

    Each is a fixed window that begins with the first request after the last window's end.
    """

    rules: Rules
    hits: dict[str, int] = field(default_factory=dict)
    _windows: dict[tuple[str, str], Window] = field(default_factory=dict)
    _hashes: dict[str, str] = field(default_factory=dict)
    _global: Window = field(default_factory=lambda: Window(0, 0.0))
    _invalid: Window = field(default_factory=lambda: Window(0, 0.0))

    def take(self, route: Route, major: str) -> tuple[Headers, Refusal | None]:
        """Count a request: the headers of its answer, and a refusal if it is one too many."""
        now = time.monotonic()
        if not route.open:
            if now >= self._global.ends:
                self._global = Window(self.rules.global_per_second, now + 1.0)
            if self._global.left <= 0:
                return {}, self.refuse(self._global.ends - now, "global")
            self._global.left -= 1
        bucket = self.rules.buckets.get(route.bucket)
        if bucket is None:
            if route.open:
                return {}, None
            bucket = self.rules.buckets[""]
        key = (route.bucket or f"{route.method} {route.path}", major)
        window = self._windows.get(key)
        if window is None or now >= window.ends:
            window = self._windows[key] = Window(bucket.limit, now + bucket.seconds)
            if len(self._windows) > 20_000:
                self._windows = {k: w for k, w in self._windows.items() if w.ends > now}
        window.left -= 1
        headers = self._headers(key[0], bucket.limit, max(0, window.left), window.ends - now)
        if window.left < 0:
            return headers, self.refuse(window.ends - now, "user", headers)
        return headers, None

    def _headers(self, bucket: str, limit: int, left: int, after: float) -> Headers:
        name = self._hashes.get(bucket)
        if name is None:
            name = self._hashes[bucket] = hashlib.sha256(bucket.encode()).hexdigest()[:32]
        after = math.ceil(after * 1000) / 1000
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": f"{time.time() + after:.3f}",
            "X-RateLimit-Reset-After": f"{after:.3f}",
            "X-RateLimit-Bucket": name,
        }

    def refuse(self, after: float, scope: str, headers: Headers | None = None) -> Refusal:
        """A 429 that asks to wait `after` seconds."""
        self.hits[scope] = self.hits.get(scope, 0) + 1
        after = math.ceil(after * 1000) / 1000
        extra = {"Retry-After": str(math.ceil(after)), "X-RateLimit-Scope": scope}
        if scope == "global":
            extra["X-RateLimit-Global"] = "true"
        what = "The resource is being rate limited." if scope == "shared" else "You are being rate limited."
        body = msgspec.json.encode({"message": what, "retry_after": after, "global": scope == "global"})
        return Refusal((headers or {}) | extra, body, scope)

    def note(self, status: int, scope: str | None) -> None:
        """Count an answer 401, 403 or 429 (unless of shared scope) against the address."""
        if status in (401, 403) or (status == 429 and scope != "shared"):
            now = time.monotonic()
            if now >= self._invalid.ends:
                self._invalid = Window(self.rules.invalid_requests, now + self.rules.invalid_window)
            self._invalid.left -= 1

    @property
    def shut_out(self) -> float:
        """Seconds for which Cloudflare answers instead of the API; 0 when it doesn't."""
        left = self._invalid.ends - time.monotonic()
        return left if left > 0 and self._invalid.left <= 0 else 0.0
