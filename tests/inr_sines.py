"""Coordinate networks whose sounds are known: one unit of the first layer is a sine of time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from synth.models.inr import INR, INRConfig
from synth.models.inr.live.instrument import INRInstrument
from synth.nn import State

# Small tensors gain nothing from a second thread, and lose much where cores are shared.
torch.set_num_threads(1)

RATE = 16_000
LEVEL = 0.5
EXACT = 1e-4  # what float32 leaves of a phase of thousands of radians: latents are float32


def hertz(key: float) -> float:
    """Frequency of a MIDI key."""
    return float(440.0 * 2 ** ((key - 69) / 12))


def sines(
    frequencies: Sequence[float],
    *,
    names: Sequence[str] = (),
    keys: Sequence[float] = (),
    length: int = RATE,
) -> INR:
    """Sound i is `LEVEL * sin(2 pi frequencies[i] * time)`, `length` samples at 16 kHz.

    The latent's first number is added to the frequency scale of the one unit: what lies between two
    sounds is a sine of a frequency between theirs.
    """
    config = INRConfig(
        architecture="pi-gan_min_mapping",
        width=1,
        depth=1,
        num_latent=2,
        first_omega_0=1000.0,
        audio_length=length,
        sounds=len(frequencies),
        names=tuple(names),
        keys=tuple(keys),
    )
    model = INR(config).eval()
    first, last = model.decoder.layers
    mapping = model.decoder.mapping.output
    with torch.no_grad():
        first.weight.fill_(1.0)
        first.bias.fill_(1.0)  # time begins at -1
        mapping.weight.zero_()
        mapping.bias.zero_()
        mapping.weight[0, 0] = 1.0
        last.weight.fill_(LEVEL)
        last.bias.zero_()
        scale = torch.tensor([math.pi * f * length / RATE for f in frequencies])
        model.latents.zero_()
        model.latents[:, 0] = scale - 1000.0
    return model


def small_inr(seed: int = 0, **fields: object) -> INR:
    """A network with random weights, of three sounds that differ."""
    torch.manual_seed(seed)
    usual: dict[str, object] = {"sounds": 3, "num_latent": 8, "audio_length": 4000}
    config = INRConfig(**{**usual, "latent_init_std": 1.0, **fields})  # type: ignore[arg-type]
    model = INR(config).eval()
    model.open_gates(1, 1)
    return model


class Player:
    """An instrument with all its controls at their defaults, played in blocks.

    Args:
        instrument: what is played; voices: rows; controls: values of all rows.
    """

    def __init__(self, instrument: INRInstrument, voices: int = 1, **controls: float) -> None:
        self.instrument, self.voices = instrument, voices
        self.controls = {
            c.name: torch.tensor([c.default]).repeat(voices, 1) for c in instrument.controls
        }
        self.set(gate=1.0, velocity=1.0, attack=0.001)
        self.set(**controls)
        self.state: State = instrument.init_state(voices)

    def set(self, **controls: float | Sequence[float]) -> None:
        """Move controls; a sequence gives each row its own value."""
        for name, value in controls.items():
            rows = torch.tensor(value, dtype=torch.float32).reshape(-1, 1)
            self.controls[name] = rows.expand(self.voices, 1).clone()

    def play(self, hops: int) -> Tensor:
        """The next hops in one block, `[voices, samples]`."""
        with torch.inference_mode():
            feed = torch.tensor([hops])
            audio, self.state = self.instrument.step(feed, self.controls, self.state)
        return audio[:, 0]

    def seconds(self, seconds: float) -> Tensor:
        """At least so much in one block, of the first row."""
        return self.play(math.ceil(seconds * self.instrument.sample_rate / self.instrument.hop))[0]


def frequency(sound: Tensor, sample_rate: int = RATE) -> float:
    """Hz of a sine, from its zero crossings, placed by the line between two samples."""
    x = sound.double()
    up = torch.nonzero((x[:-1] < 0) & (x[1:] >= 0))[:, 0]
    crossings = up + x[up] / (x[up] - x[up + 1])
    return float((len(up) - 1) / (crossings[-1] - crossings[0]) * sample_rate)


def cents(a: float, b: float) -> float:
    """Distance of two frequencies."""
    return abs(1200 * math.log2(a / b))
