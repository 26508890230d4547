"""Anchors: notes that a model keeps as trajectories of latents, with their levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from synth.models.timbre import Timbre, TimbreConfig
from synth.models.timbre.conditioning import CENTRE_KEY
from training.data.library import Array, Clip
from training.timbre.frames.analysis import log_magnitudes
from training.timbre.frames.note import find_note
from training.timbre.notes import NoteLabel

KEYS_APART = 5.5
MOST_ANCHORS = 1_024  # of more instruments than can be kept, those whose names come first
# A trajectory is dense where a note begins: so much of its frames, so far apart, then the others.
DENSE_SHARE, DENSE_SECONDS, SPARSE_SECONDS = 0.42, 0.005, 0.04
LOWEST_DB = -120.0
SHORTEST_WINDOW = 0.008  # seconds, over which a level is measured


def anchor_times(frames: int) -> NDArray[np.float64]:
    """Seconds from the onset of the frames of a trajectory, float64 `[frames]`."""
    dense = max(1, round(DENSE_SHARE * frames))
    steps = np.where(np.arange(1, frames) < dense, DENSE_SECONDS, SPARSE_SECONDS)
    return np.concatenate([[0.0], np.cumsum(steps)])


def choose_anchors(model: TimbreConfig, labels: Sequence[NoteLabel]) -> TimbreConfig:
    """The config with the anchors that are made from notes: keys spread over the range of each
    instrument, every dynamics there is of them.

    Args:
        model: with its instruments and dynamics; labels: of the notes.
    """
    found = []
    for number, name in enumerate(model.instruments):
        own = [label for label in labels if label.instrument == name]
        for key in _spread(sorted({key_of(label) for label in own})):
            there = {label.dynamics for label in own if key_of(label) == key}
            found += [(number, key, d) for d, n in enumerate(model.dynamics) if n in there]
    kept = found[:MOST_ANCHORS]
    instruments, keys, dynamics = zip(*kept, strict=True) if kept else ((), (), ())
    return replace(
        model, anchor_instruments=instruments, anchor_keys=keys, anchor_dynamics=dynamics
    )


def anchor_clips(
    model: TimbreConfig, clips: Sequence[Clip], labels: Sequence[NoteLabel]
) -> list[Clip]:
    """The recording of each anchor, the first that fits.

    Args:
        model: with its anchors; clips, labels: of the notes that they were chosen from.
    """
    places = {
        (label.instrument, key_of(label), label.dynamics): clip
        for clip, label in reversed(list(zip(clips, labels, strict=True)))
    }
    anchors = zip(model.anchor_instruments, model.anchor_keys, model.anchor_dynamics, strict=True)
    return [places[model.instruments[i], key, model.dynamics[d]] for i, key, d in anchors]


def key_of(label: NoteLabel) -> float:
    """The MIDI key of a note; where it is not known, the middle."""
    return float(label.key) if label.key >= 0 else CENTRE_KEY


@torch.inference_mode()
def fill_anchors(model: Timbre, clips: Sequence[Clip]) -> None:
    """Give a model the trajectories of its anchors.

    Args:
        model: in eval mode; clips: the recording of each anchor.
    """
    config, device = model.config, model.offset.device
    times = anchor_times(config.anchor_frames)
    model.anchor_times.copy_(torch.from_numpy(times).float())
    for number, clip in enumerate(clips):
        key, dynamics = config.anchor_keys[number], float(config.anchor_dynamics[number])
        onset, end = find_note(clip, config.sample_rate)
        # A note that is over before the trajectory is held.
        last = max(0.0, (end - onset) / config.sample_rate - DENSE_SECONDS)
        held = np.minimum(times, last)
        logs = torch.from_numpy(log_magnitudes(clip, config, held.tolist())).float()
        centres = onset + held * config.sample_rate
        levels = levels_at(np.asarray(clip.open()[0]), config.sample_rate, centres, key)
        frames = (logs.to(device) - model.offset) / model.spread
        told = model.conditioning.row(
            torch.full((len(times),), key, device=device),
            torch.full((len(times),), dynamics, device=device),
        )
        model.anchors[number] = model.encode(frames, told)[0]
        model.anchor_levels[number] = torch.from_numpy(levels).to(device)


def levels_at(audio: Array, sample_rate: int, centres: NDArray[np.float64], key: float) -> Array:
    """Levels of a note in dB, RMS, where full scale is 0; at least -120.

    Each is that of as many whole periods as last 8 ms, because the level of a part of a period
    depends on which part it is.

    Args:
        audio: `[samples]`; sample_rate: Hz.
        centres: middles of the windows, in samples.
        key: MIDI, of the note.
    """
    pitch = 440.0 * 2 ** ((key - 69) / 12)
    window = sample_rate * np.ceil(SHORTEST_WINDOW * pitch) / pitch
    energy = np.concatenate([[0.0], np.cumsum(np.square(audio, dtype=np.float64))])
    ends = [centres + side * window / 2 for side in (-1, 1)]
    below, up_to = (np.interp(end, np.arange(len(energy)), energy) for end in ends)
    power = np.maximum((up_to - below) / window, 10 ** (LOWEST_DB / 10))
    levels: Array = (10 * np.log10(power)).astype(np.float32)
    return levels


def _spread(keys: Sequence[float]) -> list[float]:
    """Some of the keys, ascending, from the lowest to the highest about `KEYS_APART`."""
    if not keys:
        return []
    count = round((keys[-1] - keys[0]) / KEYS_APART) + 1
    wanted = np.linspace(keys[0], keys[-1], count)
    known = np.asarray(keys)
    return sorted({float(known[np.abs(known - at).argmin()]) for at in wanted})
