"""How values stand beside axes."""

from datetime import UTC, datetime

from infra.readable.quantities import span, usd


def percent(value: float) -> str:
    """A share."""
    return f"{100.0 * value:.4g}%"


def money(value: float) -> str:
    """USD."""
    return usd(value)


def ratio(value: float) -> str:
    """A number from 0 to 1."""
    return f"{value:.3g}"


def milliseconds(value: float) -> str:
    """An interval."""
    return span(value)


def day(at: float) -> str:
    """Of seconds since 1970, UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%d %b}"


def minute(at: float) -> str:
    """Of seconds since 1970, UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%d %b %H:%M}"
