"""Charts: what is drawn is what was given, whatever that is."""

import math
import xml.etree.ElementTree as ET
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from infra.console.charts import Dot, Series, Spot, frontier_of, lines, plane

NUMBERS = st.floats(-1e9, 1e9)
ANY = NUMBERS | st.sampled_from([math.nan, math.inf, -math.inf])
SPOTS = st.lists(st.builds(Spot, NUMBERS, ANY, st.none() | NUMBERS, st.none() | NUMBERS), max_size=8)
NAMES = st.text(max_size=20)
POINTS = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 20)).map(lambda each: tuple(map(float, each))), max_size=12
)


def numbers(root):
    for element in root.iter():
        for name in ("points", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy"):
            yield from (float(each) for each in element.get(name, "").replace(",", " ").split())


@given(st.lists(st.builds(Series, NAMES, SPOTS.map(lambda spots: sorted(spots, key=lambda s: s.x))), max_size=9), NAMES)
def test_lines_are_well_formed(series, title):
    """Any numbers and names make XML whose every coordinate is within the picture; names stay text."""
    drawn = lines(series, title, str, str)
    if not drawn:
        assert not any(math.isfinite(spot.y) for each in series for spot in each.spots)
        return
    root = ET.fromstring(f"<p>{drawn}</p>")
    assert {each.tag for each in root.iter()} <= {
        "p",
        "svg",
        "line",
        "text",
        "polyline",
        "polygon",
        "circle",
        "ul",
        "li",
    }
    assert all(-1.0 <= each <= 801.0 for each in numbers(root))


@given(st.lists(st.builds(Dot, NAMES, st.floats(0, 1e6), NUMBERS, strong=st.booleans()), max_size=6))
def test_planes_are_well_formed(dots):
    """The same for points of a plane."""
    drawn = plane(dots, frontier_of((dot.x, dot.y) for dot in dots), "title", str, str)
    assert bool(drawn) == bool(dots)
    if dots:
        root = ET.fromstring(f"<p>{drawn}</p>")
        assert len(root.findall(".//circle")) + len(root.findall(".//polygon")) == len(dots)


@given(POINTS)
def test_the_frontier_is_above_all(points):
    """No point is above it, it rises, its slope falls, and its corners are points that were given."""
    found = frontier_of(points)
    assert set(found) <= set(points)
    for (x1, y1), (x2, y2) in pairwise(found):
        assert x1 < x2
        assert y1 < y2
        for x, y in points:
            if x1 <= x <= x2:
                assert y <= y1 + (y2 - y1) * (x - x1) / (x2 - x1) + 1e-9
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairwise(found)]
    assert slopes == sorted(slopes, reverse=True)
    if points:
        assert max(y for _, y in points) == found[-1][1]
