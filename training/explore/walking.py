"""Walks through the space on which a descriptor goes up or down."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synth.contract import ConfigError, require_one_of
from synth.dsp.descriptors import NAMES, describe
from synth.models.timbre.topology import CLOSE, Walk, walk
from training.explore.grids import UNITS, Mapped, mapped
from training.explore.labels import Condition
from training.explore.notes import Say
from training.explore.pictures.drawing import Floats, draw_space
from training.explore.pictures.films import path_film
from training.explore.pictures.scenery import SUSTAINED_SECONDS, anchor_clouds
from training.explore.pictures.walks import draw_walk
from training.explore.results import Results
from training.explore.sound import Phase, write_sounds
from training.explore.space import Space, Track
from training.explore.stage import Stage

TARGET_STEPS = 20
HEARD = 200  # values of the decoded frames that the JSON holds, about
CURVES = ("linear", "exponential", "logarithmic")
TARGETS = ("up", "down")
BEND = 4.0  # how far the exponential and the logarithmic curve are from the line
SHARE = 0.6  # of the way to the end of what the space reaches, where no reach is given


def curve_to(begin: float, end: float, curve: str, steps: int = TARGET_STEPS) -> Floats:
    """Values from `begin` to `end`, `[steps]`, monotone.

    Args:
        curve: "linear", "exponential" (slow at first) or "logarithmic" (fast at first).

    >>> curve_to(0, 1, "linear", 3).tolist()
    [0.0, 0.5, 1.0]
    """
    require_one_of("curve", curve, CURVES)
    at = np.linspace(0.0, 1.0, steps)
    if curve == "exponential":
        at = np.expm1(BEND * at) / np.expm1(BEND)
    elif curve == "logarithmic":
        at = 1 - np.expm1(BEND * (1 - at)) / np.expm1(BEND)
    return begin + (end - begin) * at


def explore_walk(
    space: Space,
    track: Track,
    out: str | Path,
    phase: Phase,
    *,
    conditions: Sequence[Condition],
    descriptors: Sequence[str] = ("centroid",),
    targets: Sequence[str] = ("up",),
    curves: Sequence[str] = ("linear",),
    reach: float | None = None,
    steps: int = 60,
    cache: Path | None = None,
    seconds: float = 2.5,
    animate: bool = True,
    say: Say = lambda text: None,
) -> Results:
    """Walk from a note over the grid of descriptors, and make the sound of the way.

    Args:
        track: the note; the walk begins where it is sustained.
        out: folder of sounds, pictures, animations and walk.json.
        phase: how it is found.
        conditions: each of which has a grid and walks of its own.
        descriptors, targets, curves: each of these with each of those: what changes, "up" or
            "down", and "linear", "exponential" or "logarithmic".
        reach: value that the last target has; None: 0.6 of the way to what the space reaches.
        steps: of the grid; cache: folder of grids.
        seconds: of each sound; animate: whether there are animations.
        say: prints what is being made, and which targets the space doesn't reach.

    Raises:
        ConfigError: a value is out of its range.
        DataError: a folder can't be written.
    """
    for name in descriptors:
        require_one_of("descriptor", name, NAMES)
    for target in targets:
        require_one_of("target", target, TARGETS)
    if reach is not None and not math.isfinite(reach):
        raise ConfigError(f"reach is {reach}; give the value that the descriptor is to have last")
    stage = Stage.of_seconds(space.config, seconds)
    results = Results(out, "walk", {"model": space.describe(), "phase": phase.describe()})
    results.data |= {
        "from": track.name, "seconds": seconds, "frames": stage.frames, "steps": steps, "walks": [],
    }  # fmt: skip
    for condition in conditions:
        grid = mapped(space, condition, steps, cache, say)
        for what in product(descriptors, targets, curves):
            goal = Goal(*what, reach, f"{condition.name} " if len(conditions) > 1 else "")
            told = _walked(space, track, grid, goal, results, stage, phase, animate, say)
            results.data["walks"].append(told)
    results.close()
    return results


@dataclass(frozen=True)
class Goal:
    """Where a walk is to lead.

    Attributes:
        descriptor, target, curve, reach: see `explore_walk`.
        before: stands before the name.
    """

    descriptor: str
    target: str
    curve: str
    reach: float | None = None
    before: str = ""

    @property
    def name(self) -> str:
        """Of the walk, for people and files."""
        return f"{self.before}{self.descriptor} {self.target} {self.curve}"


def _walked(
    space: Space, track: Track, grid: Mapped, goal: Goal, results: Results, stage: Stage,
    phase: Phase, animate: bool, say: Say,
) -> dict[str, Any]:  # fmt: skip
    """Write one walk; returns its numbers."""
    start = track.at(torch.tensor([SUSTAINED_SECONDS]))[0]
    wanted = _targets(grid, start, goal)
    gone = walk(grid.grid, start, {goal.descriptor: wanted.tolist()})
    _say_unreached(space, grid, gone, goal, wanted, say)
    latents, condition = upsampled(gone.points, stage.frames), grid.condition
    frames = space.decode(latents, condition.key, condition.dynamics)
    heard = _described(space, frames, goal.descriptor)
    values = gone.values[:, NAMES.index(goal.descriptor)].double().numpy()
    told: dict[str, Any] = {
        "descriptor": goal.descriptor,
        "target": goal.target,
        "curve": goal.curve,
        "condition": condition.describe(),
        "grid": {"cached": grid.cached, "cache": str(grid.file)},
        "unit": UNITS[goal.descriptor],
        "targets": wanted,
        "reached": values,
        "met": gone.reached.tolist(),
        "tolerance": CLOSE * float(np.ptp(grid.values(goal.descriptor))),
        "heard": heard[:: max(1, len(heard) // HEARD)],
        "places": space.place(gone.points),
        "sounds": write_sounds(results, goal.name, frames, stage, phase),
    }
    clouds, title = anchor_clouds(space), f"{space.name}: from {track.name}, {goal.name}"
    unit = f"{goal.descriptor} ({UNITS[goal.descriptor]})"
    picture = draw_walk(title, wanted, values, gone.reached.numpy(), heard, unit)
    line = {goal.name: space.place(latents).double().numpy()}
    told["pictures"] = [
        results.picture(goal.name, picture),
        results.picture(f"{goal.name} space", draw_space(title, clouds, line)),
    ]
    if animate:
        film = path_film(space, title, clouds, latents, frames, stage.seconds)
        sound = next(iter(told["sounds"].values()))["file"]
        told["animation"] = results.animation(goal.name, *film, audio=sound)
    return told


def _targets(grid: Mapped, start: Tensor, goal: Goal) -> Floats:
    """What the descriptor is to be at each step."""
    column = grid.grid.values[:, NAMES.index(goal.descriptor)]
    begin, reach = float(column[int(grid.grid.nearest(start[None])[0])]), goal.reach
    if reach is None:
        end = float(column.max() if goal.target == "up" else column.min())
        reach = begin + SHARE * (end - begin)
    elif (reach > begin) != (goal.target == "up"):
        raise ConfigError(
            f"reach {reach:g}: the note begins at {begin:.4g} {UNITS[goal.descriptor]}, and the"
            f" target is {goal.target}; give a {'higher' if goal.target == 'up' else 'lower'} reach"
        )
    return curve_to(begin, reach, goal.curve)


def _say_unreached(
    space: Space, grid: Mapped, gone: Walk, goal: Goal, wanted: Floats, say: Say
) -> None:
    """Say which targets lie beyond what the space reaches."""
    missed = int((~gone.reached).sum())
    if not missed:
        return
    values = grid.values(goal.descriptor)
    say(
        f"{goal.name}: {missed} of {len(wanted)} targets, up to {wanted[-1]:.4g}"
        f" {UNITS[goal.descriptor]}, are out of reach; {space.name} has {values.min():.4g} …"
        f" {values.max():.4g} at {grid.condition.name}, and the walk goes to the nearest"
    )


def upsampled(points: Tensor, frames: int) -> Tensor:
    """A path through points `[count, dims]` in straight lines, `[frames, dims]`."""
    place = torch.linspace(0, len(points) - 1, frames)
    before = place.long().clamp(max=max(len(points) - 2, 0))
    after = (before + 1).clamp(max=len(points) - 1)
    return torch.lerp(points[before], points[after], (place - before)[:, None])


def _described(space: Space, frames: Tensor, descriptor: str) -> Floats:
    """A descriptor of frames `[bands, frames]`, float64 `[frames]`."""
    found: Floats = getattr(describe(frames.t(), space.frequencies), descriptor).double().numpy()
    return found
