"""Whole notes through a space: each frame encoded, decoded and made sound again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from training.explore.notes import Note, Say
from training.explore.pictures.drawing import draw_space, draw_spectrograms
from training.explore.pictures.scenery import anchor_clouds
from training.explore.results import Results, level_db
from training.explore.sound import Phase, log_spectral_distance_db, write_sounds
from training.explore.space import Space
from training.timbre.measures import reconstruction_error


def explore_notes(
    space: Space,
    notes: Sequence[Note],
    out: str | Path,
    phase: Phase,
    *,
    say: Say = lambda text: None,
) -> Results:
    """Compare notes with what the space makes of them.

    Args:
        notes: at least one.
        out: folder for NAME.wav, "NAME rebuilt.wav", pictures and notes.json.
        phase: how it is found.
        say: prints what is being made.

    Raises:
        DataError: the folder can't be written.
    """
    results = Results(out, "notes", {"model": space.describe(), "phase": phase.describe()})
    told = []
    for note in notes:
        say(f"{note.track.name}: {note.stage.frames} frames")
        told.append(_compared(space, note, results, phase))
    lines = {n.track.name: space.place(n.track.latents).double().numpy() for n in notes[:4]}
    title = f"{space.name}: notes on their way through the space"
    results.data |= {
        "notes": told,
        "mean": {
            name: sum(entry[name] for entry in told) / len(told)
            for name in ("log_spectral_distance_db", "frame_error")
        },
        "space": results.picture("space", draw_space(title, anchor_clouds(space), lines)),
    }
    results.close()
    return results


def _compared(space: Space, note: Note, results: Results, phase: Phase) -> dict[str, Any]:
    """Write a note and what it becomes, and measure the difference."""
    track = note.track
    decoded = space.decode(track.latents, track.key, track.dynamics)
    rate = space.config.sample_rate
    original = results.audio(track.name, note.audio, rate)

    def measure(audio: Tensor) -> dict[str, Any]:
        heard = log_spectral_distance_db(note.stage.analysed(audio), note.magnitude)
        change = level_db(audio) - level_db(note.audio)
        return {"log_spectral_distance_db": heard, "level_difference_db": change}

    name = f"{track.name} rebuilt"
    sounds = write_sounds(results, name, decoded, note.stage, phase, measure)
    title = f"{space.name}: {track.name}"
    panels = [
        ("original", note.magnitude, note.stage.seconds),
        ("through the space", decoded, note.stage.seconds),
    ]
    picture = draw_spectrograms(title, panels, space.frequencies, space.config.floor)
    return {
        **note.describe(space),
        "original": original,
        "rebuilt": sounds,
        "log_spectral_distance_db": log_spectral_distance_db(decoded, note.magnitude),
        "frame_error": frame_error(space, note),
        "picture": results.picture(track.name, picture),
    }


def frame_error(space: Space, note: Note, first: int = 0, stop: int = 1 << 30) -> float:
    """The paper's measure of reconstruction: squared differences of scaled frames, summed over the
    bands, mean over the frames.

    Args:
        first, stop: the frames that are compared.
    """
    chosen, track = note.frames(first, stop), note.track
    made = space.scaled_frames(track.latents[chosen], track.key, track.dynamics)
    real = space.model.scaled(note.magnitude[:, chosen].to(space.device)).cpu().t()
    return float(reconstruction_error(real.double(), made.double()))
