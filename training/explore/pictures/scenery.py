"""What lies in pictures of a space: the notes that are kept in the model, by instrument."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from training.explore.pictures.drawing import Cloud
from training.explore.space import Space, Track

MOST_POINTS = 400  # of an instrument that are drawn
FRAMES_PER_SECOND = 313.0  # of the transform, about
SUSTAINED_SECONDS = 20 / FRAMES_PER_SECOND  # frame 20, where a note stands for its instrument
FRAMES = (10, 25)  # of a note that stand for it, as in training


def by_instrument(tracks: Sequence[Track]) -> dict[str, list[Track]]:
    """The tracks of each instrument, by name."""
    found: dict[str, list[Track]] = {}
    for track in tracks:
        found.setdefault(track.instrument, []).append(track)
    return {name: found[name] for name in sorted(found)}


def learned_points(space: Space, frames: tuple[int, int] = FRAMES) -> dict[str, Tensor]:
    """Latents `[rows, latent_dims]` of each instrument's kept notes, by name.

    Args:
        frames: first of the frames that are taken, and the one after the last. A note that keeps
            none of them gives the nearest one that it keeps.
    """
    first, stop = (frame / FRAMES_PER_SECOND for frame in frames)
    return {
        name: torch.cat([_between(track, first, stop) for track in tracks])
        for name, tracks in by_instrument(space.anchors).items()
    }


def _between(track: Track, first: float, stop: float) -> Tensor:
    inside = (track.times >= first - 1e-6) & (track.times < stop - 1e-6)
    if bool(inside.any()):
        return track.latents[inside]
    nearest = int((track.times - (first + stop) / 2).abs().argmin())
    return track.latents[nearest : nearest + 1]


def anchor_clouds(space: Space, frames: tuple[int, int] = FRAMES) -> list[Cloud]:
    """The kept notes as clouds, numbered as the instruments of the model are.

    Args:
        frames: as in `learned_points`.
    """
    clouds = []
    for name, found in learned_points(space, frames).items():
        step = -(-len(found) // MOST_POINTS)
        places = space.place(found[::step]).double().numpy()
        clouds.append(Cloud(name, places, space.instruments.index(name)))
    return clouds
