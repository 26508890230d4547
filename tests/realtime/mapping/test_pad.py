"""Blending between stored points: met exactly, smooth between, inside of what was stored."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.mapping.pad import MAX_POINTS, Pad, Point
from synth.contract import ConfigError

PLACES = np.random.default_rng(3).uniform(0, 1, (9, 2))
VALUES = np.random.default_rng(4).uniform(0.2, 0.8, (9, 5))
POINTS = tuple(
    Point(float(x), float(y), tuple(v.tolist())) for (x, y), v in zip(PLACES, VALUES, strict=True)
)


@pytest.mark.parametrize("method", ["nearest", "radial"])
def test_stored_points_are_met(method: str) -> None:
    pad = Pad("p", ("/a",), method, points=POINTS)
    for point in POINTS:
        assert pad.at(point.x, point.y) == pytest.approx(point.values, abs=1e-9)


@pytest.mark.parametrize("method", ["nearest", "radial"])
@pytest.mark.parametrize("count", [1, 2, 4, 9])
def test_nothing_jumps(method: str, count: int) -> None:
    """Along a line over the plane no step is large, also where other points become the nearest."""
    pad = Pad("p", ("/a",), method, points=POINTS[:count])
    line = np.array([pad.at(t, 0.2 + 0.6 * t) for t in np.linspace(0, 1, 20_001)])
    assert np.abs(np.diff(line, axis=0)).max() < 5e-3
    if method == "nearest":
        assert line.min() >= VALUES.min() - 1e-9
        assert line.max() <= VALUES.max() + 1e-9


def test_radial_is_a_plane_s_own_where_it_has_one_slope() -> None:
    """Two points: the straight way between them."""
    pad = Pad("p", ("/a",), "radial", points=(Point(0, 0, (0.2,)), Point(1, 0, (0.8,))))
    assert pad.at(0.25, 0) == pytest.approx((0.35,))


def test_one_neighbour_is_the_nearest_point_alone() -> None:
    pad = Pad("p", ("/a",), neighbours=1, points=POINTS)
    assert pad.at(0.3, 0.3) in [p.values for p in POINTS]


def test_a_point_at_the_same_place_takes_the_other_s() -> None:
    pad = Pad("p", ("/a",), points=POINTS)
    again = pad.stored(Point(POINTS[0].x, POINTS[0].y, (0.0,) * 5))
    assert len(again.points) == 9
    assert again.at(POINTS[0].x, POINTS[0].y) == (0.0,) * 5
    assert len(pad.cleared((POINTS[2].x, POINTS[2].y)).points) == 8
    assert pad.cleared().at(0.5, 0.5) == ()


def test_what_can_not_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="nearest, radial"):
        Pad("p", ("/a",), "magic")
    with pytest.raises(ConfigError, match="neighbours is 0"):
        Pad("p", ("/a",), neighbours=0)
    many = tuple(Point(i / 1000, 0, (0.0,)) for i in range(MAX_POINTS + 1))
    with pytest.raises(ConfigError, match="256 can be stored"):
        Pad("p", ("/a",), points=many)
