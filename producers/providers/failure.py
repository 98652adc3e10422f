"""Why a model did not answer, and what that means for what is done next."""

import math
import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from schemas.errors import CroupierError

How = Literal["timeout", "rate-limited", "failed", "cut", "refused"]

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


class Failure(CroupierError):  # noqa: N818 - what it is, not that it is one
    """A try that did not end well.

    detail: for operators; never what anybody wrote, so providers' own messages are left out (they quote requests and
    keys).  retry: asking the same model again may help.  retry_after_s: the provider asked for so long a pause.
    charged: the provider may have begun to work on it.  healthy: it says nothing about the model's health.
    lasting: it will not heal by itself (a wrong key, a model that does not exist).
    """

    def __init__(
        self,
        how: How,
        detail: str,
        *,
        retry: bool = False,
        retry_after_s: float | None = None,
        charged: bool = False,
        healthy: bool = False,
        lasting: bool = False,
    ) -> None:
        super().__init__(f"{how}: {detail}")
        self.how = how
        self.detail = detail
        self.retry = retry
        self.retry_after_s = retry_after_s
        self.charged = charged
        self.healthy = healthy
        self.lasting = lasting


def of_status(status: int, code: object, retry_after_s: float | None) -> Failure:
    """What an HTTP status of a provider means.  code: its short name for the error, if it gives one."""
    named = f" {code}" if isinstance(code, str) and _PLAIN.fullmatch(code) else ""
    detail = f"HTTP {status}{named}"
    if status == 429:
        # A quota that is used up is reported as a rate limit, too; waiting does not help.
        spent = code in ("insufficient_quota", "billing_hard_limit_reached")
        return Failure("rate-limited", detail, retry=not spent, retry_after_s=retry_after_s, lasting=spent)
    if status in (401, 402, 403, 404):
        return Failure("failed", f"{detail}: {_LASTING[status]}", lasting=True)
    if status in (408, 409) or status >= 500:
        return Failure("failed", detail, retry=True, retry_after_s=retry_after_s)
    if status in (400, 413, 422):
        return Failure("refused", detail, healthy=True)
    return Failure("failed", detail)


def unreachable(error: Exception, *, charged: bool) -> Failure:
    """No connection, or one that broke.  The clients wrap what happened; what is innermost says it best."""
    cause: BaseException = error
    while isinstance(cause.__cause__, Exception):  # not a CancelledError: that is how time runs out in asyncio
        cause = cause.__cause__
    name = type(cause).__name__
    if isinstance(cause, TimeoutError):
        return Failure("timeout", f"no connection in time ({name})", retry=True, charged=charged)
    return Failure("failed", f"the connection failed ({name})", retry=True, charged=charged)


def broken_off(error: Exception) -> Failure:
    """An error in the midst of a stream, or something that is not the protocol."""
    return Failure("failed", f"the stream broke off ({type(error).__name__})", retry=True, charged=True)


_LASTING = {
    401: "the key is not accepted",
    402: "the account has no credit",
    403: "the key may not use this model",
    404: "there is no such model at this address",
}


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that `retry-after-ms` (OpenAI) or `Retry-After` (RFC 9110: seconds or a date) asks for; None: nothing."""
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            seconds = float(value) * unit
        except ValueError:
            try:
                seconds = (parsedate_to_datetime(value) - now).total_seconds()
            except (TypeError, ValueError):
                continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    return None
