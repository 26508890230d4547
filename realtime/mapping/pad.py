"""`Pad`: a plane of stored points that are blended, so that two coordinates move many controls.

Each point holds a value for every axis. Between the points, either the nearest ones are weighted
(inverse distance, faded out towards the first one that is left out, so that nothing jumps: Franke
and Little, in Barnhill, "Representation and approximation of surfaces", 1977), or all of them by
radial basis functions (the linear one with a constant: Duchon's thin-plate family).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from realtime.namespace.global_addresses import MAP_CONTROLS
from synth.contract import ConfigError, Control

METHODS = ("nearest", "radial")
DEFAULT_NEIGHBOURS = 4
MAX_POINTS = 256
MAX_AXES = 1_024
SAME_PLACE = 1e-3

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Point:
    """A point of a pad.

    Args:
        x, y: its place, 0 … 1.
        values: one for each axis, as its share of the control's range by its curve, 0 … 1.
    """

    x: float
    y: float
    values: tuple[float, ...]


@dataclass(frozen=True)
class Pad:
    """A plane with its points.

    Args:
        name: valid as a control's name; the pad's address is `/pad/<name>`.
        axes: addresses of the controls or elements that it moves.
        method: "nearest" (inverse distance of the nearest points) or "radial".
        neighbours: how many points are blended by "nearest", 1 … 256.
        points: at most 256, each with one value for every axis (all elements of a vector).

    Raises:
        ConfigError: a number is out of its range.
    """

    name: str
    axes: tuple[str, ...]
    method: str = "nearest"
    neighbours: int = DEFAULT_NEIGHBOURS
    points: tuple[Point, ...] = ()

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ConfigError(f"method is {self.method!r}; known are {', '.join(METHODS)}")
        if not 1 <= self.neighbours <= MAX_POINTS:
            raise ConfigError(f"neighbours is {self.neighbours}; 1 … {MAX_POINTS} is allowed")
        if len(self.points) > MAX_POINTS:
            raise ConfigError(f"{len(self.points)} points; {MAX_POINTS} can be stored, clear some")

    @property
    def control(self) -> Control:
        """The pad as a control of the namespace."""
        about = f"blends {len(self.points)} stored points"
        return replace(MAP_CONTROLS["pad"], name=self.name, description=about)

    def stored(self, point: Point) -> Pad:
        """The pad with a point added, which replaces one at the same place."""
        others = tuple(p for p in self.points if _distance(p, point) > SAME_PLACE)
        return replace(self, points=(*others, point))

    def cleared(self, place: tuple[float, float] | None = None) -> Pad:
        """The pad without the point nearest to a place (x and y, 0 … 1), or without any (None)."""
        if place is None or not self.points:
            return replace(self, points=())
        nearest = min(self.points, key=lambda p: _distance(p, Point(*place, ())))
        return replace(self, points=tuple(p for p in self.points if p is not nearest))

    def at(self, x: float, y: float) -> tuple[float, ...]:
        """The values of the axes at a place, each 0 … 1 as in `Point`; empty without points.

        Args:
            x, y: the place, 0 … 1.
        """
        if not self.points:
            return ()
        if self.method == "radial" and len(self.points) > 1:
            blended = self._radial(x, y)
        else:
            blended = self._weights(x, y) @ self._values
        return tuple(np.clip(blended, 0.0, 1.0).tolist())

    @functools.cached_property
    def _places(self) -> Floats:
        return np.array([(p.x, p.y) for p in self.points], np.float64)

    @functools.cached_property
    def _values(self) -> Floats:
        return np.array([p.values for p in self.points], np.float64)

    def _weights(self, x: float, y: float) -> Floats:
        """One weight for each point; their sum is 1."""
        distances = np.hypot(*(self._places - (x, y)).T)
        weights = np.zeros(len(distances))
        order = np.argsort(distances, kind="stable")
        near = order[: self.neighbours]
        if distances[near[0]] < 1e-9:
            weights[near[0]] = 1.0
            return weights
        inverse = 1 / distances[near]
        if len(order) > len(near):
            inverse -= 1 / distances[order[len(near)]]
        weights[near] = inverse**2
        total = weights.sum()
        if total <= 0:  # the neighbours are as far away as the first point left out
            weights[near] = 1.0
            total = weights.sum()
        return np.asarray(weights / total)

    def _radial(self, x: float, y: float) -> Floats:
        distances = np.hypot(*(self._places - (x, y)).T)
        return np.asarray(np.append(distances, 1.0) @ self._coefficients)

    @functools.cached_property
    def _coefficients(self) -> Floats:
        """`[points + 1, axes]`: factors of |r|, then the constant; exact at the points."""
        count = len(self.points)
        offsets = self._places[:, None] - self._places[None]
        system = np.ones((count + 1, count + 1))
        system[:count, :count] = np.hypot(offsets[..., 0], offsets[..., 1])
        system[count, count] = 0.0
        wanted = np.vstack([self._values, np.zeros((1, self._values.shape[1]))])
        return np.asarray(np.linalg.lstsq(system, wanted, rcond=None)[0])


def to_shares(controls: Sequence[Control], values: Sequence[float]) -> tuple[float, ...]:
    """Values as shares of their controls' ranges by their curves, 0 … 1.

    Args:
        controls: of one element each; values: one for each control, in its unit.
    """
    return tuple(
        float(c.to_unit(np.array([v], np.float32))[0])
        for c, v in zip(controls, values, strict=True)
    )


def from_shares(controls: Sequence[Control], shares: Sequence[float]) -> tuple[float, ...]:
    """The inverse of `to_shares`, up to rounding.

    Args:
        controls: of one element each; shares: one for each control, 0 … 1.
    """
    return tuple(float(c.from_unit(s)[0]) for c, s in zip(controls, shares, strict=True))


def _distance(a: Point, b: Point) -> float:
    return float(np.hypot(a.x - b.x, a.y - b.y))
