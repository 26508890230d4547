"""A timbre space that is known: its decoder makes the spectrum of a given tone at every key.

Axis 0 of its four makes the sound brighter, axis 1 louder, the others do nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from export.parity import example_noise
from synth.models.timbre import PRESETS, Timbre, TimbreConfig
from synth.models.timbre.live.instrument import TimbreInstrument

RATE = 48_000
KEYS = (48.0, 60.0, 72.0, 84.0)
LEVEL = 0.2  # amplitude of the first partial; partial n has an n-th of it
NEPER_DB = 20 / np.log(10)
TILT = 0.5  # nepers per octave and unit of axis 0
STATISTICS = {
    "mean": torch.zeros(4),
    "axes": torch.eye(4),
    "low": -torch.ones(4),
    "high": torch.ones(4),
}


def hertz(key: float) -> float:
    return 440.0 * 2 ** ((key - 69) / 12)


def tone_db(key: float, highest: float) -> float:
    """RMS level of the tone of a key."""
    number = np.arange(1, int(highest / hertz(key)) + 1)
    return float(10 * np.log10(np.square(LEVEL / number).sum() / 2))


def spectrum(key: float, frequencies: np.ndarray, floor: float) -> np.ndarray:
    """Magnitudes of the bands of a tone and of even noise under it, `[bands]`."""
    made = np.full(len(frequencies), floor)
    for number in range(1, int(frequencies[-1] / hertz(key)) + 1):
        place = np.interp(np.log(number * hertz(key)), np.log(frequencies), range(len(frequencies)))
        apart = np.minimum(np.abs(np.arange(len(frequencies)) - place), 1)
        made = made + LEVEL / number * np.cos(0.5 * np.pi * apart) ** 2
    return made


def space(
    *, floor: float = 1e-6, decay_db: float = 0.0, dynamics: int = 1, seconds: float = 2.0
) -> Timbre:
    """Two sounds, "dark" and "bright", that lie at -0.5 and 0.5 on axis 0.

    Args:
        floor: magnitude of the noise in every band.
        decay_db: by which a note falls within its `seconds`.
        dynamics: how many; each is 0.5 nepers louder than the one before.
    """
    rows = [(i, k, d) for i in range(2) for k in KEYS for d in range(dynamics)]
    config: TimbreConfig = replace(
        PRESETS["live"],
        hidden_dims=136,
        hidden_layers=1,
        latent_dims=4,
        instruments=("bright", "dark"),
        dynamics=tuple(f"v{d}" for d in range(dynamics)),
        anchor_frames=9,
        anchor_instruments=tuple(row[0] for row in rows),
        anchor_keys=tuple(row[1] for row in rows),
        anchor_dynamics=tuple(row[2] for row in rows),
    )
    model = Timbre(config).eval()
    known = model.frequencies.numpy()
    first, last = model.decoder[0], model.frame_mean
    with torch.no_grad():
        for tensor in (first.weight, first.bias, last.weight, last.bias):
            tensor.zero_()
        for key in range(128):  # one unit for each key: both its pitch class and its octave are on
            first.weight[key, 4 + key % 12] = first.weight[key, 16 + key // 12] = 1.0
            first.bias[key] = -1.0
            made = np.log(np.maximum(spectrum(key, known, floor), config.floor))
            last.weight[:, key] = torch.from_numpy(made)
        for axis in range(4):
            for sign, unit in ((1.0, 128 + 2 * axis), (-1.0, 129 + 2 * axis)):
                first.weight[unit, axis] = sign
        octaves = torch.from_numpy(np.log2(known / 1000.0))
        for unit, sign in ((128, 1.0), (129, -1.0)):
            last.weight[:, unit] = sign * TILT * octaves
        for unit, sign in ((130, 1.0), (131, -1.0)):
            last.weight[:, unit] = sign
    for number, (sound, key, step) in enumerate(rows):
        model.anchors[number, :, 0] = 0.5 - sound
        model.anchors[number, :, 1] = 0.5 * step
        level = tone_db(key, known[-1]) + 0.5 * NEPER_DB * step
        model.anchor_levels[number] = level + torch.linspace(0, -decay_db, 9)
    model.anchor_times.copy_(torch.linspace(0, seconds, 9))
    return model


def instrument(sample_rate: int = RATE, **kinds: float) -> TimbreInstrument:
    return TimbreInstrument(space(**kinds), STATISTICS, sample_rate).eval()  # type: ignore[arg-type]


class Player:
    """Plays an instrument without a file: controls by name, sound `[voices, samples]`."""

    def __init__(
        self, made: TimbreInstrument, voices: int = 1, seed: int = 0, **values: object
    ) -> None:
        self.made, self.voices = made, voices
        self.state = made.init_state(voices)
        self.noise = np.random.default_rng(seed)
        self.controls = {
            c.name: torch.from_numpy(np.tile(c.default_array, (voices, 1))) for c in made.controls
        }
        self.set(**{"gate": 1.0, "attack": 0.001, "noise": -60.0, **values})

    def set(self, **values: object) -> None:
        for name, value in values.items():
            self.controls[name][:] = torch.as_tensor(value, dtype=torch.float32)

    def hops(self, count: int, noise: Mapping[str, Tensor] | None = None) -> Tensor:
        if noise is None:
            drawn = example_noise(self.made, self.voices, count, self.noise)
            noise = {name: torch.from_numpy(value) for name, value in drawn.items()}
        with torch.inference_mode():
            given = {**self.controls, **noise}
            sound, self.state = self.made.step(torch.tensor([count]), given, self.state)
        return sound[:, 0]

    def seconds(self, length: float) -> Tensor:
        return self.hops(round(length * self.made.sample_rate / self.made.hop))


def power(sound: Tensor, sample_rate: int = RATE) -> tuple[np.ndarray, float]:
    """Power of a windowed sound `[samples]`, and the distance of its bins in Hz; the window keeps
    the amplitude of a sine."""
    samples = sound.numpy().astype(np.float64)
    window = np.blackman(len(samples))
    size = 4 * len(samples)
    return np.abs(np.fft.rfft(samples * window / window.sum() * 2, size)) ** 2, sample_rate / size


def peak(sound: Tensor, near: float, sample_rate: int = RATE) -> tuple[float, float]:
    """Frequency and amplitude of the partial near a frequency, found between bins."""
    found, apart = power(sound, sample_rate)
    low, high = (int(near * 2 ** (c / 1200) / apart) for c in (-60, 60))
    at = low + int(np.argmax(found[low : high + 1]))
    a, b, c = np.log(found[at - 1 : at + 2] + 1e-30)
    shift = 0.5 * (a - c) / (a - 2 * b + c)
    return (at + shift) * apart, float(np.exp(0.5 * (b - 0.25 * (a - c) * shift)))


def between_db(sound: Tensor, fundamental: float, sample_rate: int = RATE) -> float:
    """Power further than 0.3 of the fundamental from every partial, against all."""
    found, apart = power(sound, sample_rate)
    place = np.arange(len(found)) * apart / fundamental
    beside = np.abs(place - np.rint(place)) > 0.3
    return float(10 * np.log10(found[beside].sum() / found.sum() + 1e-30))
