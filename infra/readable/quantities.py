"""Money, time and rates with the digits that matter to a person."""

_SCALES = (
    (1_000.0, 1.0, "ms"),
    (120_000.0, 1_000.0, "s"),
    (7_200_000.0, 60_000.0, "min"),
    (172_800_000.0, 3_600_000.0, "h"),
)
_DAY_MS = 86_400_000.0


def usd(amount: float) -> str:
    """Dollars: prices of requests are small."""
    return f"${amount:.4g}" if abs(amount) < 1 else f"${amount:,.2f}"


def span(milliseconds: float) -> str:
    """An interval, e.g. "12 ms", "1.5 s", "3.2 min"."""
    for limit, unit, name in _SCALES:
        if abs(milliseconds) < limit:
            return f"{milliseconds / unit:.3g} {name}"
    return f"{milliseconds / _DAY_MS:,.3g} d"


def count(number: int, words: str, plural: str | None = None) -> str:
    """A number of things, e.g. "1 record", "1,204 records"."""
    return f"{number:,} {words if number == 1 else plural or words + 's'}"
