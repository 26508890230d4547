"""Random paths: circles and spirals in a random plane of all the dimensions of a space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synth.contract import ConfigError, require_within
from synth.models.timbre.paths import spiral
from training.explore.notes import Say
from training.explore.pictures.drawing import draw_space, draw_spectrograms
from training.explore.pictures.films import path_film
from training.explore.pictures.scenery import SUSTAINED_SECONDS, anchor_clouds
from training.explore.results import Results
from training.explore.sound import Phase, write_sounds
from training.explore.space import Space, Track, spread_over
from training.explore.stage import Stage

KINDS = ("circle", "spiral out", "spiral in")
CENTRE_STD = 0.2
RADII = (0.07, 0.7)
REVOLUTIONS = (0.08, 3.0)
RANDOM_KEYS = (48, 72)
MOST_PATHS = 1_000


@dataclass(frozen=True)
class Round:
    """A random path.

    Attributes:
        kind: of `KINDS`; centre: its name.
        radii: at the beginning and at the end, in latent units.
        revolutions: how often it goes round.
        keys: MIDI, one after the other.
        latents: `[frames, latent_dims]`.
    """

    kind: str
    centre: str
    radii: tuple[float, float]
    revolutions: float
    keys: tuple[float, ...]
    latents: Tensor


def draw_round(
    space: Space,
    kind: str,
    frames: int,
    seed: Sequence[int],
    keys: tuple[float, ...] = (),
    centres: Sequence[Track] = (),
) -> Round:
    """Draw a path by lot.

    The radius is at most 0.7; that of a spiral grows or shrinks by at most the centre's largest
    coordinate, or by the radius where that is more.

    Args:
        kind: of `KINDS`; frames: how many.
        seed: numbers that decide the lot.
        keys: MIDI, one after the other; none: one that is drawn.
        centres: notes of which one is the centre; none: a place near the middle of the space.

    Raises:
        ConfigError: the space has a single dimension.
    """
    dims = space.config.latent_dims
    if dims < 2:
        raise ConfigError(f"{space.name}: has a single latent dimension, and a circle needs two")
    draw = np.random.default_rng(list(seed))
    if centres:
        track = centres[int(draw.integers(len(centres)))]
        name, centre = track.name, track.at(torch.tensor([SUSTAINED_SECONDS]))[0]
    else:
        name, centre = "drawn", torch.from_numpy(CENTRE_STD * draw.standard_normal(dims)).float()
    radius = float(draw.uniform(*RADII))
    change = float(draw.uniform(0.3, 1.0)) * max(float(centre.abs().max()), radius)
    radii = {
        "circle": (radius, radius),
        "spiral out": (radius, radius + change),
        "spiral in": (radius + change, radius),
    }[kind]
    revolutions = float(draw.uniform(*REVOLUTIONS))
    generator = torch.Generator().manual_seed(int(draw.integers(1 << 31)))
    latents = spiral(centre, *radii, frames, revolutions, generator)
    keys = keys or (float(draw.integers(*RANDOM_KEYS, endpoint=True)),)
    return Round(kind, name, radii, revolutions, keys, latents)


def explore_random(
    space: Space,
    out: str | Path,
    phase: Phase,
    *,
    count: int = 1,
    seed: int = 0,
    keys: tuple[float, ...] = (),
    dynamics: str = "",
    centres: Sequence[Track] = (),
    seconds: float = 5.0,
    animate: bool = True,
    say: Say = lambda text: None,
) -> Results:
    """Make sounds on circles, spirals out and spirals in.

    Args:
        out: folder of sounds, pictures, animations and random.json.
        phase: how it is found.
        count: paths of each kind, 1 … 1000.
        seed: of all that is drawn.
        keys: MIDI, one after the other in equal shares of the time; none: one that is drawn.
        dynamics: by name; "" is the middle.
        centres: notes round which the paths go; none: places near the middle of the space.
        seconds: of each sound.
        animate: whether the paths are animated.
        say: prints what is being made.

    Raises:
        ConfigError: a value is out of its range.
        DataError: the folder can't be written.
    """
    require_within("count", count, 1, MOST_PATHS)
    stage = Stage.of_seconds(space.config, seconds)
    loud = space.dynamics_number(dynamics)
    results = Results(out, "random", {"model": space.describe(), "phase": phase.describe()})
    results.data |= {"seed": seed, "seconds": seconds, "frames": stage.frames, "paths": []}
    for number in range(count):
        for place, kind in enumerate(KINDS):
            name = f"{kind} {number + 1}" if count > 1 else kind
            say(f"{name}: {stage.frames} frames")
            lot = (seed, number, place)
            path = draw_round(space, kind, stage.frames, lot, keys, centres)
            told = _written(space, name, path, loud, results, stage, phase, animate)
            results.data["paths"].append(told)
    results.close()
    return results


def _written(
    space: Space, name: str, path: Round, dynamics: float, results: Results, stage: Stage,
    phase: Phase, animate: bool,
) -> dict[str, Any]:  # fmt: skip
    keys = spread_over(path.keys, stage.frames)
    frames = space.decode(path.latents, keys, dynamics)
    clouds, title = anchor_clouds(space), f"{space.name}: {name}"
    sounds = write_sounds(results, name, frames, stage, phase)
    spectrogram = draw_spectrograms(
        title, [(name, frames, stage.seconds)], space.frequencies, space.config.floor
    )
    line = {name: space.place(path.latents).double().numpy()}
    told: dict[str, Any] = {
        "name": name,
        "kind": path.kind,
        "centre": path.centre,
        "radii": path.radii,
        "revolutions": path.revolutions,
        "condition": {"keys": path.keys, "dynamics": dynamics},
        "first": path.latents[0],
        "last": path.latents[-1],
        "sounds": sounds,
        "pictures": [
            results.picture(f"{name} spectrogram", spectrogram),
            results.picture(f"{name} space", draw_space(title, clouds, line)),
        ],
    }
    if animate:
        film = path_film(space, title, clouds, path.latents, frames, stage.seconds)
        sound = next(iter(sounds.values()))["file"]
        told["animation"] = results.animation(name, *film, audio=sound)
    return told
