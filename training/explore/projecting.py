"""New instruments in a trained space: where they lie, and which instruments lie nearest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from synth.contract import ConfigError, DataError
from training.explore.notes import Note, Say, say_short
from training.explore.pictures.drawing import Cloud, draw_space, draw_spectrograms
from training.explore.pictures.scenery import FRAMES, anchor_clouds, learned_points
from training.explore.results import Results
from training.explore.sound import Phase, log_spectral_distance_db, write_sounds
from training.explore.space import Space
from training.explore.whole_notes import frame_error
from training.timbre.families import family_of


def explore_projection(
    space: Space,
    notes: Sequence[Note],
    out: str | Path,
    phase: Phase,
    *,
    frames: tuple[int, int] = FRAMES,
    sounds: bool = True,
    say: Say = lambda text: None,
) -> Results:
    """Place notes of instruments that weren't learned among those that were.

    Args:
        notes: at least one.
        out: folder of sounds, pictures and project.json.
        phase: how it is found.
        frames: first of the frames that are placed, and the one after the last.
        sounds: whether the notes are made sound again.
        say: prints what is being made.

    Raises:
        ConfigError: the frames are no range.
        DataError: the model keeps no notes to compare with, or the folder can't be written.
    """
    require_frames(frames)
    say_short(notes, frames, say)
    learned = _centroids(space, frames)
    results = Results(out, "project", {"model": space.describe(), "phase": phase.describe()})
    groups: dict[str, list[Note]] = {}
    for note in notes:
        groups.setdefault(note.track.instrument, []).append(note)
    told, clouds = [], []
    for number, (name, group) in enumerate(sorted(groups.items())):
        latents = placed(group, frames)
        found = _found(space, name, latents, learned)
        say(f"{name}: nearest is {found['nearest'][0]['instrument']}")
        clouds.append(Cloud(name, space.place(latents).double().numpy(), number, new=True))
        rebuilt = [_rebuilt(space, note, results, phase, frames, sounds) for note in group]
        told.append({**found, "notes": rebuilt})
    title = f"{space.name}: new instruments (black) among those that were learned"
    picture = draw_space(title, [*anchor_clouds(space, frames), *clouds])
    results.data |= {
        "frames": list(frames),
        "condition": "the key and dynamics of each note",
        "learned": {n: {"place": space.place(c[None])[0]} for n, c in learned.items()},
        "instruments": told,
        "picture": results.picture("space", picture),
    }
    results.close()
    return results


def _found(
    space: Space, name: str, latents: Tensor, learned: Mapping[str, Tensor]
) -> dict[str, Any]:
    """Where an instrument lies among those that were learned, the nearest first."""
    centroid = latents.mean(0)
    distances = sorted((float((centroid - c).norm()), n) for n, c in learned.items())
    return {
        "instrument": name,
        "learned": name in space.instruments,
        "family": family_of(name),
        "points": len(latents),
        "centroid": centroid,
        "place": space.place(centroid[None])[0],
        "spread": float((latents - centroid).norm(dim=1).mean()),
        "nearest": [{"instrument": n, "distance": d, "family": family_of(n)} for d, n in distances],
    }


def require_frames(frames: tuple[int, int]) -> None:
    """Raise `ConfigError` where two numbers are no range of frames."""
    first, stop = frames
    if not 0 <= first < stop:
        raise ConfigError(
            f"frames is {first} {stop}; give the first, from 0, and the one after the last, as in"
            " 10 25"
        )


def placed(notes: Sequence[Note], frames: tuple[int, int]) -> Tensor:
    """Latents `[rows, latent_dims]` of some frames of notes."""
    return torch.cat([note.track.latents[note.frames(*frames)] for note in notes])


def _centroids(space: Space, frames: tuple[int, int]) -> Mapping[str, Tensor]:
    """The middle of each learned instrument's kept notes."""
    found = learned_points(space, frames)
    if not found:
        raise DataError(f"{space.name}: the model keeps no notes to compare with; train it again")
    return {name: latents.mean(0) for name, latents in found.items()}


def _rebuilt(
    space: Space, note: Note, results: Results, phase: Phase, frames: tuple[int, int], sounds: bool
) -> dict[str, Any]:
    """What the space makes of a note."""
    track, chosen = note.track, note.frames(*frames)
    decoded = space.decode(track.latents, track.key, track.dynamics)
    told: dict[str, Any] = {
        **note.describe(space),
        "frame_error": frame_error(space, note, *frames),
        "log_spectral_distance_db": log_spectral_distance_db(
            decoded[:, chosen], note.magnitude[:, chosen]
        ),
    }
    if sounds:
        panels = [
            ("original", note.magnitude, note.stage.seconds),
            ("through the space", decoded, note.stage.seconds),
        ]
        picture = draw_spectrograms(
            f"{space.name}: {track.name}", panels, space.frequencies, space.config.floor
        )
        name = f"{track.name} rebuilt"
        told["picture"] = results.picture(track.name, picture)
        told["sounds"] = write_sounds(results, name, decoded, note.stage, phase)
    return told
