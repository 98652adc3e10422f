"""Charts as SVG, drawn here: no script, no style of their own; every chart's numbers stand in a table below it.

Series are told apart by colour and by dashes.  Classes s0 to s7 and f0 to f7 are the colours of console.css.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from markupsafe import Markup, escape

from infra.readable.characters import printable

_WIDTH: Final = 800
_HEIGHT: Final = 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 10, 28
_DASHES: Final = ("", "8 3", "2 3", "10 3 2 3", "5 5", "1 4", "12 4", "6 2 2 2")
_COLOURS: Final = 8
_LARGEST: Final = 1e100


class Spot(NamedTuple):
    """One value; low, high: its interval, if there is one."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


class Series(NamedTuple):
    """Values in order of x."""

    name: str
    spots: Sequence[Spot]


class Dot(NamedTuple):
    """One point of a plane, with its intervals."""

    name: str
    x: float
    y: float
    low: float | None = None  # of y
    high: float | None = None
    strong: bool = False


def lines(
    series: Sequence[Series], title: str, show: Callable[[float], str], show_x: Callable[[float], str],
    *, limits: tuple[float | None, float | None] = (None, None), gap: float = math.inf,
) -> Markup:  # fmt: skip
    """Lines with bands.  show, show_x: how values are written.  limits: of y, where they are known.

    gap: further apart than that, two values are not joined.
    """
    spots = [spot for each in series for spot in each.spots if _drawn(spot.y)]
    if not spots:
        return Markup()
    ys = [y for spot in spots for y in (spot.y, spot.low, spot.high) if y is not None and _drawn(y)]
    low, high = _range(ys, *limits)
    first, last = min(spot.x for spot in spots), max(spot.x for spot in spots)
    if first == last:
        first, last = first - 1.0, last + 1.0
    frame = _Frame(first, last, low, high)
    parts = [*_y_axis(frame, show), *_x_axis(frame, show_x)]
    for i, each in enumerate(series):
        for run in _runs(each.spots, gap):
            parts.append(_band(frame, run, i))
            parts.append(_line(frame, run, i))
    legend = "".join(_entry(each.name, i) for i, each in enumerate(series)) if len(series) > 1 else ""
    return _figure(title, parts, legend)


def plane(
    dots: Sequence[Dot], frontier: Sequence[tuple[float, float]], title: str,
    show: Callable[[float], str], show_x: Callable[[float], str],
) -> Markup:  # fmt: skip
    """Points with intervals of y, and a line through the best of them."""
    dots = [dot for dot in dots if _drawn(dot.y) and _drawn(dot.x)]
    if not dots:
        return Markup()
    ys = [y for dot in dots for y in (dot.y, dot.low, dot.high) if y is not None and _drawn(y)]
    low, high = _range(ys, None, None)
    most = max(dot.x for dot in dots) * 1.15 or 1.0
    frame = _Frame(0.0, most, low, high)
    parts = [*_y_axis(frame, show), *_x_axis(frame, show_x)]
    if len(frontier) > 1:
        steps = " ".join(f"{_n(frame.x(x))},{_n(frame.y(y))}" for x, y in frontier)
        parts.append(f'<polyline class="guide" points="{steps}"/>')
    for i, dot in enumerate(dots):
        x, y, colour = frame.x(dot.x), frame.y(dot.y), i % _COLOURS
        if dot.low is not None and dot.high is not None:
            ends = f'x1="{_n(x)}" x2="{_n(x)}" y1="{_n(frame.y(dot.low))}" y2="{_n(frame.y(dot.high))}"'
            parts.append(f'<line class="line s{colour}" {ends}/>')
        if dot.strong:
            points = f"{_n(x)},{_n(y - 8)} {_n(x + 8)},{_n(y)} {_n(x)},{_n(y + 8)} {_n(x - 8)},{_n(y)}"
            parts.append(f'<polygon class="f{colour}" points="{points}"/>')
        else:
            parts.append(f'<circle class="f{colour}" cx="{_n(x)}" cy="{_n(y)}" r="5"/>')
        anchor = ' text-anchor="end"' if x > _WIDTH * 0.75 else ""
        shift = -10 if anchor else 10
        parts.append(f'<text x="{_n(x + shift)}" y="{_n(y - 6)}"{anchor}>{_safe(dot.name)}</text>')
    return _figure(title, parts, "")


def frontier_of(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """The upper left of some points (x: cost, y: value): what mixtures of them reach, from the cheapest to the best."""
    hull: list[tuple[float, float]] = []
    for point in sorted(set(points), key=lambda each: (each[0], -each[1])):
        if hull and point[1] <= hull[-1][1]:
            continue
        while len(hull) > 1 and _under(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    return hull


class _Frame(NamedTuple):
    first: float
    last: float
    low: float
    high: float

    def x(self, value: float) -> float:
        share = (value - self.first) / (self.last - self.first)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _drawn(value: float) -> bool:
    """Whether it has a place in a picture: not NaN, nor as good as infinite.  An interval's end without one is cut."""
    return abs(value) < _LARGEST


def _under(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    return (b[1] - a[1]) * (c[0] - a[0]) <= (c[1] - a[1]) * (b[0] - a[0])


def _range(values: Sequence[float], low: float | None, high: float | None) -> tuple[float, float]:
    found_low = min(values) if low is None else low
    found_high = max(values) if high is None else high
    if found_high - found_low <= 1e-9 * max(abs(found_low), abs(found_high)):  # but for rounding they are one
        margin = abs(found_low) * 0.1 or 0.5
        return found_low - (0.0 if low is not None else margin), found_high + margin
    margin = 0.05 * (found_high - found_low)
    return found_low - (0.0 if low is not None else margin), found_high + (0.0 if high is not None else margin)


def _runs(spots: Sequence[Spot], gap: float) -> list[list[Spot]]:
    runs: list[list[Spot]] = []
    for spot in spots:
        if not _drawn(spot.y):
            continue
        if runs and spot.x - runs[-1][-1].x <= gap:
            runs[-1].append(spot)
        else:
            runs.append([spot])
    return runs


def _band(frame: _Frame, run: Sequence[Spot], i: int) -> str:
    known = [
        (spot.x, spot.low, spot.high)
        for spot in run
        if spot.low is not None and spot.high is not None and spot.low <= spot.high
    ]
    if len(known) < 2:
        return ""
    upper = [f"{_n(frame.x(x))},{_n(frame.y(high))}" for x, _, high in known]
    lower = [f"{_n(frame.x(x))},{_n(frame.y(low))}" for x, low, _ in reversed(known)]
    return f'<polygon class="band f{i % _COLOURS}" points="{" ".join(upper + lower)}"/>'


def _line(frame: _Frame, run: Sequence[Spot], i: int) -> str:
    colour, dashes = i % _COLOURS, _DASHES[i % len(_DASHES)]
    if len(run) == 1:
        return f'<circle class="f{colour}" cx="{_n(frame.x(run[0].x))}" cy="{_n(frame.y(run[0].y))}" r="3"/>'
    points = " ".join(f"{_n(frame.x(spot.x))},{_n(frame.y(spot.y))}" for spot in run)
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<polyline class="line s{colour}"{dashed} points="{points}"/>'


def _y_axis(frame: _Frame, show: Callable[[float], str]) -> Iterable[str]:
    for value in _ticks(frame.low, frame.high, 5):
        y = frame.y(value)
        yield f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{_n(y)}" y2="{_n(y)}"/>'
        yield f'<text x="{_LEFT - 6}" y="{_n(y + 4)}" text-anchor="end">{_safe(show(value))}</text>'


def _x_axis(frame: _Frame, show: Callable[[float], str]) -> Iterable[str]:
    for i in range(5):
        value = frame.first + (frame.last - frame.first) * i / 4
        anchor = ("start", "middle", "middle", "middle", "end")[i]
        yield f'<text x="{_n(frame.x(value))}" y="{_HEIGHT - 8}" text-anchor="{anchor}">{_safe(show(value))}</text>'


def _ticks(low: float, high: float, about: int) -> list[float]:
    rough = (high - low) / about
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * each for each in (1.0, 2.0, 2.5, 5.0, 10.0) if size * each >= rough)
    first = math.ceil(low / step - 1e-9)
    return [step * (first + i) for i in range(about * 3) if step * (first + i) <= high + step * 1e-9]


def _figure(title: str, parts: Iterable[str], legend: str) -> Markup:
    drawn = "".join(parts)
    keys = f'<ul class="legend">{legend}</ul>' if legend else ""
    # Every part above is a number or went through `_safe`.
    return Markup(  # noqa: S704
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{_safe(title)}">{drawn}</svg>'
        f"{keys}"
    )


def _entry(name: str, i: int) -> str:
    dashes = f' stroke-dasharray="{_DASHES[i % len(_DASHES)]}"' if _DASHES[i % len(_DASHES)] else ""
    key = f'<line class="line s{i % _COLOURS}" x1="0" x2="32" y1="6" y2="6"{dashes}/>'
    return f'<li><svg class="chart" viewBox="0 0 32 12" aria-hidden="true">{key}</svg> {_safe(name)}</li>'


def _safe(text: str) -> str:
    return str(escape(printable(text)))


def _n(value: float) -> str:
    return f"{value:.1f}"
