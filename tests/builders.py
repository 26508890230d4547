"""Small instruments for tests: seeded random weights, real files."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import torch

from export.codec.sound_bank import Entry, build_bank
from export.manifest import describe
from export.onnx.instrument_graph import export_onnx
from synth.contract import Place
from synth.models.codec import Codec, CodecConfig
from synth.models.codec.effect import CodecEffect
from synth.models.codec.sampler import CodecSampler
from synth.models.instrument import Instrument

# Small tensors gain nothing from a second thread, and lose much where cores are shared.
torch.set_num_threads(1)

SMALL = CodecConfig(
    sample_rate=24_000,
    channels=4,
    strides=(2, 4, 4),
    dilations=(1, 3),
    latent_dim=8,
    levels=3,
    codebook_size=16,
    activation="snake",
)
PLACES = (
    Place("bell", (-0.5, 0.25, 0.0)),
    Place("reed", (0.75, -0.75, 1.0)),
    Place("reed", (0.5, -0.5, 0.75)),  # nearest to the middle of the three
    Place("reed", (0.25, -0.375, 0.5)),
    Place("Flöte", (2.0, 0.0, -0.25)),  # beyond the range of the control
)
SOUNDS = {"bell": (60, 66), "reed": (54, 60, 66)}


def tone(key: float, seconds: float, sample_rate: int) -> np.ndarray:
    """A sine of MIDI key `key`, [samples]."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    return (0.4 * np.sin(2 * np.pi * 440 * 2 ** ((key - 69) / 12) * time)).astype(np.float32)


def small_codec(seed: int = 0, config: CodecConfig = SMALL) -> Codec:
    """A codec with random weights, in eval mode."""
    torch.manual_seed(seed)
    return Codec(config).eval()


def small_sampler(seed: int = 0) -> CodecSampler:
    """A sampler of two sounds over `SOUNDS`."""
    codec = small_codec(seed)
    entries = []
    for sound, keys in SOUNDS.items():
        for key in keys:
            audio = torch.from_numpy(tone(key, 1.0, codec.config.sample_rate))[None, None]
            with torch.inference_mode():
                entries.append(Entry(sound, key, codec.encode(audio)[0].t().contiguous()))
    bank = build_bank(entries, codec.hop / codec.config.sample_rate)
    return CodecSampler(codec, {}, bank)


def instrument_bytes(instrument: Instrument, name: str) -> bytes:
    """The file of an instrument."""
    return export_onnx(instrument, describe(instrument, name, "codec", {}))[0]


@functools.cache
def sampler_bytes() -> bytes:
    """The file of `small_sampler`, named "small"; made once."""
    return instrument_bytes(small_sampler(), "small")


@functools.cache
def effect_bytes() -> bytes:
    """The file of a codec effect, named "effect"; made once."""
    return instrument_bytes(CodecEffect(small_codec(), {}), "effect")


@functools.cache
def mapped_bytes() -> bytes:
    """The file of a sampler with a map of `PLACES`, named "mapped"; made once."""
    sampler = small_sampler()
    sampler.map = PLACES
    return instrument_bytes(sampler, "mapped")


def write_mapped(folder: Path) -> Path:
    """The file of a sampler with a map of `PLACES` in `folder`."""
    path = folder / "mapped.onnx"
    path.write_bytes(mapped_bytes())
    return path


def write_sampler(folder: Path) -> Path:
    """A sampler's file in `folder`."""
    path = folder / "small.onnx"
    path.write_bytes(sampler_bytes())
    return path


def write_effect(folder: Path) -> Path:
    """An effect's file in `folder`."""
    path = folder / "effect.onnx"
    path.write_bytes(effect_bytes())
    return path
