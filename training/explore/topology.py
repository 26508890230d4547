"""The topology of descriptors: how loud, bright, wide and noisy the space is, place by place."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from synth.dsp.descriptors import NAMES
from training.explore.grids import UNITS, Mapped
from training.explore.notes import Say
from training.explore.pictures.films import slice_film
from training.explore.pictures.planes import draw_planes
from training.explore.results import Results
from training.explore.sound import Phase, write_sounds
from training.explore.space import AXES, Space
from training.explore.stage import Stage

ENDS = ("lowest", "highest")


def explore_topology(
    space: Space,
    grids: Iterable[Mapped],
    out: str | Path,
    phase: Phase,
    *,
    seconds: float = 1.0,
    animate: bool = True,
    say: Say = lambda text: None,
) -> Results:
    """Draw descriptors over the space, and let its extreme places be heard.

    Args:
        grids: one for each condition; each is asked for when the one before it is drawn.
        out: folder of sounds, pictures, animations and topology.json.
        phase: how it is found.
        seconds: of each sound.
        animate: whether planes move along each axis.
        say: prints what is being drawn.

    Raises:
        ConfigError: `seconds` is out of its range.
        DataError: the folder can't be written.
    """
    stage = Stage.of_seconds(space.config, seconds)
    results = Results(out, "topology", {"model": space.describe(), "phase": phase.describe()})
    results.data |= {
        "units": UNITS,
        "low": space.axes.low,
        "high": space.axes.high,
        "labels": [],
    }
    for grid in grids:
        say(f"{space.name}, {grid.condition.name}: {grid.grid.steps} steps along each axis")
        told = {name: _drawn(space, grid, name, results, animate) for name in NAMES}
        for name in NAMES:
            told[name]["sounds"] = _ends(space, grid, name, results, stage, phase)
        results.data["labels"].append({
            "condition": grid.condition.describe(),
            "steps": grid.grid.steps,
            "cached": grid.cached,
            "cache": str(grid.file),
            "descriptors": told,
        })  # fmt: skip
    results.close()
    return results


def _drawn(
    space: Space, grid: Mapped, name: str, results: Results, animate: bool
) -> dict[str, Any]:
    """Pictures and numbers of one descriptor."""
    values = grid.values(name)
    low, high = space.axes.low.tolist(), space.axes.high.tolist()
    title = f"{space.name}, {grid.condition.name}: {name}"
    unit, file = f"{name} ({UNITS[name]})", f"{grid.condition.name} {name}"
    told: dict[str, Any] = {
        "lowest": values.min(),
        "highest": values.max(),
        "mean": values.mean(),
        # How far a step along an axis changes it, and how far that differs from place to place:
        # a space may be smooth without being linear.
        "step": [float(np.abs(np.diff(values, axis=axis)).mean()) for axis in range(AXES)],
        "planes": results.picture(f"{file} planes", draw_planes(title, values, low, high, unit)),
    }
    if animate:
        told["animations"] = [
            results.animation(
                f"{file} axis {axis + 1}", *slice_film(title, values, low, high, axis, unit)
            )
            for axis in range(AXES)
        ]
    return told


def _ends(
    space: Space, grid: Mapped, name: str, results: Results, stage: Stage, phase: Phase
) -> dict[str, Any]:
    """The sounds where a descriptor is lowest and highest."""
    values = grid.values(name)
    told = {}
    for end, cell in zip(ENDS, (values.argmin(), values.argmax()), strict=True):
        latent = grid.latent(int(cell))
        latents = latent.expand(stage.frames, -1)
        frames = space.decode(latents, grid.condition.key, grid.condition.dynamics)
        file = f"{grid.condition.name} {name} {end}"
        told[end] = {
            "place": space.place(latent[None])[0],
            "value": float(values.flat[cell]),
            "sounds": write_sounds(results, file, frames, stage, phase),
        }
    return told
