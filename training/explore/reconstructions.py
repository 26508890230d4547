"""Frames of notes beside what the space makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from training.explore.notes import Note
from training.explore.pictures.frames import draw_frames
from training.explore.pictures.scenery import FRAMES
from training.explore.results import Results
from training.explore.sound import log_spectral_distance_db
from training.explore.space import Space
from training.explore.whole_notes import frame_error

MOST_SHOWN = 9


def explore_reconstructions(
    space: Space, notes: Sequence[Note], out: str | Path, *, frames: tuple[int, int] = FRAMES
) -> Results:
    """Draw a frame of some notes beside what comes back, and measure all of them.

    Args:
        notes: at least one.
        out: folder of the picture and reconstructions.json.
        frames: first of the frames that are measured, and the one after the last.

    Raises:
        DataError: the folder can't be written.
    """
    results = Results(out, "reconstructions", {"model": space.describe(), "frames": list(frames)})
    step = -(-len(notes) // MOST_SHOWN)
    panels, told = [], []
    error: list[float] = []
    distance: list[float] = []
    for number, note in enumerate(notes):
        track, chosen = note.track, note.frames(*frames)
        made = space.decode(track.latents[chosen], track.key, track.dynamics)
        real = note.magnitude[:, chosen]
        if number % step == 0:
            middle = real.shape[1] // 2
            panels.append((track.name, real[:, middle], made[:, middle]))
        error.append(frame_error(space, note, *frames))
        distance.append(log_spectral_distance_db(made, real))
        told.append({
            "name": track.name,
            "condition": {"key": track.key, "dynamics": track.dynamics},
            "frame_error": error[-1],
            "log_spectral_distance_db": distance[-1],
        })  # fmt: skip
    title = f"{space.name}: frames and what comes back"
    results.data |= {
        "notes": told,
        "mean": {"frame_error": fmean(error), "log_spectral_distance_db": fmean(distance)},
        "picture": results.picture("frames", draw_frames(title, panels, space.frequencies)),
    }
    results.close()
    return results
